//! The results of an outer join have the keys of both streams, so either both may be null or only those of the first.

use std::time::Duration;

use millstream::prelude::*;

const VIEWS: Topic<String, String> = Topic::new("views");
const CLICKS: Topic<Option<String>, String> = Topic::new("clicks");
const OUT: Topic<String, String> = Topic::new("out");

fn main() {
    let builder = StreamsBuilder::new();
    let clicks = builder.stream(CLICKS).within(JoinWindows::of(Duration::from_secs(5)).no_grace());
    builder.stream(VIEWS).outer_join(clicks, |view, click| format!("{view:?} {click:?}")).to(OUT);
}
