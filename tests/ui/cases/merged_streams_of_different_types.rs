//! Streams that are merged have the same types.

use millstream::prelude::*;

const VIEWS: Topic<String, String> = Topic::new("views");
const PAYMENTS: Topic<String, i64> = Topic::new("payments");
const EVENTS: Topic<String, String> = Topic::new("events");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(VIEWS).merge(builder.stream(PAYMENTS)).to(EVENTS);
}
