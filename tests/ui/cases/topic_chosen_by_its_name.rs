//! A closure chooses a topic with its types.

use millstream::prelude::*;

const VISITS: Topic<String, String> = Topic::new("visits");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(VISITS).to_with(|_, country, _| format!("visits-from-{country}"));
}
