//! Versioned stores: the versions that a key's row had, each with the time for which it was valid.
//!
//! A changelog record is a write: key, value and the time from which it is valid. What it means depends on the versions
//! that are there, so restoring reads them; see [`crate::state::versions`] for how they lie in the store.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use super::{Area, ChangelogRecord, Detail, Keys, StoreKind, StoreRow, StoredRow, millis};
use crate::record::Timestamp;
use crate::state::StoreError;
use crate::state::definition::{StoreFor, StoreName};
use crate::state::versions::{self, History, VersionRows, Written};
use crate::topic::NameError;
use crate::windows::Window;

/// Names a versioned store, its types, and how long it keeps old versions.
///
/// A table that is stored in one knows what its rows were at any time within that history, by the records' timestamps: a
/// stream that is joined with it gets the row that was valid at the time of the stream's record, and a record that comes
/// late does not overwrite a later one (KIP-889, KIP-914). A processor can have such a store, too; see
/// [`VersionedStoreRef`](crate::dsl::processor::VersionedStoreRef).
///
/// ```
/// use millstream::prelude::*;
/// use millstream::testing::TestDriver;
/// use std::time::Duration;
///
/// const RATES: Topic<String, f64> = Topic::new("exchange-rates");
/// const ORDERS: Topic<String, f64> = Topic::new("orders");
/// const IN_EUROS: Topic<String, f64> = Topic::new("orders-in-euros");
/// const HISTORY: VersionedStore<String, f64> = VersionedStore::new("rates", Duration::from_secs(60 * 60));
///
/// let builder = StreamsBuilder::new();
/// let rates = builder.table(RATES).stored_as(HISTORY);
/// builder.stream(ORDERS).join(rates, |amount, rate| amount * rate).to(IN_EUROS);
///
/// let mut driver = TestDriver::new(builder.build()?);
/// driver.pipe_at(&RATES, "dollar", 0.5, Timestamp(1_000));
/// driver.pipe_at(&RATES, "dollar", 0.75, Timestamp(2_000));
/// // An order that was placed before the rate changed, and one from after that.
/// driver.pipe_at(&ORDERS, "dollar", 100.0, Timestamp(1_900));
/// driver.pipe_at(&ORDERS, "dollar", 100.0, Timestamp(2_100));
/// assert_eq!(driver.read(&IN_EUROS), [("dollar".to_owned(), 50.0), ("dollar".to_owned(), 75.0)]);
/// assert_eq!(driver.get_as_of(&HISTORY, "dollar", Timestamp(1_500)), Some(0.5));
/// # Ok::<(), TopologyError>(())
/// ```
pub struct VersionedStore<K, V> {
    name: StoreName,
    history: Duration,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> VersionedStore<K, V> {
    /// Names a store whose versions can be read and changed for `history` in stream time after they have ended. Meant for
    /// constants, where a bad name is a compile error.
    ///
    /// # Panics
    /// When the name breaks one of the rules in [`NameError`]. In a constant this is a compile error.
    #[must_use]
    pub const fn new(name: &'static str, history: Duration) -> Self {
        Self { name: StoreName::constant(name), history, types: PhantomData }
    }

    /// Names a store at run time.
    ///
    /// # Errors
    /// When the name breaks one of the rules in [`NameError`].
    pub fn named(name: impl Into<String>, history: Duration) -> Result<Self, NameError> {
        Ok(Self { name: StoreName::checked(name.into())?, history, types: PhantomData })
    }

    /// The store's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name.0
    }

    /// How long versions are kept in stream time after they have ended.
    #[must_use]
    pub const fn history(&self) -> Duration {
        self.history
    }
}

impl<K, V> Clone for VersionedStore<K, V> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), history: self.history, types: PhantomData }
    }
}

impl<K, V> fmt::Debug for VersionedStore<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VersionedStore({:?}, {:?})", self.name.0, self.history)
    }
}

impl<K, V> StoreFor<K, V> for VersionedStore<K, V> {
    fn store_name(&self) -> &str {
        self.name()
    }

    fn constant(&self) -> &'static str {
        CONSTANT
    }

    fn history(&self) -> Option<Duration> {
        Some(self.history)
    }
}

const CONSTANT: &str = "VersionedStore";

/// The versions of each key's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versioned {
    /// How long versions are kept in stream time after they have ended.
    pub history: Duration,
}

/// How much longer the changelog keeps every record than the store keeps versions, before it is compacted.
const COMPACTION_LAG: Duration = Duration::from_secs(24 * 60 * 60);

impl Versioned {
    #[cfg(test)]
    pub(super) const fn example() -> Self {
        Self { history: Duration::from_secs(600) }
    }

    pub(crate) fn versions(self) -> History {
        History { millis: i64::try_from(self.history.as_millis()).unwrap_or(i64::MAX) }
    }
}

