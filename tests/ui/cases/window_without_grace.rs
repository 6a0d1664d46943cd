//! Windows must say how long they wait for late records.

use std::time::Duration;

use millstream::prelude::*;

const CLICKS: Topic<String, String> = Topic::new("clicks");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(CLICKS).group_by_key().windowed_by(Tumbling::of(Duration::from_secs(60))).count();
}
