//! A type that has no wire format, as what a table's rows become.

use millstream::prelude::*;

#[derive(Clone)]
struct Click;

const PAGES: Topic<String, String> = Topic::new("pages");

fn main() {
    let builder = StreamsBuilder::new();
    builder.table(PAGES).map_values(|_| Click);
}
