//! Two tables are joined only on keys of the same type, and a table is not joined with a stream.

use millstream::prelude::*;

const USERS: Topic<u64, String> = Topic::new("users");
const NAMES: Topic<String, String> = Topic::new("names");
const OUT: Topic<u64, String> = Topic::new("out");

fn main() {
    let builder = StreamsBuilder::new();
    let users = builder.table(USERS);
    users.join(builder.table(NAMES), |user, _name| user).to_stream().to(OUT);
    users.left_join(builder.stream(USERS), |user, _name: Option<String>| user).to_stream().to(OUT);
}
