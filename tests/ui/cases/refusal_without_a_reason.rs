//! A closure that refuses a record says why: with an error, or with a text.

use millstream::prelude::*;

const TEXTS: Topic<u64, String> = Topic::new("texts");
const NUMBERS: Topic<u64, i64> = Topic::new("numbers");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(TEXTS).try_map_values(|text| text.parse::<i64>().map_err(|_| ())).to(NUMBERS);
}
