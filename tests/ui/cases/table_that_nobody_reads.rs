//! A table that is neither read nor kept under a name does nothing that anybody could see.

#![deny(unused_must_use)]

use millstream::prelude::*;

const VIEWS: Topic<String, String> = Topic::new("views");
const USERS: Topic<String, String> = Topic::new("users");
const STORE: KeyValueStore<String, i64> = KeyValueStore::new("views-per-user");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(VIEWS).group_by_key().count();
    builder.table(USERS).filter(|_, name| !name.is_empty()).named("named");
    builder.global_table(USERS);
    builder.stream(VIEWS).group_by_key();
    // This one is kept, and can be read by its name.
    builder.stream(VIEWS).group_by_key().count().stored_as(STORE);
}
