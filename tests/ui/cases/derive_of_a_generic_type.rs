//! A generic type has a format if its parameters allow it.

use millstream::prelude::*;

#[derive(Clone, serde::Serialize, serde::Deserialize, Value)]
#[streams(json)]
struct Dated<T> {
    day: u32,
    value: T,
}

#[derive(Clone)]
struct Click;

const CLICKS: Topic<u64, Dated<u64>> = Topic::new("clicks");
const DATED: Topic<u64, Dated<Click>> = Topic::new("dated");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(CLICKS).for_each(|_, click| println!("{} {}", click.day, click.value));
    builder.stream(DATED).for_each(|_, _| {});
}
