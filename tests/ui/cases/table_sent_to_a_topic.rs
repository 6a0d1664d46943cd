//! A table becomes a stream before it is sent.

use millstream::prelude::*;

const VIEWS: Topic<String, String> = Topic::new("views");
const COUNTS: Topic<String, i64> = Topic::new("counts");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(VIEWS).group_by_key().count().to(COUNTS);
}
