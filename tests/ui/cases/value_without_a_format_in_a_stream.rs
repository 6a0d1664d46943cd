//! A topic cannot be read if its values have no wire format.

use millstream::prelude::*;

#[derive(Clone)]
struct Click;

const CLICKS: Topic<String, Click> = Topic::new("clicks");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(CLICKS).for_each(|_, _| {});
}
