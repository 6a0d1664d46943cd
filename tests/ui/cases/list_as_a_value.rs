//! A list is a type of its own, because a `Vec<u8>` stands for bytes.

use millstream::prelude::*;

const TAGS: Topic<String, Vec<String>> = Topic::new("tags");
const COLOURS: Topic<[u8; 3], u64> = Topic::new("colours");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(TAGS).for_each(|_, _| {});
    builder.stream(COLOURS).for_each(|_, _| {});
}
