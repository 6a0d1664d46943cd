//! A topic accepts only its own types.

use millstream::prelude::*;

const LINES: Topic<(), String> = Topic::new("lines");
const LENGTHS: Topic<(), u64> = Topic::new("lengths");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(LINES).to(LENGTHS);
}
