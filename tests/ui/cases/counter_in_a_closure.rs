//! State belongs in stores: a closure exists once, but tasks are many and move.

use millstream::prelude::*;

const LINES: Topic<(), String> = Topic::new("lines");

fn main() {
    let mut lines = 0;
    let builder = StreamsBuilder::new();
    builder.stream(LINES).for_each(|_, _| lines += 1);
}