impl StoreKind for Versioned {
    fn name(&self) -> &'static str {
        "versioned"
    }

    fn layout(&self) -> String {
        format!("{} in spans of {} ms", self.name(), self.versions().span_ms())
    }

    fn constant(&self) -> &'static str {
        CONSTANT
    }

    fn details(&self) -> Vec<(&'static str, Detail)> {
        vec![("history_ms", millis(self.history).into())]
    }

    fn retention(&self) -> Option<Duration> {
        Some(self.history)
    }

    fn history(&self) -> Option<Duration> {
        Some(self.history)
    }

    fn over_below(&self, time: Timestamp) -> Option<Vec<u8>> {
        Some(self.versions().floor(time))
    }

    /// The latest version has no end.
    fn is_over(&self, row: &StoredRow<'_>, newest: Timestamp) -> bool {
        row.window.is_some_and(|valid| valid.end.0 <= newest.0.saturating_sub(self.versions().millis))
    }

    fn changelog_settings(&self, _additional_retention: Duration) -> Vec<(&'static str, String)> {
        let lag = self.history.saturating_add(COMPACTION_LAG).as_millis().min(i64::MAX as u128);
        vec![("cleanup.policy", "compact".to_owned()), ("min.compaction.lag.ms", lag.to_string())]
    }

    /// As if there were no other versions.
    fn to_store(&self, record: ChangelogRecord<'_>) -> Option<StoreRow> {
        let row = record.value.map(|value| versions::latest_row(value, record.timestamp));
        Some((versions::latest_key(record.key), row))
    }

    fn reads_to_restore(&self) -> bool {
        true
    }

    fn restore(&self, record: ChangelogRecord<'_>, rows: &mut dyn VersionRows) -> Result<bool, StoreError> {
        let (mut newest, latest) = (History::newest(rows)?, History::latest(rows, record.key)?);
        let write = (record.value, record.timestamp);
        // What was refused when it was written is refused again.
        let _: Written = self.versions().put(rows, record.key, latest.as_ref(), write, &mut newest)?;
        Ok(true)
    }

    fn changelog_key(&self, key: &[u8]) -> Option<Vec<u8>> {
        versions::key_of(key).map(<[u8]>::to_vec)
    }

    fn is_shown(&self, key: &[u8], row: &[u8]) -> bool {
        versions::read(key, row).is_some_and(|(_, version)| version.value.is_some())
    }

    fn areas(&self, keys: &Keys, times: Option<(Timestamp, Timestamp)>) -> Vec<Area> {
        versions::areas(keys, times.is_some())
    }

    /// It was valid at a moment of the period. What was valid before the history began is not known.
    fn is_within(&self, row: &StoredRow<'_>, (from, to): (Timestamp, Timestamp), newest: Option<Timestamp>) -> bool {
        let Some(valid) = row.window else { return false };
        let is_latest = valid.end == Timestamp(i64::MAX);
        let is_known = newest.is_none_or(|newest| to.0 >= newest.0.saturating_sub(self.versions().millis));
        valid.start <= to && (is_latest || (is_known && from < valid.end))
    }

    fn read<'a>(&self, key: &'a [u8], row: &'a [u8]) -> Option<StoredRow<'a>> {
        let (key, version) = versions::read(key, row)?;
        let valid = Window { start: version.from, end: version.until.unwrap_or(Timestamp(i64::MAX)) };
        Some(StoredRow { key, window: Some(valid), timestamp: None, value: version.value? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_changelog_is_compacted_a_day_after_a_version_can_be_asked_for() {
        let settings = Versioned::example().changelog_settings(Duration::from_secs(7));
        let expected = [("cleanup.policy", "compact"), ("min.compaction.lag.ms", "87000000")];
        assert_eq!(settings, expected.map(|(setting, value)| (setting, value.to_owned())));
        let for_ever = Versioned { history: Duration::MAX }.changelog_settings(Duration::ZERO);
        assert_eq!(for_ever[1].1, i64::MAX.to_string());
    }

    #[test]
    fn rows_are_shown_with_the_time_for_which_they_are_valid() {
        let kind = Versioned::example();
        let record = ChangelogRecord { key: b"k", value: Some(b"v"), timestamp: Timestamp(7) };
        let (key, row) = kind.to_store(record).unwrap();
        let valid = Window { start: Timestamp(7), end: Timestamp(i64::MAX) };
        let read = StoredRow { key: b"k", window: Some(valid), timestamp: None, value: b"v" };
        assert_eq!(kind.read(&key, &row.unwrap()), Some(read));
        assert!(!kind.is_over(&read, Timestamp(i64::MAX)));
        let ended = StoredRow { window: Some(Window { end: Timestamp(1_000), ..valid }), ..read };
        assert!(!kind.is_over(&ended, Timestamp(600_999)) && kind.is_over(&ended, Timestamp(601_000)));
    }
}
