//! `usize` and `isize` have no wire format.

use millstream::prelude::*;

const LINES: Topic<(), String> = Topic::new("lines");

fn main() {
    let builder = StreamsBuilder::new();
    let _ = builder.stream(LINES).group_by(|_, line| line.len()).count();
}
