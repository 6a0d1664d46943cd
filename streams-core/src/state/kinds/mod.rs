//! Kinds of stores: what a store's rows mean to everything that reads them.
//!
//! Each kind is one file here. It defines how changelog records become rows and back, the changelog topic's settings,
//! how long rows are kept, and what a stored row looks like to a query or a test. A store's definition carries its
//! kind. Other code calls the kind's methods and never checks which kind it has.
//!
//! Changelogs hold Java's bytes, so that tools and Java applications can read them. Stores use whatever layout is
//! fastest. The typed views that operators work with are in the parent module, one per kind.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Detail;

use super::StoreError;
use super::versions::VersionRows;
use crate::record::Timestamp;
use crate::windows::{Window, WindowSize};

mod custom;
mod distinct;
pub(crate) mod expiring;
mod grace_buffer;
mod in_flight;
mod join_buffer;
mod plain;
mod processor_windows;
pub(crate) mod session;
pub(crate) mod sliding;
mod suppression;
mod table;
mod unmatched;
mod versioned;
mod window;

pub use super::selection::{Area, Keys};
pub use custom::{Custom, CustomStore, Structure};
pub use distinct::Distinct;
pub use expiring::Expiring;
pub use grace_buffer::GraceBuffer;
pub(crate) use grace_buffer::{HeldAt, from_time as held_from};
pub use in_flight::InFlight;
pub(crate) use join_buffer::BufferedAt;
pub use join_buffer::JoinBuffer;
pub use plain::Plain;
pub use processor_windows::ProcessorWindows;
pub(crate) use processor_windows::{split_logged, write_logged};
pub use session::{SessionStore, Sessions};
pub(crate) use session::{split as split_session, write_session};
pub use sliding::Sliding;
pub use suppression::Suppressed;
pub use table::{KeyValueStore, Table};
pub use unmatched::Unmatched;
pub(crate) use unmatched::{Side, WaitingAt};
pub use versioned::{Versioned, VersionedStore};
pub use window::{WindowStore, Windows};

/// Defines what a store's rows are.
pub trait StoreKind: Debug + Send + Sync + 'static {
    /// The kind's name in JSON.
    fn name(&self) -> &'static str;

    /// How its rows lie in a store, as a text: a store whose layout is another one than before is built anew.
    fn layout(&self) -> String {
        self.name().to_owned()
    }

    /// The type of the constants that name such stores in a program.
    fn constant(&self) -> &'static str;

    /// Further fields that describe such a store in JSON.
    fn details(&self) -> Vec<(&'static str, Detail)> {
        Vec::new()
    }

    /// How long rows are kept in stream time; `None` means for ever.
    fn retention(&self) -> Option<Duration> {
        None
    }

    /// For kinds that keep the versions that a row had: how long in stream time after they have ended.
    fn history(&self) -> Option<Duration> {
        None
    }

    /// For kinds from which rows are deleted, with tombstones: how long after their timestamps, in stream time.
    fn expires_after(&self) -> Option<Duration> {
        None
    }

    /// The size of the windows in its keys, if the keys' bytes leave it out.
    fn window_size(&self) -> Option<WindowSize> {
        None
    }

    /// Whether rows are ordered by their windows' starts before their keys.
    fn is_in_order_of_time(&self) -> bool {
        false
    }

    /// For kinds with a retention: all rows whose keys sort below the result have expired once stream time, or the
    /// newest window's start, reaches `time`. They are not deleted from the changelog, whose own retention removes
    /// them.
    fn over_below(&self, _time: Timestamp) -> Option<Vec<u8>> {
        None
    }

    /// For kinds with a retention: whether a row has expired once the newest row is at `newest`. Unlike
    /// [`StoreKind::over_below`] this is exact.
    fn is_over(&self, row: &StoredRow<'_>, newest: Timestamp) -> bool {
        let (Some(window), Some(retention)) = (row.window, self.retention()) else { return false };
        window.start.0 <= newest.0.saturating_sub(i64::try_from(retention.as_millis()).unwrap_or(i64::MAX))
    }

    /// Whether rows with the same key and window are kept side by side.
    fn keeps_duplicates(&self) -> bool {
        false
    }

    /// The settings of the changelog's topic. If the kind has a retention, the topic keeps rows for
    /// `additional_retention` longer than the store.
    fn changelog_settings(&self, additional_retention: Duration) -> Vec<(&'static str, String)>;

    /// Whether the changelog's records have timestamps that mean something. Where they do not, Kafka Streams leaves them
    /// to its producer.
    fn logs_times(&self) -> bool {
        true
    }

    /// The change that a changelog record makes to the store; `None` if no store of this kind can have written it.
    /// Never panics, whatever the bytes.
    fn to_store(&self, record: ChangelogRecord<'_>) -> Option<StoreRow>;

    /// Whether what a changelog record means depends on the rows that are there. Such records are applied with
    /// [`StoreKind::restore`], others with [`StoreKind::to_store`].
    fn reads_to_restore(&self) -> bool {
        false
    }

    /// Applies a changelog record to the rows that those before it have left. Returns whether a store of this kind can
    /// have written it.
    ///
    /// # Errors
    /// When the rows cannot be read.
    fn restore(&self, record: ChangelogRecord<'_>, rows: &mut dyn VersionRows) -> Result<bool, StoreError> {
        let Some((key, row)) = self.to_store(record) else { return Ok(false) };
        rows.put(&key, row.as_deref());
        Ok(true)
    }

    /// The changelog's form of a store's key; `None` if the key cannot belong to such a store.
    fn changelog_key(&self, key: &[u8]) -> Option<Vec<u8>>;

    /// Whether a row is one of the store's contents. Some kinds have others for their own use.
    fn is_shown(&self, _key: &[u8], _row: &[u8]) -> bool {
        true
    }

    /// How many rows of the store each of its contents takes, as far as that is the same for all of them.
    fn rows_each(&self) -> u64 {
        1
    }

    /// Where rows with such keys and times lie, in the order of the store's keys. What else lies there is left out by whoever
    /// reads it. Without times, kinds that keep versions give the latest ones only.
    fn areas(&self, _keys: &Keys, _times: Option<(Timestamp, Timestamp)>) -> Vec<Area> {
        vec![Area::ALL]
    }

    /// Whether a row belongs to a period from one time to another, both included: its window starts in it. `newest` is the
    /// time of the newest row, if it is known.
    fn is_within(&self, row: &StoredRow<'_>, (from, to): (Timestamp, Timestamp), _newest: Option<Timestamp>) -> bool {
        row.window.is_some_and(|window| from <= window.start && window.start <= to)
    }

    /// Splits a stored row into its parts; `None` if the row cannot belong to such a store, or is not shown.
    fn read<'a>(&self, key: &'a [u8], row: &'a [u8]) -> Option<StoredRow<'a>>;
}

/// One record of a changelog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangelogRecord<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value; `None` deletes the key.
    pub value: Option<&'a [u8]>,
    /// The record's timestamp.
    pub timestamp: Timestamp,
}

