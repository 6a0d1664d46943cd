//! Sessions are kept in a store of their own sort.

use std::time::Duration;

use millstream::prelude::*;

const CLICKS: Topic<String, String> = Topic::new("clicks");
const COUNTS: WindowStore<String, i64> = WindowStore::new("counts");

fn main() {
    let builder = StreamsBuilder::new();
    let visits = Sessions::gap(Duration::from_secs(60)).no_grace();
    builder.stream(CLICKS).group_by_key().windowed_by(visits).count().stored_as(COUNTS);
}
