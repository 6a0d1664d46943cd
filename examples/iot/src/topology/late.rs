//! What is late? The same readings, counted per minute with three graces: a window takes what comes before its end and the grace,
//! and the rest is dropped. A longer grace loses less, and its results are final later.
//!
//! Each count is per device, where the readings are, so that nothing changes their order before they are counted. The counts of
//! all devices are added up afterwards.

use std::time::Duration;

use millstream::prelude::*;

use super::{MINUTE, Temperatures};

/// A grace that is tried out.
#[derive(Debug, Clone, Copy)]
pub struct Tried {
    /// What it is called.
    pub name: &'static str,
    /// How late a reading may be.
    pub grace: Duration,
    /// The store of what it counts, by device and minute.
    store: &'static str,
}

/// The graces, the shortest first.
pub const GRACES: [Tried; 3] = [
    Tried { name: "no grace", grace: Duration::ZERO, store: "counted-no-grace" },
    Tried { name: "30 s", grace: Duration::from_secs(30), store: "counted-30-s" },
    Tried { name: "2 min", grace: Duration::from_secs(120), store: "counted-2-min" },
];

/// A grace that is longer than anything is late: what it counts is what there is.
pub const ALL: Tried = Tried { name: "all", grace: Duration::from_secs(600), store: "counted-all" };

/// The readings of all devices in each minute, by what their grace is called.
pub const BY_GRACE_STORE: WindowStore<String, i64> = WindowStore::new("readings-by-grace");

/// How long they are kept. Sums come from all partitions, some of which may be far behind others while they catch up.
const KEEP: Duration = Duration::from_secs(6 * 3_600);

/// How long they are shown.
const SHOWN_FOR: Duration = Duration::from_secs(1_800);

pub(super) fn late(temperatures: Temperatures<'_>) {
    let per_device = temperatures.group_by_key();
    let counted = |Tried { name, grace, store }: Tried| {
        per_device
            .windowed_by(Tumbling::of(MINUTE).grace(grace))
            .count()
            .named(store)
            .stored_as(WindowStore::new(store))
            .group_by(move |minute, count| (Windowed { key: name.to_owned(), window: minute.window }, count))
            .windows_of(MINUTE)
            .named(format!("{store}-together"))
            .reduce(|sum, count| sum + count, |sum, count| sum - count)
            .to_stream()
    };
    let [first, second, third] = GRACES.map(counted);
    first
        .merge(second)
        .merge(third)
        .merge(counted(ALL))
        .filter_some()
        .group_by(|minute, _| minute.key.clone())
        .named("sums")
        .windowed_by(Tumbling::of(MINUTE).grace(KEEP))
        .reduce(|_, newest| newest)
        .stored_as(BY_GRACE_STORE)
        .live(|tile| {
            let of = |name: &'static str| move |row: &Windowed<String>, n: &i64| if row.key == name { *n } else { 0 };
            let [first, second, third] = GRACES.map(|tried| tried.name);
            tile.lines("Accepted, by grace")
                .series(ALL.name, of(ALL.name))
                .series(first, of(first))
                .series(second, of(second))
                .series(third, of(third))
                .last(SHOWN_FOR)
                .unit("readings per minute")
        })
        .live(|tile| {
            let [first, second, third] = GRACES.map(|tried| tried.name);
            tile.lines("Dropped, by grace")
                .series(first, dropped(first))
                .series(second, dropped(second))
                .series(third, dropped(third))
                .last(SHOWN_FOR)
                .unit("readings per minute")
        });
}

/// What all have without what one has: rows of the same minute are added up.
fn dropped(name: &'static str) -> impl Fn(&Windowed<String>, &i64) -> i64 {
    move |row, readings| match row.key.as_str() {
        key if key == ALL.name => *readings,
        key if key == name => -readings,
        _ => 0,
    }
}