/// A store's key with its row, or with `None` to delete it.
pub type StoreRow = (Vec<u8>, Option<Vec<u8>>);

/// The parts of a stored row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredRow<'a> {
    /// The key's own bytes.
    pub key: &'a [u8],
    /// The row's window, if the kind has windows.
    pub window: Option<Window>,
    /// The row's timestamp, if the kind keeps one.
    pub timestamp: Option<Timestamp>,
    /// The value's bytes.
    pub value: &'a [u8],
}

/// How a windowing divides time, as far as the store of its aggregates needs to know.
pub(crate) trait Windowing {
    /// Whether the windowing's numbers make sense.
    ///
    /// # Errors
    /// Says which number is wrong and which values are allowed.
    fn check(&self) -> Result<(), String>;

    /// How long after a window's end no record changes its row any more.
    fn closes_after(&self) -> Duration;

    /// How long after a window's start its row may still change. Rows are kept at least that long.
    fn changing_for(&self) -> Duration;

    /// Whether a count in a store without a name takes one number for a name that is never used, as in Java.
    fn burns_a_number(&self) -> bool {
        true
    }

    /// The kind of store that keeps one row per key and window for `retention`.
    fn kind(&self, retention: Duration) -> Arc<dyn StoreKind>;
}

fn compacted() -> Vec<(&'static str, String)> {
    vec![("cleanup.policy", "compact".to_owned())]
}

