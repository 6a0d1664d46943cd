//! A topic's name is checked at compile time.

use millstream::prelude::*;

const LINES: Topic<(), String> = Topic::new("");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(LINES).for_each(|_, _| {});
}
