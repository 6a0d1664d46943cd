//! Leaving out and mapping are two operations.

use millstream::prelude::*;

const LINES: Topic<u64, String> = Topic::new("lines");
const NUMBERS: Topic<u64, i64> = Topic::new("numbers");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(LINES).filter_map(|_, line| line.parse::<i64>().ok()).to(NUMBERS);
}
