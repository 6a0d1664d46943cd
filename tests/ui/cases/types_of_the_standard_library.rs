//! Types without a wire format that are tried first.

use std::collections::HashMap;
use std::time::Duration;

use millstream::prelude::*;

const SIZES: Topic<u64, HashMap<String, u64>> = Topic::new("sizes");
const TIMES: Topic<u64, Duration> = Topic::new("times");
const LETTERS: Topic<char, u128> = Topic::new("letters");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(SIZES).for_each(|_, _| {});
    builder.stream(TIMES).for_each(|_, _| {});
    builder.stream(LETTERS).for_each(|_, _| {});
}
