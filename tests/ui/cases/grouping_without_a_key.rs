//! A stream without keys cannot be grouped by key.

use millstream::prelude::*;

const LINES: Topic<(), String> = Topic::new("lines");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(LINES).group_by_key().count();
}
