//! Join buffers: the records of one side of a join of two streams, which may all have the same key and time.
//!
//! The changelog's key is Java's: the key's bytes, the record's timestamp, and a sequence number that tells records with
//! the same key and timestamp apart. The store puts the span that the timestamp falls into before those bytes. Spans
//! divide time without gaps, and two or three of them are live at once. Expired records are therefore one range, the
//! oldest spans; and the records of a key that another can be joined with are one short range in each of at most four
//! spans. Ordering by time alone would mean scanning the records of every other key.
//!
//! The length of spans depends on the retention, so a store whose retention changes must be restored from its changelog.
//!
//! A row is just the value. In Java a null value takes a number and is logged, but changes nothing.

use std::time::Duration;

use super::{ChangelogRecord, Detail, StoreKind, StoreRow, StoredRow, millis};
use crate::record::Timestamp;
use crate::windows::{JoinSpan, Window};

/// The records of one side of a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JoinBuffer {
    /// The time between the earliest and the latest record that one record can be joined with.
    pub size: Duration,
    /// How long records are kept in stream time, counted from their timestamp.
    pub retention: Duration,
}

const TIME: usize = size_of::<i64>();
const SEQUENCE: usize = size_of::<u32>();
/// Flips the sign bit, so that big-endian bytes sort as the signed numbers do.
const SIGN: i64 = i64::MIN;
/// Shorter spans would make more work than the rows that they save.
const SPAN_MIN_MS: i64 = 1_000;
/// How long Kafka Streams' segments are at least.
const SEGMENT_MIN_MS: i64 = 60_000;

/// What a row's key consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BufferedAt<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) timestamp: i64,
    pub(crate) sequence: u32,
}

impl JoinBuffer {
    /// The buffer of either side of a join.
    #[must_use]
    pub(crate) fn of(span: JoinSpan) -> Self {
        let duration = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
        Self { size: duration(span.size_ms()), retention: duration(span.retention_ms()) }
    }

    #[cfg(test)]
    pub(super) const fn example() -> Self {
        Self { size: Duration::from_secs(10), retention: Duration::from_secs(12) }
    }

    /// The oldest timestamp that is kept when the newest one is `newest`.
    pub(crate) fn oldest(&self, newest: i64) -> i64 {
        let retention = i64::try_from(self.retention.as_millis()).unwrap_or(i64::MAX);
        newest.saturating_sub(retention).saturating_add(1)
    }

    /// Whether Kafka Streams refuses a record when the newest one is at `newest`, and counts it as dropped: it keeps records
    /// in segments, and accepts them, though nobody can find them, until their whole segment has expired.
    pub(crate) fn is_refused(&self, time: i64, newest: i64) -> bool {
        let retention = i64::try_from(self.retention.as_millis()).unwrap_or(i64::MAX);
        let segment = (retention / 2).max(SEGMENT_MIN_MS);
        time.div_euclid(segment) < newest.saturating_sub(retention).div_euclid(segment)
    }

    /// The number of the span that a time falls into.
    pub(crate) fn span(&self, time: i64) -> i64 {
        time.div_euclid(self.span_ms())
    }

    fn span_ms(&self) -> i64 {
        let retention = i64::try_from(self.retention.as_millis()).unwrap_or(i64::MAX);
        (retention / 2).max(SPAN_MIN_MS)
    }

    /// The prefix of the keys of all records in a span.
    pub(crate) const fn prefix(span: i64) -> [u8; TIME] {
        (span ^ SIGN).to_be_bytes()
    }

    /// Appends the changelog's key of a record.
    pub(crate) fn write_changelog(at: BufferedAt<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(at.key);
        out.extend_from_slice(&at.timestamp.to_be_bytes());
        out.extend_from_slice(&at.sequence.to_be_bytes());
    }

    /// Splits a store's key; `None` if it is too short.
    pub(crate) fn split(stored: &[u8]) -> Option<BufferedAt<'_>> {
        split(stored.split_first_chunk::<TIME>()?.1)
    }
}

/// Splits a changelog's key.
fn split(logged: &[u8]) -> Option<BufferedAt<'_>> {
    let (rest, sequence) = logged.split_last_chunk::<SEQUENCE>()?;
    let (key, timestamp) = rest.split_last_chunk::<TIME>()?;
    let (timestamp, sequence) = (i64::from_be_bytes(*timestamp), u32::from_be_bytes(*sequence));
    Some(BufferedAt { key, timestamp, sequence })
}

