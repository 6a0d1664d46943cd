//! Equal floating-point numbers may differ in their bytes.

use millstream::prelude::*;

const PRICES: Topic<String, f64> = Topic::new("prices");

fn main() {
    let builder = StreamsBuilder::new();
    let _ = builder.stream(PRICES).group_by(|_, price| *price).count();
}
