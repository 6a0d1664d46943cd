//! A stream that is built and dropped does nothing.

#![deny(unused_must_use)]

use millstream::prelude::*;

const LINES: Topic<(), String> = Topic::new("lines");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(LINES).filter(|_, line| !line.is_empty());
}
