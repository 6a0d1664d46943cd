//! A table's changes include deletions, so their values are an `Option`.

use millstream::prelude::*;

const VIEWS: Topic<String, String> = Topic::new("views");
const DOUBLED: Topic<String, i64> = Topic::new("doubled");
const TEXTS: Topic<String, String> = Topic::new("texts");

fn main() {
    let builder = StreamsBuilder::new();
    let counts = builder.stream(VIEWS).group_by_key().count().to_stream();
    counts.map_values(|count| count * 2).to(DOUBLED);
    counts.to(TEXTS);
}
