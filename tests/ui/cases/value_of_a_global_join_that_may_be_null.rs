//! A type between two operators needs no wire format, but must say whether it may be null.

use millstream::prelude::*;

#[derive(Clone)]
struct Named {
    article: String,
    name: Option<String>,
}

const ORDERS: Topic<u64, String> = Topic::new("orders");
const NAMES: Topic<u64, String> = Topic::new("names");
const PRICES: Topic<String, i64> = Topic::new("prices");
const LINES: Topic<u64, String> = Topic::new("lines");

fn main() {
    let builder = StreamsBuilder::new();
    let (names, prices) = (builder.table(NAMES), builder.global_table(PRICES));
    builder
        .stream(ORDERS)
        .left_join(names, |article, name| Named { article, name })
        .join_global(prices, |_, named| named.article.clone(), |named, _| named.name.unwrap_or_default())
        .to(LINES);
}
