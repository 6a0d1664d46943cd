//! A tuple has no wire format.

use millstream::prelude::*;

const VIEWS: Topic<String, String> = Topic::new("views");

fn main() {
    let builder = StreamsBuilder::new();
    let _ = builder.stream(VIEWS).group_by(|user, page| (user.clone(), page.clone())).count();
}
