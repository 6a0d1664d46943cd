//! Two streams are joined within some time, which has to be said.

use millstream::prelude::*;

const VIEWS: Topic<String, String> = Topic::new("views");
const CLICKS: Topic<String, String> = Topic::new("clicks");
const OUT: Topic<String, String> = Topic::new("out");

fn main() {
    let builder = StreamsBuilder::new();
    let (views, clicks) = (builder.stream(VIEWS), builder.stream(CLICKS));
    views.join(clicks, |view, click| format!("{view} {click}")).to(OUT);
    views.outer_join(clicks, |view, click| format!("{view:?} {click:?}")).to(OUT);
}
