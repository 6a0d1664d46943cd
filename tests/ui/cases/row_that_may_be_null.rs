//! A table has a row or it has none.

use millstream::prelude::*;

const NAMES: Topic<u64, String> = Topic::new("names");

fn main() {
    let builder = StreamsBuilder::new();
    let _ = builder.table(NAMES).map_values(|name| (name != "").then_some(name));
}
