//! A key derives `Key`.

use millstream::prelude::*;

#[derive(Clone, Value)]
struct User(u64);

const VIEWS: Topic<String, u64> = Topic::new("views");

fn main() {
    let builder = StreamsBuilder::new();
    let _ = builder.stream(VIEWS).group_by(|_, user| User(*user)).count();
}
