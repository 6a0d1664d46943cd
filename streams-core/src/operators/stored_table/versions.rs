//! Tables in versioned stores: what they forward, log and find.

use std::sync::Arc;
use std::time::Duration;

use crate::operators::testing::{Chain, Logged, Num, Setup, Word, at};
use crate::operators::{DropReason, StoreId, stream_aggregate, stream_table_join, table_aggregate, table_source};
use crate::record::{Change, Record};
use crate::state::kinds::Versioned;

type Table = Chain<Word, Option<Num>, Word, Change<Num>>;

fn setup() -> Setup {
    let kind = Arc::new(Versioned { history: Duration::from_millis(100) });
    // The budget does not matter: versions have no cache.
    Setup { kind, old_values: true, cache_bytes: 1 << 20, ..Setup::default() }
}

fn table(setup: Setup) -> Table {
    Chain::with(setup, &table_source::recipe::<Word, Option<Num>>(Some(StoreId(0)), true))
}

fn change(timestamp: i64, old: Option<i64>, new: Option<i64>, is_latest: bool) -> Record<Word, Change<Num>> {
    at(timestamp, "a".into(), Change { old: old.map(Num), new: new.map(Num), is_latest })
}

/// Timestamps and rows of `a`; the last but one is too old.
const WRITES: [(i64, Option<i64>); 7] =
    [(50, Some(1)), (80, Some(2)), (60, Some(3)), (200, Some(4)), (150, None), (99, Some(5)), (250, None)];

fn written(setup: Setup) -> Table {
    let mut table = table(setup);
    WRITES.into_iter().for_each(|(timestamp, row)| table.send(at(timestamp, "a".into(), row.map(Num))));
    table
}

/// `KTableSource` with a versioned store.
#[test]
fn each_write_is_forwarded_at_once_unless_it_is_too_old() {
    let mut table = written(setup());
    let expected = [
        change(50, None, Some(1), true),
        change(80, Some(1), Some(2), true),
        // Old is the latest row, whatever was valid then.
        change(60, Some(2), Some(3), false),
        change(200, Some(2), Some(4), true),
        change(150, Some(4), None, false),
        change(250, Some(4), None, true),
    ];
    assert_eq!(table.received(), expected);
    assert_eq!(table.context.dropped(DropReason::Expired), 1);
}

fn logged(timestamp: i64, row: Option<i64>) -> Logged {
    ("a".into(), row.map(|row| row.to_be_bytes().to_vec()), timestamp)
}

/// Compaction keeps each key's last record, so that must be the latest version.
#[test]
fn the_last_record_of_a_key_in_the_changelog_is_its_latest_version() {
    let mut table = written(setup());
    let expected = [
        logged(50, Some(1)),
        logged(80, Some(2)),
        logged(60, Some(3)),
        logged(80, Some(2)),
        logged(200, Some(4)),
        logged(150, None),
        logged(200, Some(4)),
        logged(250, None),
    ];
    assert_eq!(table.logged(0), expected);
    table.send(at(240, "a".into(), Some(Num(6))));
    assert_eq!(table.logged(0), [logged(240, Some(6)), logged(250, None)]);

    // Kafka Streams logs what was written, and even what was refused.
    let mut table = written(Setup { repeats_flaws: true, ..setup() });
    assert_eq!(table.logged(0), WRITES.map(|(timestamp, row)| logged(timestamp, row)));
}

#[test]
fn after_a_restart_versions_and_time_are_there() {
    let recipe = table_source::recipe::<Word, Option<Num>>(Some(StoreId(0)), true);
    let mut table = written(setup());
    table.commit();
    table.send(at(300, "a".into(), Some(Num(7))));
    let mut table: Table = table.restarted(&recipe);
    for (timestamp, row) in [(149, Some(8)), (150, Some(9)), (300, None)] {
        table.send(at(timestamp, "a".into(), Some(Num(row.unwrap_or(0)))));
    }
    let expected = [change(150, None, Some(9), false), change(300, None, Some(0), true)];
    assert_eq!(table.received(), expected);
}

#[test]
fn a_join_finds_what_was_valid_at_the_streams_time() {
    let mut table = written(setup());
    table.commit();
    let view = super::view::<Word, Num>(StoreId(0));
    let joiner = |_: &Word, _: i64, row: Option<Num>| Some(row.map(|row| row.0));
    let join = stream_table_join::recipe::<Word, i64, Num, Option<i64>>(view, true, joiner);
    let mut joined: Chain<Word, i64, Word, Option<i64>> = table.retyped(&join);
    let times = [149, 150, 199, 200, 249, 250, 999];
    times.into_iter().for_each(|time| joined.send(at(time, "a".into(), 0)));
    let found: Vec<_> = joined.received().into_iter().map(|record| record.value).collect();
    assert_eq!(found, [None, None, None, Some(4), Some(4), None, None]);
}

/// The results' time is that of the latest record, so they are the latest versions, unless a group was deleted.
#[test]
fn aggregates_have_versions() {
    let sum = stream_aggregate::recipe::<Word, Num, Num>(StoreId(0), |_, value, sum: Option<Num>| {
        (value.0 != 0).then(|| Num(sum.map_or(0, |sum| sum.0) + value.0))
    });
    let mut sums: Chain<Word, Num, Word, Change<Num>> = Chain::with(setup(), &sum);
    for (timestamp, value) in [(50, 1), (40, 2), (60, 0), (55, 3), (500, 4), (50, 5)] {
        sums.send(at(timestamp, "a".into(), Num(value)));
    }
    let expected = [
        change(50, None, Some(1), true),
        change(50, Some(1), Some(3), true),
        change(60, Some(3), None, true),
        change(55, None, Some(3), false),
        change(500, None, Some(4), true),
        change(500, Some(4), Some(9), true),
    ];
    assert_eq!(sums.received(), expected);

    let count = table_aggregate::recipe::<Word, Num, Num>(
        StoreId(0),
        |_, _, count: Option<Num>| Some(Num(count.map_or(0, |count| count.0) + 1)),
        |_, _, count| (count.0 > 1).then_some(Num(count.0 - 1)),
    );
    let mut counts: Chain<Word, Change<Num>, Word, Change<Num>> = Chain::with(setup(), &count);
    let one = |timestamp, old: Option<i64>, new: Option<i64>| change(timestamp, old, new, true);
    for record in [
        one(50, None, Some(7)),
        one(40, None, Some(7)),
        one(60, Some(7), None),
        one(300, Some(7), None),
        one(100, None, Some(7)),
    ] {
        counts.send(record);
    }
    let expected =
        [one(50, None, Some(1)), one(50, Some(1), Some(2)), one(60, Some(2), Some(1)), one(300, Some(1), None)];
    assert_eq!(counts.received(), expected);
    assert_eq!(counts.context.dropped(DropReason::Expired), 1);
}
