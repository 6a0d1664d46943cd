//! What cannot fail needs no `try_`.

use millstream::prelude::*;

const TEXTS: Topic<u64, String> = Topic::new("texts");
const LENGTHS: Topic<u64, u64> = Topic::new("lengths");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(TEXTS).try_map_values(|text| text.len() as u64).to(LENGTHS);
}
