//! Stores of sliding windows: one row per key and window, of which a key may have one for every millisecond.
//!
//! The changelog's key is that of other windows. The store puts the [span](crate::state::spans) that the window's start
//! falls into before it, so that the rows of a key lie together: a record needs all those near it, and nobody can say where
//! they start.

use std::sync::Arc;
use std::time::Duration;

use super::{
    Area, ChangelogRecord, Detail, Keys, StoreKind, StoreRow, StoredRow, Windowing, compacted_for, millis, split_logged,
};
use crate::record::Timestamp;
use crate::state::spans::{SPAN, Spans};
use crate::state::timestamped::{split_timestamped, timestamped};
use crate::windows::{SlidingWindows, Window, WindowSize};

/// One row with a timestamp per key and sliding window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sliding {
    /// The time from a window's start to its end.
    pub difference: Duration,
    /// How long rows are kept in stream time, counted from the start of their window.
    pub retention: Duration,
}

/// Splits a store's key into the key's own bytes and the window's start.
pub(crate) fn split_stored(key: &[u8]) -> Option<(&[u8], Timestamp)> {
    let (key, start, sequence) = split_logged(key.get(SPAN..)?)?;
    (sequence == 0).then_some((key, start))
}

impl Sliding {
    #[cfg(test)]
    pub(crate) const fn example() -> Self {
        Self { difference: Duration::from_secs(10), retention: Duration::from_secs(600) }
    }
}

impl StoreKind for Sliding {
    fn name(&self) -> &'static str {
        "sliding-window"
    }

    fn layout(&self) -> String {
        format!("{} in spans of {} ms", self.name(), Spans::of(self.retention).length_ms())
    }

    fn constant(&self) -> &'static str {
        "WindowStore"
    }

    fn details(&self) -> Vec<(&'static str, Detail)> {
        vec![("size_ms", millis(self.difference).into()), ("retention_ms", millis(self.retention).into())]
    }

    fn retention(&self) -> Option<Duration> {
        Some(self.retention)
    }

    fn window_size(&self) -> Option<WindowSize> {
        Some(WindowSize::of(self.difference))
    }

    /// Only whole spans expire.
    fn over_below(&self, time: Timestamp) -> Option<Vec<u8>> {
        let retention = i64::try_from(self.retention.as_millis()).unwrap_or(i64::MAX);
        let kept = Timestamp(time.0.saturating_sub(retention).saturating_add(1));
        Some(Spans::of(self.retention).rows(kept).to_vec())
    }

    fn changelog_settings(&self, additional_retention: Duration) -> Vec<(&'static str, String)> {
        compacted_for(self.retention.saturating_add(additional_retention))
    }

    fn to_store(&self, record: ChangelogRecord<'_>) -> Option<StoreRow> {
        let (_, start, _) = split_logged(record.key).filter(|(_, _, sequence)| *sequence == 0)?;
        let key = [&Spans::of(self.retention).rows(start)[..], record.key].concat();
        Some((key, record.value.map(|value| timestamped(record.timestamp, value))))
    }

    fn changelog_key(&self, key: &[u8]) -> Option<Vec<u8>> {
        split_stored(key)?;
        key.get(SPAN..).map(<[u8]>::to_vec)
    }

    fn areas(&self, keys: &Keys, times: Option<(Timestamp, Timestamp)>) -> Vec<Area> {
        let (from, to) = times.unwrap_or((Timestamp(i64::MIN), Timestamp(i64::MAX)));
        vec![Spans::of(self.retention).area((from, to), keys)]
    }

    fn read<'a>(&self, key: &'a [u8], row: &'a [u8]) -> Option<StoredRow<'a>> {
        let (key, start) = split_stored(key)?;
        let (timestamp, value) = split_timestamped(row)?;
        let size = i64::try_from(self.difference.as_millis()).unwrap_or(i64::MAX);
        let window = Window { start, end: Timestamp(start.0.saturating_add(size)) };
        Some(StoredRow { key, window: Some(window), timestamp: Some(timestamp), value })
    }
}

impl Windowing for SlidingWindows {
    fn check(&self) -> Result<(), String> {
        self.validate()
    }

    fn closes_after(&self) -> Duration {
        Duration::from_millis(self.grace_ms.unsigned_abs())
    }

    fn changing_for(&self) -> Duration {
        Duration::from_millis(self.retention_min_ms().unsigned_abs())
    }

    fn burns_a_number(&self) -> bool {
        false
    }

    fn kind(&self, retention: Duration) -> Arc<dyn StoreKind> {
        Arc::new(Sliding { difference: Duration::from_millis(self.difference_ms.unsigned_abs()), retention })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changelog_record_is_that_of_other_windows_and_becomes_a_row_behind_the_span_of_its_start() {
        // 0x0927c0 ms is 600 s and so in the third span of 300 s.
        let logged = b"ab\0\0\0\0\0\x09\x27\xc0\0\0\0\0";
        let expected = b"\x80\0\0\0\0\0\0\x02ab\0\0\0\0\0\x09\x27\xc0\0\0\0\0";
        let row = b"\0\0\0\0\0\0\x02\x01v".to_vec();
        for (value, row) in [(Some(&b"v"[..]), Some(row.clone())), (None, None)] {
            let record = ChangelogRecord { key: logged, value, timestamp: Timestamp(0x0201) };
            assert_eq!(Sliding::example().to_store(record), Some((expected.to_vec(), row)));
        }
        assert_eq!(Sliding::example().changelog_key(expected), Some(logged.to_vec()));
        let window = Window { start: Timestamp(600_000), end: Timestamp(610_000) };
        let read = StoredRow { key: b"ab", window: Some(window), timestamp: Some(Timestamp(0x0201)), value: b"v" };
        assert_eq!(Sliding::example().read(expected, &row), Some(read));
    }

    #[test]
    fn malformed_keys_are_refused() {
        let with_a_number = b"ab\0\0\0\0\0\x09\x27\xc0\0\0\0\x01";
        for key in [&b""[..], &[0; 11], with_a_number] {
            let record = ChangelogRecord { key, value: None, timestamp: Timestamp(0) };
            assert_eq!(Sliding::example().to_store(record), None);
        }
        assert_eq!(Sliding::example().changelog_key(&[0; 19]), None);
        assert_eq!(Sliding::example().read(&[0; 20], b"short"), None);
    }
}