impl StoreKind for JoinBuffer {
    fn name(&self) -> &'static str {
        "join-buffer"
    }

    fn layout(&self) -> String {
        format!("{} in spans of {} ms", self.name(), self.span_ms())
    }

    fn constant(&self) -> &'static str {
        "join's name"
    }

    fn details(&self) -> Vec<(&'static str, Detail)> {
        vec![("size_ms", millis(self.size).into()), ("retention_ms", millis(self.retention).into())]
    }

    fn retention(&self) -> Option<Duration> {
        Some(self.retention)
    }

    /// Only whole spans expire: expired records in the first span that is kept stay until that span expires.
    fn over_below(&self, time: Timestamp) -> Option<Vec<u8>> {
        Some(Self::prefix(self.span(self.oldest(time.0))).to_vec())
    }

    /// Never compacted, unlike other changelogs: no record replaces another.
    fn changelog_settings(&self, additional_retention: Duration) -> Vec<(&'static str, String)> {
        let kept = millis(self.retention.saturating_add(additional_retention)).min(i64::MAX.unsigned_abs());
        vec![("cleanup.policy", "delete".to_owned()), ("retention.ms", kept.to_string())]
    }

    fn to_store(&self, record: ChangelogRecord<'_>) -> Option<StoreRow> {
        let span = self.span(split(record.key)?.timestamp);
        Some(([&Self::prefix(span)[..], record.key].concat(), record.value.map(<[u8]>::to_vec)))
    }

    fn changelog_key(&self, key: &[u8]) -> Option<Vec<u8>> {
        let (_, logged) = key.split_first_chunk::<TIME>()?;
        split(logged).map(|_| logged.to_vec())
    }

    fn read<'a>(&self, key: &'a [u8], row: &'a [u8]) -> Option<StoredRow<'a>> {
        let BufferedAt { key, timestamp, .. } = Self::split(key)?;
        let size = i64::try_from(self.size.as_millis()).unwrap_or(i64::MAX);
        let window = Window { start: Timestamp(timestamp), end: Timestamp(timestamp.saturating_add(size)) };
        Some(StoredRow { key, window: Some(window), timestamp: Some(window.start), value: row })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(key: &[u8], timestamp: i64, sequence: u32) -> Vec<u8> {
        let mut logged = Vec::new();
        JoinBuffer::write_changelog(BufferedAt { key, timestamp, sequence }, &mut logged);
        let record = ChangelogRecord { key: &logged, value: Some(b"v"), timestamp: Timestamp(1) };
        JoinBuffer::example().to_store(record).expect("Java's own key").0
    }

    #[test]
    fn a_changelog_record_is_javas_and_becomes_a_row_behind_the_span_of_its_time() {
        // 0x2ee1 ms is 12,001 ms, which is in the third span of 6 s.
        let logged = b"ab\0\0\0\0\0\0\x2e\xe1\0\0\0\x07";
        let expected = b"\x80\0\0\0\0\0\0\x02ab\0\0\0\0\0\0\x2e\xe1\0\0\0\x07";
        for value in [Some(&b"v"[..]), None] {
            let record = ChangelogRecord { key: logged, value, timestamp: Timestamp(7) };
            let row = value.map(<[u8]>::to_vec);
            assert_eq!(JoinBuffer::example().to_store(record), Some((expected.to_vec(), row)));
        }
        assert_eq!(JoinBuffer::example().changelog_key(expected), Some(logged.to_vec()));
        let window = Window { start: Timestamp(12_001), end: Timestamp(22_001) };
        let read = StoredRow { key: b"ab", window: Some(window), timestamp: Some(Timestamp(12_001)), value: &b"v"[..] };
        assert_eq!(JoinBuffer::example().read(expected, b"v"), Some(read));
        assert_eq!(JoinBuffer::split(b"too short for it"), None);
    }

    #[test]
    fn rows_lie_by_span_then_key_then_time_then_sequence() {
        let sorted = [
            stored(b"z", -1, 1),
            stored(b"a", 0, 2),
            stored(b"a", 5_999, 1),
            stored(b"a", 5_999, 3),
            stored(b"b", 7, 1),
            stored(b"a", 6_000, 1),
            stored(b"a", i64::MAX, 1),
        ];
        assert!(sorted.is_sorted(), "{sorted:?}");
    }

    #[test]
    fn what_is_over_is_a_range_of_whole_spans() {
        let over = |time| JoinBuffer::example().over_below(Timestamp(time)).expect("records end");
        let record = stored(b"\xff\xff", 5_999, u32::MAX);
        assert!(record >= over(17_998), "a record in the same span may not be over");
        assert!(record < over(17_999), "12 s after its last moment, with its span");
        assert!(over(i64::MIN) <= stored(b"", 0, 0) && over(i64::MAX) > record, "no overflow at either end of time");
    }

    #[test]
    fn a_record_is_refused_with_its_whole_segment() {
        // Kept for 12 s, in segments of a minute.
        for (time, newest, expected) in [
            (0, 71_999, false),
            (59_999, 71_999, false),
            (0, 72_000, true),
            (59_999, 72_000, true),
            (60_000, 72_000, false),
            (60_000, 131_999, false),
            (60_000, 132_000, true),
        ] {
            assert_eq!(JoinBuffer::example().is_refused(time, newest), expected, "{time} at {newest}");
        }
    }

    #[test]
    fn changelogs_are_deleted_and_never_compacted() {
        let settings = JoinBuffer::example().changelog_settings(Duration::from_millis(88));
        let expected = [("cleanup.policy", "delete"), ("retention.ms", "12088")];
        assert_eq!(settings, expected.map(|(setting, value)| (setting, value.to_owned())));
    }
}
