//! Keys with a session are not keys with a window of a certain length.

use std::time::Duration;

use millstream::prelude::*;

const CLICKS: Topic<String, String> = Topic::new("clicks");
const MINUTE: Duration = Duration::from_secs(60);
const COUNTS: Topic<Windowed<String>, Option<i64>> = Topic::new("counts").windows_of(MINUTE);

fn main() {
    let builder = StreamsBuilder::new();
    let visits = Sessions::gap(MINUTE).no_grace();
    builder.stream(CLICKS).group_by_key().windowed_by(visits).count().to_stream().to(COUNTS);
}
