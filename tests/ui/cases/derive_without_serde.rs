//! JSON needs serde's derives.

use millstream::prelude::*;

#[derive(Clone, Value)]
#[streams(json)]
struct Click {
    page: String,
}

const CLICKS: Topic<u64, Click> = Topic::new("clicks");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(CLICKS).for_each(|_, click| println!("{}", click.page));
}
