//! What is late? The same readings, counted per minute with three graces: a window takes what comes before its end and the grace,
//! and the rest is dropped. A longer grace loses less, and its results are final later.
//!
//! What is late is a matter of order. So readings are counted by the partition that they come from, and on their way to the
//! counts those of each partition keep to themselves: where partitions meet, as in a repartition by anything else, some readings
//! would overtake others. Afterwards the counts of all partitions and graces come together in one row for each minute.

use std::collections::BTreeMap;
use std::time::Duration;

use millstream::prelude::*;
use millstream::record::Partition;
use serde::{Deserialize, Serialize};

use super::{MINUTE, Temperatures};
use crate::readings::Millidegrees;

/// A grace that is tried out.
#[derive(Debug, Clone, Copy)]
pub struct Tried {
    /// What it is called.
    pub name: &'static str,
    /// How late a reading may be.
    pub grace: Duration,
    /// The store of what it counts, by partition and minute.
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

/// The readings of all devices in each minute.
pub const BY_GRACE_STORE: WindowStore<String, Counts> = WindowStore::new("readings-by-grace");

/// The key of all devices.
const ALL_DEVICES: &str = "all devices";

/// How long they are kept. Counts come from all partitions, some of which may be far behind others while they catch up.
const KEEP: Duration = Duration::from_secs(6 * 3_600);

/// How long they are shown.
const SHOWN_FOR: Duration = Duration::from_secs(1_800);

/// How many readings of a minute a partition has with a grace, so far.
#[derive(Value, Debug, Clone, Serialize, Deserialize)]
#[streams(json)]
struct Count {
    partition: i32,
    grace: String,
    readings: i64,
}

/// The readings of a minute: by what their grace is called, and partition.
#[derive(Value, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[streams(json)]
pub struct Counts(BTreeMap<String, BTreeMap<i32, i64>>);

impl Counts {
    fn set(&mut self, Count { partition, grace, readings }: Count) {
        self.0.entry(grace).or_default().insert(partition, readings);
    }

    /// How many were accepted with a grace.
    pub fn accepted(&self, tried: Tried) -> i64 {
        self.0.get(tried.name).map_or(0, |partitions| partitions.values().sum())
    }

    /// How many were dropped, which a long grace accepts.
    pub fn dropped(&self, tried: Tried) -> i64 {
        self.accepted(ALL) - self.accepted(tried)
    }
}

pub(super) fn late(temperatures: Temperatures<'_>) {
    let per_partition = temperatures
        .process((), |(), _, temperature, out: &mut Forward<'_, i32, Millidegrees>| {
            out.send(out.task().partition.0, temperature);
        })
        .repartition()
        .named("by-partition")
        .partitioned_by(|partition, _, _| Partition(*partition))
        .group_by_key();
    let counted = |Tried { name, grace, store }: Tried| {
        let counts = per_partition.windowed_by(Tumbling::of(MINUTE).grace(grace)).count().named(store);
        counts.stored_as(WindowStore::new(store)).to_stream().filter_some().map(move |minute, readings| {
            (ALL_DEVICES.to_owned(), Count { partition: minute.key, grace: name.to_owned(), readings })
        })
    };
    let [first, second, third] = GRACES;
    counted(ALL)
        .merge(counted(first))
        .merge(counted(second))
        .merge(counted(third))
        .group_by_key()
        .named("counts")
        .windowed_by(Tumbling::of(MINUTE).grace(KEEP))
        .aggregate(Counts::default, Counts::set)
        .stored_as(BY_GRACE_STORE)
        .live(|tile| {
            tile.lines("Accepted, by grace")
                .series(ALL.name, |_, counts| counts.accepted(ALL))
                .series(first.name, move |_, counts| counts.accepted(first))
                .series(second.name, move |_, counts| counts.accepted(second))
                .series(third.name, move |_, counts| counts.accepted(third))
                .last(SHOWN_FOR)
                .unit("readings per minute")
        })
        .live(|tile| {
            tile.lines("Dropped, by grace")
                .series(first.name, move |_, counts| counts.dropped(first))
                .series(second.name, move |_, counts| counts.dropped(second))
                .series(third.name, move |_, counts| counts.dropped(third))
                .last(SHOWN_FOR)
                .unit("readings per minute")
        });
}
