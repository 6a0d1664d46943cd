//! A join with a global table says which row a record belongs to.

use millstream::prelude::*;

const ORDERS: Topic<u64, String> = Topic::new("orders");
const PRICES: Topic<String, i64> = Topic::new("prices");
const OUT: Topic<u64, String> = Topic::new("out");

fn main() {
    let builder = StreamsBuilder::new();
    let prices = builder.global_table(PRICES);
    builder.stream(ORDERS).join(prices, |order, price| format!("{order} {price}")).to(OUT);
}
