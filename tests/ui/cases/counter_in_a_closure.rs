//! State belongs in stores: all tasks share a closure, and they move between processes.

use millstream::prelude::*;

const LINES: Topic<(), String> = Topic::new("lines");

fn main() {
    let mut lines = 0;
    let builder = StreamsBuilder::new();
    builder.stream(LINES).for_each(|_, _| lines += 1);
}
