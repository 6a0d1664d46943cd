//! Window stores of processors: rows by key and a window's start, several of the same if the store keeps duplicates.
//!
//! The changelog's key is Java's: the key's bytes, the window's start, and a sequence number that is 0 without
//! duplicates. The store puts the [span](crate::state::spans) that the start falls into before those bytes, as session
//! stores do. So rows expire as theirs do, and rows of several keys are read in the same order.

use std::time::Duration;

use super::{Area, ChangelogRecord, Detail, Keys, StoreKind, StoreRow, StoredRow, compacted_for, millis};
use crate::record::Timestamp;
use crate::state::spans::{SPAN, Spans};
use crate::state::timestamped::{split_timestamped, timestamped};
use crate::windows::{Window, WindowSize};

/// A processors' window store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessorWindows {
    /// How long a window is.
    pub size: Duration,
    /// How long rows are kept in stream time, counted from the start of their window.
    pub retention: Duration,
    /// Whether rows with the same key and window are kept side by side.
    pub duplicates: bool,
    /// Whether rows have timestamps of their own.
    pub timestamped: bool,
}

const TIME: usize = size_of::<i64>();
const SEQUENCE: usize = size_of::<u32>();

/// Splits a changelog key into the key's own bytes, the window's start and the sequence number.
pub(crate) fn split_logged(logged: &[u8]) -> Option<(&[u8], Timestamp, u32)> {
    let (rest, sequence) = logged.split_last_chunk::<SEQUENCE>()?;
    let (key, start) = rest.split_last_chunk::<TIME>()?;
    Some((key, Timestamp(i64::from_be_bytes(*start)), u32::from_be_bytes(*sequence)))
}

/// Appends a changelog key behind the key's own bytes.
pub(crate) fn write_logged(start: Timestamp, sequence: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&start.0.to_be_bytes());
    out.extend_from_slice(&sequence.to_be_bytes());
}

impl ProcessorWindows {
    #[cfg(test)]
    pub(crate) const fn example() -> Self {
        let (size, retention) = (Duration::from_secs(60), Duration::from_secs(600));
        Self { size, retention, duplicates: true, timestamped: false }
    }

    fn span(&self, time: Timestamp) -> [u8; SPAN] {
        Spans::of(self.retention).rows(time)
    }
}

impl StoreKind for ProcessorWindows {
    fn name(&self) -> &'static str {
        match (self.timestamped, self.duplicates) {
            (false, false) => "windows",
            (false, true) => "windows-with-duplicates",
            (true, false) => "timestamped-windows",
            (true, true) => "timestamped-windows-with-duplicates",
        }
    }

    fn layout(&self) -> String {
        format!("{} in spans of {} ms", self.name(), Spans::of(self.retention).length_ms())
    }

    fn constant(&self) -> &'static str {
        "ProcessorWindowStore"
    }

    fn details(&self) -> Vec<(&'static str, Detail)> {
        vec![("size_ms", millis(self.size).into()), ("retention_ms", millis(self.retention).into())]
    }

    fn retention(&self) -> Option<Duration> {
        Some(self.retention)
    }

    fn window_size(&self) -> Option<WindowSize> {
        Some(WindowSize::of(self.size))
    }

    fn keeps_duplicates(&self) -> bool {
        self.duplicates
    }

    /// Only whole spans expire.
    fn over_below(&self, time: Timestamp) -> Option<Vec<u8>> {
        let retention = i64::try_from(self.retention.as_millis()).unwrap_or(i64::MAX);
        Some(self.span(Timestamp(time.0.saturating_sub(retention))).to_vec())
    }

    /// With duplicates it is never compacted: no record replaces another.
    fn changelog_settings(&self, additional_retention: Duration) -> Vec<(&'static str, String)> {
        let mut settings = compacted_for(self.retention.saturating_add(additional_retention));
        if self.duplicates {
            let policy = settings.iter_mut().filter(|(setting, _)| *setting == "cleanup.policy");
            policy.for_each(|(_, policy)| "delete".clone_into(policy));
        }
        settings
    }

    fn to_store(&self, record: ChangelogRecord<'_>) -> Option<StoreRow> {
        let (_, start, _) = split_logged(record.key)?;
        let row = |value: &[u8]| if self.timestamped { timestamped(record.timestamp, value) } else { value.to_vec() };
        Some(([&self.span(start)[..], record.key].concat(), record.value.map(row)))
    }

    fn changelog_key(&self, key: &[u8]) -> Option<Vec<u8>> {
        let (_, logged) = key.split_first_chunk::<SPAN>()?;
        split_logged(logged).map(|_| logged.to_vec())
    }

    fn areas(&self, keys: &Keys, times: Option<(Timestamp, Timestamp)>) -> Vec<Area> {
        let (from, to) = times.unwrap_or((Timestamp(i64::MIN), Timestamp(i64::MAX)));
        vec![Spans::of(self.retention).area((from, to), keys)]
    }

    fn read<'a>(&self, key: &'a [u8], row: &'a [u8]) -> Option<StoredRow<'a>> {
        let (key, start, _) = split_logged(key.split_first_chunk::<SPAN>()?.1)?;
        let size = i64::try_from(self.size.as_millis()).unwrap_or(i64::MAX);
        let window = Some(Window { start, end: Timestamp(start.0.saturating_add(size)) });
        if !self.timestamped {
            return Some(StoredRow { key, window, timestamp: None, value: row });
        }
        let (timestamp, value) = split_timestamped(row)?;
        Some(StoredRow { key, window, timestamp: Some(timestamp), value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changelog_record_is_javas_and_becomes_a_row_behind_the_span_of_its_start() {
        // 0x0927c0 ms is 600 s and so in the third span of 300 s; it is the fifth row.
        let logged = b"ab\0\0\0\0\0\x09\x27\xc0\0\0\0\x05";
        let expected = b"\x80\0\0\0\0\0\0\x02ab\0\0\0\0\0\x09\x27\xc0\0\0\0\x05";
        let window = Some(Window { start: Timestamp(600_000), end: Timestamp(660_000) });
        for (timestamped, row, timestamp) in
            [(false, &b"v"[..], None), (true, b"\0\0\0\0\0\0\0\x07v", Some(Timestamp(7)))]
        {
            let kind = ProcessorWindows { timestamped, ..ProcessorWindows::example() };
            let record = ChangelogRecord { key: logged, value: Some(b"v"), timestamp: Timestamp(7) };
            assert_eq!(kind.to_store(record), Some((expected.to_vec(), Some(row.to_vec()))));
            assert_eq!(kind.read(expected, row), Some(StoredRow { key: b"ab", window, timestamp, value: b"v" }));
            assert_eq!(kind.changelog_key(expected), Some(logged.to_vec()));
        }
    }

    #[test]
    fn malformed_keys_are_refused() {
        let kind = ProcessorWindows::example();
        for key in [&b""[..], &[0; 11]] {
            assert_eq!(kind.to_store(ChangelogRecord { key, value: None, timestamp: Timestamp(0) }), None);
        }
        for key in [&b""[..], &[0; 7], &[0; 19]] {
            assert_eq!((kind.changelog_key(key), kind.read(key, b"v")), (None, None));
        }
    }
}
