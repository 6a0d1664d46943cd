//! A table is kept only in a store with its types.

use millstream::prelude::*;

const CLICKS: Topic<String, String> = Topic::new("clicks");
const COUNTS: KeyValueStore<String, u32> = KeyValueStore::new("counts");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(CLICKS).group_by_key().count().stored_as(COUNTS);
}
