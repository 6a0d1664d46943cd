//! A value that does not know its rules.

use millstream::prelude::*;

const NAMES: Topic<String, String> = Topic::new("names");
const VALID: Topic<String, String> = Topic::new("valid-names");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(NAMES).validated().to(VALID);
}
