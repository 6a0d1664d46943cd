//! What is a duplicate is forgotten some time, so it must be said how late records may be.

use std::time::Duration;

use millstream::prelude::*;

const ORDERS: Topic<String, String> = Topic::new("orders");
const ONCE: Topic<String, String> = Topic::new("orders-once");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(ORDERS).distinct(DistinctWindows::of(Duration::from_secs(60))).to(ONCE);
}
