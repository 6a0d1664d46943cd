//! A stream without keys has nothing to be grouped by.

use millstream::prelude::*;

const LINES: Topic<(), String> = Topic::new("lines");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(LINES).group_by_key().count();
}
