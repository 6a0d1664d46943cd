//! Only windows close.

use millstream::prelude::*;

const CLICKS: Topic<String, String> = Topic::new("clicks");
const COUNTS: Topic<String, Option<i64>> = Topic::new("counts");

fn main() {
    let builder = StreamsBuilder::new();
    let counts = builder.stream(CLICKS).group_by_key().count();
    counts.suppress(Suppress::until_window_closes().unbounded()).to_stream().to(COUNTS);
}
