//! Only keys with windows have a calendar.

use millstream::prelude::*;

const PER_DAY: Topic<String, i64> = Topic::new("clicks-per-day").windows_by(CalendarWindows::days());

fn main() {
    StreamsBuilder::new().table(PER_DAY).stored_as(KeyValueStore::new("clicks-per-day"));
}
