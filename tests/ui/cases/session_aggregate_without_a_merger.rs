//! Sessions can become one, so their aggregates must be combined.

use std::time::Duration;

use millstream::prelude::*;

const CLICKS: Topic<String, String> = Topic::new("clicks");

fn main() {
    let builder = StreamsBuilder::new();
    let visits = Sessions::gap(Duration::from_secs(60)).no_grace();
    builder.stream(CLICKS).group_by_key().windowed_by(visits).aggregate(|| 0_i64, |clicks, _| *clicks += 1);
}
