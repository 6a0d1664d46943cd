//! A stream is grouped before it is counted.

use millstream::prelude::*;

const VIEWS: Topic<String, String> = Topic::new("views");
const COUNTS: Topic<String, i64> = Topic::new("counts");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(VIEWS).count().to_stream().to(COUNTS);
}
