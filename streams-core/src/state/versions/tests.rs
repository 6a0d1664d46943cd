//! Versions: what each write does, against Kafka Streams' rules and a plain model.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::state::kinds::{ChangelogRecord, StoreKind as _, Versioned};
use crate::state::{Memory, Restoring, StateBackend as _, StoreBatch, StoreIndex};

/// Rows in a map.
#[derive(Default)]
struct Rows(BTreeMap<Vec<u8>, Vec<u8>>);

impl VersionRows for Rows {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.get(key).cloned())
    }

    fn first(&self, from: &[u8], to: &[u8]) -> Result<Option<KeyAndRow>, StoreError> {
        let mut range = self.0.range::<[u8], _>((Bound::Included(from), Bound::Included(to)));
        Ok(range.next().map(|(key, row)| (key.clone(), row.clone())))
    }

    fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<KeyAndRow>, StoreError> {
        let mut range = self.0.range::<[u8], _>((Bound::Included(from), Bound::Included(to)));
        Ok(range.next_back().map(|(key, row)| (key.clone(), row.clone())))
    }

    fn put(&mut self, key: &[u8], row: Option<&[u8]>) {
        match row {
            Some(row) => _ = self.0.insert(key.to_vec(), row.to_vec()),
            None => _ = self.0.remove(key),
        }
    }
}

/// A versioned store of texts.
struct Store {
    versions: History,
    rows: Rows,
    newest: Timestamp,
}

fn store(millis: i64) -> Store {
    Store { versions: History { millis }, rows: Rows::default(), newest: Timestamp::UNKNOWN }
}

impl Store {
    fn put(&mut self, key: &str, value: Option<&str>, at: i64) -> Written {
        let key = key.as_bytes();
        let latest = History::latest(&self.rows, key).unwrap();
        let write = (value.map(str::as_bytes), Timestamp(at));
        let Self { versions, rows, newest } = self;
        let written = versions.put(rows, key, latest.as_ref(), write, newest).unwrap();
        assert_eq!(History::newest(&self.rows), Ok(self.newest));
        self.rows.0 = self.rows.0.split_off(&self.versions.floor(self.newest));
        written
    }

    /// Value, beginning and end.
    fn as_of(&self, key: &str, at: i64) -> Option<(String, i64, Option<i64>)> {
        let found = self.versions.as_of(&self.rows, key.as_bytes(), Timestamp(at), self.newest).unwrap();
        found.map(|Version { value, from, until }| {
            (String::from_utf8(value).unwrap(), from.0, until.map(|until| until.0))
        })
    }

    fn values(&self, key: &str, times: impl IntoIterator<Item = i64>) -> Vec<Option<String>> {
        times.into_iter().map(|at| self.as_of(key, at).map(|(value, ..)| value)).collect()
    }
}

fn until(at: i64) -> Written {
    Written::Until(Timestamp(at))
}

/// `RocksDBVersionedStoreTest`.
#[test]
fn each_version_is_valid_until_the_next() {
    let mut store = store(300_000);
    for (value, at, expected) in [
        (Some("b"), 20, Written::Latest),
        (Some("d"), 40, Written::Latest),
        (Some("a"), 10, until(20)),
        (Some("c"), 30, until(40)),
        (None, 35, until(40)),
        (Some("C"), 30, until(35)),
        (Some("e"), 35, until(40)),
        (Some("D"), 40, Written::Latest),
    ] {
        assert_eq!(store.put("k", value, at), expected, "{value:?} at {at}");
    }
    let found = |value: &str, from, until| Some((value.to_owned(), from, until));
    for (at, expected) in [
        (9, None),
        (10, found("a", 10, Some(20))),
        (19, found("a", 10, Some(20))),
        (20, found("b", 20, Some(30))),
        (30, found("C", 30, Some(35))),
        (39, found("e", 35, Some(40))),
        (40, found("D", 40, None)),
        (i64::MAX, found("D", 40, None)),
    ] {
        assert_eq!(store.as_of("k", at), expected, "at {at}");
    }
}

#[test]
fn deletions_are_versions_without_a_value() {
    let mut store = store(300_000);
    for (value, at, expected) in [
        (None, 20, Written::Latest),
        (None, 20, Written::Latest),
        // Before the deletion of what was not there.
        (Some("a"), 10, until(20)),
        (None, 10, until(20)),
        (Some("b"), 12, until(20)),
        (None, 15, until(20)),
        (Some("c"), 30, Written::Latest),
        (Some("d"), 25, until(30)),
        (None, 40, Written::Latest),
        (Some("e"), 35, until(40)),
    ] {
        assert_eq!(store.put("k", value, at), expected, "{value:?} at {at}");
    }
    let at = [10, 12, 14, 15, 20, 24, 25, 30, 34, 35, 39, 40, 99];
    let expected = ["-", "b", "b", "-", "-", "-", "d", "c", "c", "e", "e", "-", "-"];
    let values: Vec<_> = store.values("k", at).into_iter().map(|value| value.unwrap_or("-".to_owned())).collect();
    assert_eq!(values, expected);
}

