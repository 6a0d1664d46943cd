//! A stream is read from a topic's constant, which has its types.

use millstream::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream("views");
}
