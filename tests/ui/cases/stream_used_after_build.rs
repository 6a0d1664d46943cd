//! Streams cannot be used after the topology has been built.

use millstream::prelude::*;

const LINES: Topic<(), String> = Topic::new("lines");

fn main() {
    let builder = StreamsBuilder::new();
    let lines = builder.stream(LINES);
    let _topology = builder.build();
    lines.to(LINES);
}