/// Java forgets such a deletion, so that an earlier version counts as the latest.
#[test]
fn a_deletion_at_the_time_of_the_only_version_forgets_it() {
    let mut store = store(300_000);
    assert_eq!(store.put("k", Some("b"), 20), Written::Latest);
    assert_eq!(store.put("k", None, 20), Written::Latest);
    assert_eq!(store.put("k", Some("a"), 10), Written::Latest);
    assert_eq!(store.values("k", [15, 25]), [Some("a".to_owned()), Some("a".to_owned())]);
    // With another version before it, it is remembered.
    assert_eq!(store.put("l", Some("a"), 10), Written::Latest);
    assert_eq!(store.put("l", Some("b"), 20), Written::Latest);
    assert_eq!(store.put("l", None, 20), Written::Latest);
    assert_eq!(store.put("l", Some("c"), 15), until(20));
    // Also with a deletion that was written later.
    assert_eq!(store.put("m", Some("b"), 20), Written::Latest);
    assert_eq!(store.put("m", None, 10), until(20));
    assert_eq!(store.put("m", None, 20), Written::Latest);
    assert_eq!(store.put("m", Some("a"), 10), until(20));
}

#[test]
fn what_is_older_than_the_history_is_refused_and_unknown() {
    let mut store = store(100);
    store.put("k", Some("a"), 1_000);
    store.put("k", Some("b"), 1_100);
    store.put("l", Some("c"), 1_000);
    assert_eq!(store.put("other", Some("x"), 1_150), Written::Latest);
    for (at, expected) in [(1_050, until(1_100)), (1_049, Written::Refused)] {
        assert_eq!(store.put("k", Some("late"), at), expected, "at {at}");
    }
    assert_eq!(store.put("new", Some("late"), 1_049), Written::Refused);
    assert_eq!(store.put("new", None, 1_049), Written::Refused);
    // The latest version is known for ever.
    assert_eq!(store.values("l", [999, 1_000, 1_049]), [None, Some("c".to_owned()), Some("c".to_owned())]);
    assert_eq!(store.values("k", [1_000, 1_049, 1_050]), [None, None, Some("late".to_owned())]);
}

#[test]
fn a_key_does_not_see_the_versions_of_those_that_begin_like_it() {
    let mut store = store(300_000);
    for key in ["", "a", "aa", "a\0", "ab"] {
        store.put(key, Some(&format!("{key}1")), 10);
        store.put(key, Some(&format!("{key}2")), 20);
    }
    for key in ["", "a", "aa", "a\0", "ab"] {
        assert_eq!(store.values(key, [15, 20]), [Some(format!("{key}1")), Some(format!("{key}2"))], "{key:?}");
    }
    assert_eq!(store.values("b", [15, 20]), [None, None]);
}

#[test]
fn ended_versions_leave_the_store_by_whole_spans() {
    let mut store = store(240_000);
    for at in 0..1_000 {
        store.put("k", Some("v"), at * 10_000);
    }
    // Those that ended within the history, in a span of half of that, and the latest; and the newest time.
    assert!(store.rows.0.len() <= 24 + 12 + 2, "{} rows", store.rows.0.len());
    assert_eq!(store.values("k", [9_749_999, 9_750_000]), [None, Some("v".to_owned())]);
}

#[test]
fn the_ends_of_time_are_times() {
    let mut store = store(i64::MAX);
    assert_eq!(store.put("k", Some("a"), 0), Written::Latest);
    assert_eq!(store.put("k", Some("z"), i64::MAX), Written::Latest);
    assert_eq!(store.put("k", Some("m"), 5), until(i64::MAX));
    assert_eq!(
        store.values("k", [0, 4, 5, i64::MAX - 1, i64::MAX]),
        ["a", "a", "m", "m", "z"].map(|v| Some(v.to_owned()))
    );
    let mut short = self::store(0);
    assert_eq!(short.put("k", Some("a"), i64::MAX), Written::Latest);
    assert_eq!(short.put("k", Some("b"), 5), Written::Refused);
}

/// Every write by its time, told plainly.
#[derive(Default, Clone)]
struct Model {
    writes: BTreeMap<i64, Write>,
}

#[derive(Clone)]
struct Write {
    value: Option<String>,
    /// Whether something later was known when it was written. Then even a deletion has an end.
    was_late: bool,
}

impl Model {
    fn put(&mut self, value: Option<String>, at: i64, horizon: i64) -> Written {
        if at < horizon {
            return Written::Refused;
        }
        if value.is_none() && self.forget_latest(at) {
            return Written::Latest;
        }
        let next = self.writes.range(at + 1..).next().map(|(next, _)| *next);
        self.writes.insert(at, Write { value, was_late: next.is_some() });
        next.map_or(Written::Latest, |next| Written::Until(Timestamp(next)))
    }

