//! The keys of an aggregation in windows are not those of the stream.

use std::time::Duration;

use millstream::prelude::*;

const VIEWS: Topic<String, String> = Topic::new("views");
const PER_MINUTE: Topic<String, i64> = Topic::new("views-per-minute");

fn main() {
    let builder = StreamsBuilder::new();
    let minutes = Tumbling::of(Duration::from_secs(60)).no_grace();
    builder.stream(VIEWS).group_by_key().windowed_by(minutes).count().to_stream().to(PER_MINUTE);
}
