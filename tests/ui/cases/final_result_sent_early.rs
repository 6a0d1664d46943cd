//! A result that is sent early is not final.

use std::time::Duration;

use millstream::prelude::*;

const MINUTE: Duration = Duration::from_secs(60);
const CLICKS: Topic<String, String> = Topic::new("clicks");
const COUNTS: Topic<Windowed<String>, Option<i64>> = Topic::new("counts").windows_of(MINUTE);

fn main() {
    let builder = StreamsBuilder::new();
    let counts = builder.stream(CLICKS).group_by_key().windowed_by(Tumbling::of(MINUTE).no_grace()).count();
    let early = Suppress::until_window_closes().max_records(1_000).emit_early_when_full();
    counts.suppress(early).to_stream().to(COUNTS);
}