    /// Deletes the latest version at its very time. Only the end of the version before it is left, which is a deletion
    /// at that time.
    fn forget_latest(&mut self, at: i64) -> bool {
        let is_latest = self.writes.last_key_value().is_some_and(|(last, write)| *last == at && write.value.is_some());
        if is_latest {
            self.writes.remove(&at);
            let before = self.writes.last_key_value();
            if before.is_some_and(|(_, before)| before.value.is_some() || before.was_late) {
                self.writes.insert(at, Write { value: None, was_late: false });
            }
        }
        is_latest
    }

    fn as_of(&self, at: i64, horizon: i64) -> Option<String> {
        let (from, write) = self.writes.range(..=at).next_back()?;
        let is_latest = self.writes.range(from + 1..).next().is_none();
        write.value.clone().filter(|_| is_latest || at >= horizon)
    }
}

fn writes() -> impl Strategy<Value = Vec<(u8, Option<u8>, i64)>> {
    let write = (0_u8..3, prop::option::weighted(0.7, 0_u8..4), 0_i64..40);
    // Time passes, and some writes are late.
    let write = (write, 0_i64..10).prop_map(|((key, value, back), step)| (key, value, back, step));
    prop::collection::vec(write, 0..120).prop_map(|writes| {
        let mut now = 0;
        let timed = writes.into_iter().map(|(key, value, back, step)| {
            now += step;
            (key, value, (now - back).max(0) * 6_000)
        });
        timed.collect()
    })
}

proptest! {
    #[test]
    fn versions_are_what_a_list_of_writes_says(
        writes in writes(),
        history in prop::sample::select(vec![0, 1, 6_000, 60_000, 200_000, 1_000_000]),
    ) {
        let (mut store, mut models, mut newest) = (store(history), BTreeMap::<u8, Model>::new(), -1);
        for (key, value, at) in writes {
            let horizon = newest - history;
            newest = newest.max(at);
            let (name, value) = (format!("k{key}"), value.map(|value| format!("v{value}")));
            let written = models.entry(key).or_default().put(value.clone(), at, horizon);
            prop_assert_eq!(store.put(&name, value.as_deref(), at), written, "{:?} at {}", value, at);
            // Around the write, and where what is known begins.
            for at in [at - 1, at, at + 1, horizon - 1, horizon, newest - history, newest] {
                let found = store.as_of(&name, at).map(|(value, ..)| value);
                prop_assert_eq!(found, models[&key].as_of(at, newest - history), "{} as of {}", name, at);
            }
        }
        for (key, model) in &models {
            for at in (0..newest + 12_000).step_by(3_000) {
                let found = store.as_of(&format!("k{key}"), at).map(|(value, ..)| value);
                prop_assert_eq!(found, model.as_of(at, newest - history), "k{} as of {}", key, at);
            }
        }
    }

    /// Whether the store is written to or restored, in batches of any size, the same rows are there.
    #[test]
    fn what_is_restored_is_what_was_written(writes in writes(), batch in 1_usize..20) {
        let kind = Versioned { history: std::time::Duration::from_secs(60) };
        let mut written = store(60_000);
        let index = StoreIndex(1);
        let mut restored = Memory.open(Path::new("unused"), &["rows".to_owned()]).unwrap();
        for writes in writes.chunks(batch) {
            let mut changes = StoreBatch::default();
            let mut rows = Restoring::new(&*restored, index);
            for (key, value, at) in writes {
                let (key, value) = (format!("k{key}"), value.map(|value| format!("v{value}")));
                written.put(&key, value.as_deref(), *at);
                let value = value.as_deref().map(str::as_bytes);
                let record = ChangelogRecord { key: key.as_bytes(), value, timestamp: Timestamp(*at) };
                prop_assert_eq!(kind.restore(record, &mut rows), Ok(true));
            }
            for (key, row) in rows.into_changes() {
                match row {
                    Some(row) => changes.put(index, key, row),
                    None => changes.delete(index, key),
                }
            }
            restored.write(changes).unwrap();
        }
        // Restoring does not delete what has expired.
        let floor = written.versions.floor(written.newest);
        let rows = restored.range(index, Bound::Included(&floor), Bound::Unbounded);
        let rows = rows.map(|row| row.map(|(key, row)| (key.into_vec(), row.into_vec())));
        prop_assert_eq!(rows.collect::<Result<BTreeMap<_, _>, _>>().unwrap(), written.rows.0);
    }

    #[test]
    fn no_bytes_make_it_panic(
        key in prop::collection::vec(any::<u8>(), 0..40),
        row in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let _ = (read(&key, &row), key_of(&key));
    }
}
