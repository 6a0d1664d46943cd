//! The first closure of a foreign-key join computes a key of the other table.

use millstream::prelude::*;

const ORDERS: Topic<u64, String> = Topic::new("orders");
const CUSTOMERS: Topic<u32, String> = Topic::new("customers");
const OUT: Topic<u64, String> = Topic::new("out");

fn main() {
    let builder = StreamsBuilder::new();
    let customers = builder.table(CUSTOMERS);
    builder.table(ORDERS).join_on(customers, |_, order| order.clone(), |order, _| order).to_stream().to(OUT);
}
