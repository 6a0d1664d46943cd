//! Tables cannot be joined with each other yet.

use millstream::prelude::*;

const USERS: Topic<u64, String> = Topic::new("users");
const NAMES: Topic<u64, String> = Topic::new("names");
const OUT: Topic<u64, String> = Topic::new("out");

fn main() {
    let builder = StreamsBuilder::new();
    let (users, names) = (builder.table(USERS), builder.table(NAMES));
    users.join(names, |user, name| format!("{user} {name}")).to_stream().to(OUT);
    users.left_join(names, |user, name| format!("{user} {name:?}")).to_stream().to(OUT);
    users.outer_join(names, |user, name| format!("{user:?} {name:?}")).to_stream().to(OUT);
}
