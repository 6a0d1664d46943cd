//! A type that has no wire format, in a topic that is read.

use millstream::prelude::*;

#[derive(Clone)]
struct Click;

const CLICKS: Topic<String, Click> = Topic::new("clicks");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(CLICKS).for_each(|_, _| {});
}