/// Compaction keeps each key's latest record; deletion removes it once it is older than `retention`.
fn compacted_for(retention: Duration) -> Vec<(&'static str, String)> {
    let millis = retention.as_millis().min(i64::MAX as u128);
    vec![("cleanup.policy", "compact,delete".to_owned()), ("retention.ms", millis.to_string())]
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all() -> Vec<Arc<dyn StoreKind>> {
        vec![
            Arc::new(Custom),
            Arc::new(Distinct::example()),
            Arc::new(Expiring::example()),
            Arc::new(Expiring { is_table: false, ..Expiring::example() }),
            Arc::new(GraceBuffer),
            Arc::new(JoinBuffer::example()),
            Arc::new(Plain),
            Arc::new(ProcessorWindows::example()),
            Arc::new(ProcessorWindows { timestamped: true, ..ProcessorWindows::example() }),
            Arc::new(Sessions::example()),
            Arc::new(Sliding::example()),
            Arc::new(Suppressed),
            Arc::new(Table),
            Arc::new(Unmatched),
            Arc::new(Versioned::example()),
            Arc::new(Windows::example()),
        ]
    }

    #[test]
    fn kinds_have_names_of_their_own() {
        let names: Vec<_> = all().iter().map(|kind| kind.name()).collect();
        let unique: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(unique.len(), names.len(), "{names:?}");
    }

    /// The kinds whose layout depends on how long rows are kept.
    fn kept_for(kept: Duration) -> Vec<Arc<dyn StoreKind>> {
        vec![
            Arc::new(JoinBuffer { retention: kept, ..JoinBuffer::example() }),
            Arc::new(ProcessorWindows { retention: kept, ..ProcessorWindows::example() }),
            Arc::new(Sessions { retention: kept }),
            Arc::new(Sliding { retention: kept, ..Sliding::example() }),
            Arc::new(Versioned { history: kept }),
            Arc::new(Windows { retention: kept, ..Windows::example() }),
        ]
    }

    proptest! {
        #[test]
        fn rows_lie_where_they_lay_if_the_layout_is_the_same(
            key in prop::collection::vec(any::<u8>(), 0..30),
            time in any::<i64>(),
            seconds in (1..600_u64, 1..600_u64),
        ) {
            let kept = |seconds| kept_for(Duration::from_secs(seconds));
            for (before, now) in kept(seconds.0).into_iter().zip(kept(seconds.1)) {
                let record = ChangelogRecord { key: &key, value: Some(&[]), timestamp: Timestamp(time) };
                let is_same = before.layout() == now.layout();
                prop_assert!(!is_same || before.to_store(record) == now.to_store(record), "{:?} and {:?}", before, now);
            }
        }

        #[test]
        fn rows_of_every_kind_lead_back_to_their_changelog(
            key in prop::collection::vec(any::<u8>(), 0..30),
            value in prop::option::of(prop::collection::vec(any::<u8>(), 0..10)),
            timestamp: i64,
        ) {
            for kind in all() {
                let record = ChangelogRecord { key: &key, value: value.as_deref(), timestamp: Timestamp(timestamp) };
                let Some((stored_key, row)) = kind.to_store(record) else { continue };
                prop_assert_eq!(kind.changelog_key(&stored_key), Some(key.clone()), "{:?}", kind);
                prop_assert_eq!(row.is_some(), value.is_some(), "{:?}", kind);
                if let Some(row) = row {
                    let read = kind.read(&stored_key, &row).expect("a row of the kind's own making");
                    prop_assert_eq!(Some(read.value), value.as_deref(), "{:?}", kind);
                    prop_assert!(
                        read.key.is_empty() || key.windows(read.key.len()).any(|part| part == read.key),
                        "{:?}: the key's own bytes are there",
                        kind
                    );
                }
            }
        }

        #[test]
        fn what_is_over_is_a_growing_part_of_the_beginning(times in (any::<i64>(), any::<i64>())) {
            let (earlier, later) = (times.0.min(times.1), times.0.max(times.1));
            for kind in all() {
                let (earlier, later) = (kind.over_below(Timestamp(earlier)), kind.over_below(Timestamp(later)));
                prop_assert_eq!(earlier.is_some(), kind.retention().is_some(), "{:?}", kind);
                prop_assert!(earlier <= later, "{:?}", kind);
            }
        }

        #[test]
        fn every_row_in_the_range_of_those_that_are_over_is_over(
            key in prop::collection::vec(any::<u8>(), 0..30),
            time in any::<i64>(),
        ) {
            for kind in all() {
                let record = ChangelogRecord { key: &key, value: Some(&[]), timestamp: Timestamp(time) };
                let Some((key, Some(row))) = kind.to_store(record) else { continue };
                let Some(row) = kind.read(&key, &row) else { continue };
                let in_range = kind.over_below(Timestamp(time)).is_some_and(|over| key < over);
                prop_assert!(!in_range || kind.is_over(&row, Timestamp(time)), "{:?} {:?}", kind, row);
            }
        }

        #[test]
        fn no_bytes_make_a_kind_panic(
            key in prop::collection::vec(any::<u8>(), 0..30),
            row in prop::collection::vec(any::<u8>(), 0..30),
        ) {
            for kind in all() {
                let _ = kind.changelog_key(&key);
                let _ = kind.read(&key, &row);
            }
        }
    }
}
