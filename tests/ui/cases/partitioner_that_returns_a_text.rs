//! A partitioner returns a number.

use millstream::prelude::*;

const ORDERS: Topic<u64, String> = Topic::new("orders");
const COPIES: Topic<u64, String> = Topic::new("copies");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(ORDERS).to(COPIES).partitioned_by(|_, region, _| region.clone());
}
