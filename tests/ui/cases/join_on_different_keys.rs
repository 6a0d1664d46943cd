//! A stream and a table are joined only on keys of the same type.

use millstream::prelude::*;

const CLICKS: Topic<String, String> = Topic::new("clicks");
const USERS: Topic<u64, String> = Topic::new("users");
const OUT: Topic<String, String> = Topic::new("out");

fn main() {
    let builder = StreamsBuilder::new();
    let users = builder.table(USERS);
    builder.stream(CLICKS).join(users, |click, _user| click).to(OUT);
}
