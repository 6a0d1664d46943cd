//! `usize` and `isize` have no wire format.

use millstream::prelude::*;

const LINES: Topic<String, String> = Topic::new("lines");
const LENGTHS: Topic<String, isize> = Topic::new("lengths");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(LINES).map_values(|line| line.len() as isize).to(LENGTHS);
    let _ = builder.stream(LINES).group_by_key().aggregate(|| 0_usize, |bytes, line| *bytes += line.len());
}
