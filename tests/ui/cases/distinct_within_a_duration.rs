//! Nor is a bare duration enough.

use std::time::Duration;

use millstream::prelude::*;

const ORDERS: Topic<String, String> = Topic::new("orders");
const ONCE: Topic<String, String> = Topic::new("orders-once");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(ORDERS).distinct(Duration::from_secs(60)).to(ONCE);
}
