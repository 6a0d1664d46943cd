//! A suppression with a limit must say what happens when that is exceeded.

use std::time::Duration;

use millstream::prelude::*;

const PRICES: Topic<String, i64> = Topic::new("prices");
const CALMER: Topic<String, Option<i64>> = Topic::new("calmer-prices");

fn main() {
    let builder = StreamsBuilder::new();
    let few = Suppress::until_time_limit(Duration::from_secs(60)).max_records(1_000);
    builder.table(PRICES).suppress(few).to_stream().to(CALMER);
}
