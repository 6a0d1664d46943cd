//! A table is grouped before it is counted.

use millstream::prelude::*;

const USERS: Topic<u64, String> = Topic::new("countries-of-users");
const COUNTS: Topic<u64, i64> = Topic::new("counts");

fn main() {
    let builder = StreamsBuilder::new();
    builder.table(USERS).count().to_stream().to(COUNTS);
}
