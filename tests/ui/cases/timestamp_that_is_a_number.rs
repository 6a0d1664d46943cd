//! An extractor says that its number is a time.

use millstream::prelude::*;

const READINGS: Topic<u64, i64> = Topic::new("readings");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(READINGS).timestamped_by(|reading, _| reading.value).for_each(|_, _| {});
}
