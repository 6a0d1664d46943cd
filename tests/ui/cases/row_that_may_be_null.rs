//! A table has a row or it has none.

use millstream::prelude::*;

const NAMES: Topic<u64, String> = Topic::new("names");

fn main() {
    let builder = StreamsBuilder::new();
    let names = builder.stream(NAMES).group_by_key();
    let _ = names.aggregate(|| None, |last: &mut Option<String>, name| *last = Some(name));
}
