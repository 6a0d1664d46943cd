//! A type without a wire format may be in a stream, but cannot be grouped.

use millstream::prelude::*;

#[derive(Clone)]
struct Click;

const PAGES: Topic<String, String> = Topic::new("pages");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(PAGES).map_values(|_| Click).filter(|_, _| true).group_by_key();
}
