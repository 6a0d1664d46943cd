//! Kinds of stores: what a store's rows are, whoever looks at them.
//!
//! A kind is one file here. It says how a changelog's records become the store's rows and back, which settings
//! the changelog's topic has, how long rows are kept, and what a stored row is to a query or a test. A store's
//! definition carries its kind, and everybody else asks it; nobody asks which kind it is.
//!
//! Changelogs hold Java's bytes, so that tools and Java applications can read them. Stores hold what is quick to
//! use. The typed rows that operators work with stand beside this module, one view per kind.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use crate::record::Timestamp;
use crate::windows::Window;

mod plain;
mod session;
mod table;
mod window;

pub use plain::Plain;
pub use session::Sessions;
pub use table::{KeyValueStore, Table};
pub use window::{WindowStore, Windows};

/// What a store's rows are.
pub trait StoreKind: Debug + Send + Sync + 'static {
    /// What it is called in JSON.
    fn name(&self) -> &'static str;

    /// The type of the constants that name such stores in a program.
    fn constant(&self) -> &'static str;

    /// What else there is to say about such a store, as fields of its JSON.
    fn details(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }

    /// How long rows are kept, by stream time; `None` is for ever.
    fn retention(&self) -> Option<Duration> {
        None
    }

    /// Where rows are kept for a time: all rows whose keys sort below this are over once stream time, or the newest
    /// window's start, has come to `time`. The changelog's own retention drops them there.
    fn over_below(&self, _time: Timestamp) -> Option<Vec<u8>> {
        None
    }

    /// The settings of the changelog's topic. Where rows are dropped with time, the topic keeps them for
    /// `additional_retention` longer than the store.
    fn changelog_settings(&self, additional_retention: Duration) -> Vec<(&'static str, String)>;

    /// What a changelog record means for the store; `None` if it cannot be one of such a store's. Never panics,
    /// whatever the bytes.
    fn to_store(&self, record: ChangelogRecord<'_>) -> Option<StoreRow>;

    /// The changelog's form of a store's key; `None` if it cannot be one of such a store's.
    fn changelog_key(&self, key: &[u8]) -> Option<Vec<u8>>;

    /// Takes a stored row apart; `None` if it cannot be one of such a store's.
    fn read<'a>(&self, key: &'a [u8], row: &'a [u8]) -> Option<StoredRow<'a>>;
}

/// One record of a changelog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangelogRecord<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value; `None` deletes.
    pub value: Option<&'a [u8]>,
    /// The record's timestamp.
    pub timestamp: Timestamp,
}

/// A store's key, and its row or `None` for "delete".
pub type StoreRow = (Vec<u8>, Option<Vec<u8>>);

/// What a stored row consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredRow<'a> {
    /// The key's own bytes.
    pub key: &'a [u8],
    /// The window it belongs to, if there are windows.
    pub window: Option<Window>,
    /// The row's time, if that is kept.
    pub timestamp: Option<Timestamp>,
    /// The value's bytes.
    pub value: &'a [u8],
}

/// How windows cut time, as far as the store of what is aggregated over them has to know.
pub(crate) trait Windowing {
    /// Whether such windows can be.
    ///
    /// # Errors
    /// Says which number is wrong and what it may be.
    fn check(&self) -> Result<(), String>;

    /// How long a window's row may change, counted from the window's start: it is kept at least as long.
    fn changing_for(&self) -> Duration;

    /// The kind of store that keeps a row per key and window for that long.
    fn kind(&self, retention: Duration) -> Arc<dyn StoreKind>;
}

/// The settings of a changelog that keeps the latest record of each key.
fn compacted() -> Vec<(&'static str, String)> {
    vec![("cleanup.policy", "compact".to_owned())]
}

/// The settings of a changelog that keeps the latest record of each key for a time.
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

    /// One store of each kind.
    fn all() -> Vec<Arc<dyn StoreKind>> {
        vec![Arc::new(Plain), Arc::new(Sessions::example()), Arc::new(Table), Arc::new(Windows::example())]
    }

    #[test]
    fn kinds_have_names_of_their_own() {
        let names: Vec<_> = all().iter().map(|kind| kind.name()).collect();
        let unique: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(unique.len(), names.len(), "{names:?}");
    }

    proptest! {
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
                    prop_assert!(key.starts_with(read.key), "{:?}: the key's own bytes come first", kind);
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
