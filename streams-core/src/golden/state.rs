//! The layouts of stores' changelogs.

use std::time::Duration;

use super::{Vector, unhex};
use crate::record::{Header, Offset, Partition, RecordPosition, Timestamp};
use crate::state::held_record::{self, HeldContext, HeldRecord, HeldValues};
use crate::state::kinds::{ChangelogRecord, GraceBuffer, HeldAt, Sessions, StoreKind, StoredRow, Windows};
use crate::windows::{Window, WindowSize};

/// A record with that key becomes a row with the given parts, and the row leads back to the key.
fn check(vector: &Vector, kind: &dyn StoreKind, window: Window) {
    let logged = vector.made();
    let record = ChangelogRecord { key: &logged, value: Some(b"v"), timestamp: Timestamp(7) };
    let (stored, row) = kind.to_store(record).unwrap();
    let StoredRow { key, window: found, value, .. } = kind.read(&stored, row.as_deref().unwrap()).unwrap();
    assert_eq!((key, found, value), (&*vector.bytes(0), Some(window), &b"v"[..]));
    vector.expect(&kind.changelog_key(&stored).unwrap());
}

/// A table has one row per key and window, so its keys end with the number 0. Only a join's buffer has others.
pub(super) fn window_store_key(vector: &Vector) {
    let start = vector.number::<i64>(1);
    let kind = Windows { size: WindowSize::Millis(10), retention: Duration::from_secs(60) };
    if vector.number::<u32>(2) == 0 {
        check(vector, &kind, Window { start: Timestamp(start), end: Timestamp(start.saturating_add(10)) });
    } else {
        let record = ChangelogRecord { key: &vector.made(), value: None, timestamp: Timestamp(0) };
        assert_eq!(kind.to_store(record), None);
    }
}

pub(super) fn session_store_key(vector: &Vector) {
    let [start, end] = [1, 2].map(|index| Timestamp(vector.number(index)));
    check(vector, &Sessions { retention: Duration::from_secs(600) }, Window { start, end });
}

pub(super) fn time_first_key(vector: &Vector) {
    let (key, logged) = (vector.bytes(1), vector.made());
    let record = ChangelogRecord { key: &logged, value: None, timestamp: Timestamp(0) };
    let (stored, _) = GraceBuffer.to_store(record).unwrap();
    let at = HeldAt { timestamp: vector.number(0), key: &key, sequence: vector.number(2) };
    assert_eq!(HeldAt::split(&stored), Some(at));
    vector.expect(&at.logged());
}

pub(super) fn buffered_record(vector: &Vector) {
    let new = vector.nullable(5);
    let values = HeldValues { prior: None, old: None, new: new.as_deref() };
    let mut made = Vec::new();
    held_record::write(&held_context(vector), &values, Timestamp(0), &mut made).unwrap();
    vector.expect(&made);
}

/// Timestamp, offset, topic, partition and headers of a record that is held back.
fn held_context(vector: &Vector) -> HeldContext {
    let position = RecordPosition {
        topic: vector.text(2).into(),
        partition: Partition(vector.number(3)),
        offset: Offset(vector.number(1)),
    };
    let header = |header: &str| {
        let (name, value) = header.split_once(':').unwrap();
        Header { name: String::from_utf8(unhex(name).unwrap()).unwrap(), value: unhex(value).map(Into::into) }
    };
    let headers = vector.input[4].split(',').filter(|header| *header != "-").map(header).collect();
    HeldContext { timestamp: Timestamp(vector.number(0)), position: Some(position), headers }
}

pub(super) fn suppressed(vector: &Vector) {
    let [prior, old, new] = [5, 6, 7].map(|index| vector.nullable(index));
    let values = HeldValues { prior: prior.as_deref(), old: old.as_deref(), new: new.as_deref() };
    let held = HeldRecord { context: held_context(vector), values, time: Timestamp(vector.number(8)) };
    let mut made = Vec::new();
    held_record::write(&held.context, &held.values, held.time, &mut made).unwrap();
    vector.expect(&made);
    assert_eq!(held_record::read(&made), Some(held));
}
