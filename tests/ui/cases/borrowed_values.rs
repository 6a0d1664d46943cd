//! What is stored or sent owns its data.

use millstream::prelude::*;

const LINES: Topic<(), &str> = Topic::new("lines");
const PICTURES: Topic<&[u8], String> = Topic::new("pictures");
const NAMES: Topic<u64, String> = Topic::new("names");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(LINES).for_each(|_, _| {});
    builder.stream(PICTURES).for_each(|_, _| {});
    builder.stream(NAMES).group_by(|_, _| "all").count().to_stream().for_each(|_, _| {});
}
