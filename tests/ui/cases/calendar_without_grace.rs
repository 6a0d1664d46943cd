//! Days and months must say how long they wait for late records, as all windows.

use millstream::prelude::*;

const CLICKS: Topic<String, String> = Topic::new("clicks");

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream(CLICKS).group_by_key().windowed_by(CalendarWindows::days()).count();
}
