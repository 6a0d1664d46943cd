//! How long a join of two streams waits for late records has to be said.

use std::time::Duration;

use millstream::prelude::*;

const VIEWS: Topic<String, String> = Topic::new("views");
const CLICKS: Topic<String, String> = Topic::new("clicks");
const OUT: Topic<String, String> = Topic::new("out");

fn main() {
    let builder = StreamsBuilder::new();
    let clicks = builder.stream(CLICKS).within(JoinWindows::of(Duration::from_secs(5)));
    builder.stream(VIEWS).join(clicks, |view, click| format!("{view} {click}")).to(OUT);
}
