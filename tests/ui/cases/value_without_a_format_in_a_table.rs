//! The rows of a table cannot be mapped to a type without a wire format.

use millstream::prelude::*;

#[derive(Clone)]
struct Click;

const PAGES: Topic<String, String> = Topic::new("pages");

fn main() {
    let builder = StreamsBuilder::new();
    builder.table(PAGES).map_values(|_| Click);
}
