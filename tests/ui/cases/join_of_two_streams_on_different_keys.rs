//! Two streams are joined only on keys of the same type, and only two streams are outer joined.

use std::time::Duration;

use millstream::prelude::*;

const VIEWS: Topic<String, String> = Topic::new("views");
const CLICKS: Topic<u64, String> = Topic::new("clicks");
const USERS: Topic<String, String> = Topic::new("users");
const OUT: Topic<String, String> = Topic::new("out");

fn main() {
    let builder = StreamsBuilder::new();
    let (views, users) = (builder.stream(VIEWS), builder.table(USERS));
    let soon = JoinWindows::of(Duration::from_secs(5)).no_grace();
    views.join(builder.stream(CLICKS).within(soon), |view, click| format!("{view} {click}")).to(OUT);
    views.outer_join(users, |view, user| format!("{view:?} {user:?}")).to(OUT);
}
