//! A suppression must say how much it may hold back.

use std::time::Duration;

use millstream::prelude::*;

const PRICES: Topic<String, i64> = Topic::new("prices");

fn main() {
    let builder = StreamsBuilder::new();
    builder.table(PRICES).suppress(Suppress::until_time_limit(Duration::from_secs(60))).to_stream().to(PRICES);
}
