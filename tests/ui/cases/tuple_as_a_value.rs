//! A tuple has no wire format, but may be between two operators.

use millstream::prelude::*;

const VIEWS: Topic<String, String> = Topic::new("views");
const PAIRS: Topic<String, (String, u64)> = Topic::new("pairs");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(VIEWS).map_values(|page| (page, 1_u64)).to(PAIRS);
    let _ = builder.stream(VIEWS).group_by_key().aggregate(|| (0, 0), |(views, _), _| *views += 1);
}
