//! Session stores: one row per key and session. A session is a period that grows while records keep arriving.
//!
//! The changelog's key is Java's: the key's bytes, then the session's end, then its start. The store puts the
//! [span](crate::state::spans) that the session's end falls into before those bytes. The sessions of a key that a record
//! could join are then one short range in each span, because they end no earlier than the inactivity gap before the
//! record. Ordering by end alone would mean scanning the sessions of every other key.
//!
//! A row is just the value: its timestamp is the session's end, which is already in the key.

use std::sync::Arc;
use std::time::Duration;

use super::{Area, ChangelogRecord, Detail, Keys, StoreKind, StoreRow, StoredRow, Windowing, compacted_for, millis};
use crate::record::Timestamp;
use crate::state::definition::{StoreFor, store_constant};
use crate::state::spans::{SPAN, Spans};
use crate::windows::{Session, SessionWindows, Window, Windowed};

store_constant! {
    /// Names a session store and its types: one value per key and session.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const VISITS: SessionStore<String, i64> = SessionStore::new("views-per-visit");
    ///
    /// assert_eq!(VISITS.name(), "views-per-visit");
    /// ```
    SessionStore
}

impl<K, V> StoreFor<Windowed<K, Session>, V> for SessionStore<K, V> {
    fn store_name(&self) -> &str {
        self.name()
    }

    fn constant(&self) -> &'static str {
        "SessionStore"
    }
}

/// One row per key and session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sessions {
    /// How long rows are kept in stream time, counted from the end of their session.
    pub retention: Duration,
}

const TIME: usize = size_of::<i64>();

impl Sessions {
    #[cfg(test)]
    pub(super) const fn example() -> Self {
        Self { retention: Duration::from_secs(600) }
    }

    fn retention_ms(&self) -> i64 {
        i64::try_from(self.retention.as_millis()).unwrap_or(i64::MAX)
    }

    fn spans(&self) -> Spans {
        Spans::of(self.retention)
    }
}

/// Appends a changelog key behind the key's own bytes.
pub(crate) fn write_session(session: Window, out: &mut Vec<u8>) {
    out.extend_from_slice(&session.end.0.to_be_bytes());
    out.extend_from_slice(&session.start.0.to_be_bytes());
}

/// Splits a changelog key into the key's own bytes and the session.
pub(crate) fn split(logged: &[u8]) -> Option<(&[u8], Window)> {
    let (rest, start) = logged.split_last_chunk::<TIME>()?;
    let (key, end) = rest.split_last_chunk::<TIME>()?;
    let [start, end] = [start, end].map(|time| Timestamp(i64::from_be_bytes(*time)));
    Some((key, Window { start, end }))
}

/// Splits a store's key into the key's own bytes and the session.
pub(crate) fn split_stored(key: &[u8]) -> Option<(&[u8], Window)> {
    let (_, logged) = key.split_first_chunk::<SPAN>()?;
    split(logged)
}

impl StoreKind for Sessions {
    fn name(&self) -> &'static str {
        "session"
    }

    fn layout(&self) -> String {
        format!("{} in spans of {} ms", self.name(), self.spans().length_ms())
    }

    fn constant(&self) -> &'static str {
        "SessionStore"
    }

    fn details(&self) -> Vec<(&'static str, Detail)> {
        vec![("retention_ms", millis(self.retention).into())]
    }

    fn retention(&self) -> Option<Duration> {
        Some(self.retention)
    }

    /// Only whole spans expire: expired sessions in the first span that is kept stay until that span expires.
    fn over_below(&self, time: Timestamp) -> Option<Vec<u8>> {
        let kept = Timestamp(time.0.saturating_sub(self.retention_ms()).saturating_add(1));
        Some(self.spans().rows(kept).to_vec())
    }

    /// Sessions expire by their ends.
    fn is_over(&self, row: &StoredRow<'_>, newest: Timestamp) -> bool {
        let retention = i64::try_from(self.retention.as_millis()).unwrap_or(i64::MAX);
        row.window.is_some_and(|session| session.end.0 <= newest.0.saturating_sub(retention))
    }

    fn changelog_settings(&self, additional_retention: Duration) -> Vec<(&'static str, String)> {
        compacted_for(self.retention.saturating_add(additional_retention))
    }

    fn to_store(&self, record: ChangelogRecord<'_>) -> Option<StoreRow> {
        let (_, session) = split(record.key)?;
        let key = [&self.spans().rows(session.end)[..], record.key].concat();
        Some((key, record.value.map(<[u8]>::to_vec)))
    }

    fn changelog_key(&self, key: &[u8]) -> Option<Vec<u8>> {
        split_stored(key)?;
        key.get(SPAN..).map(<[u8]>::to_vec)
    }

    /// In the order of their ends.
    fn areas(&self, keys: &Keys, times: Option<(Timestamp, Timestamp)>) -> Vec<Area> {
        let from = times.map_or(Timestamp(i64::MIN), |(from, _)| from);
        vec![self.spans().area((from, Timestamp(i64::MAX)), keys)]
    }

    /// It has a moment in common with the period.
    fn is_within(&self, row: &StoredRow<'_>, (from, to): (Timestamp, Timestamp), _newest: Option<Timestamp>) -> bool {
        row.window.is_some_and(|session| session.start <= to && from <= session.end)
    }

    fn read<'a>(&self, key: &'a [u8], row: &'a [u8]) -> Option<StoredRow<'a>> {
        let (key, session) = split_stored(key)?;
        Some(StoredRow { key, window: Some(session), timestamp: Some(session.end), value: row })
    }
}

impl Windowing for SessionWindows {
    fn check(&self) -> Result<(), String> {
        self.validate()
    }

    /// As Kafka Streams has it, although a record may still change a session at this very moment.
    fn closes_after(&self) -> Duration {
        Duration::from_millis(self.retention_min_ms().unsigned_abs())
    }

    fn changing_for(&self) -> Duration {
        Duration::from_millis(self.retention_min_ms().unsigned_abs())
    }

    fn kind(&self, retention: Duration) -> Arc<dyn StoreKind> {
        Arc::new(Sessions { retention })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that Java's `SessionKeySchema.toBinary(key, start, end)` makes.
    fn javas(key: &[u8], start: i64, end: i64) -> Vec<u8> {
        [key, &end.to_be_bytes(), &start.to_be_bytes()].concat()
    }

    fn stored(key: &[u8], start: i64, end: i64) -> Vec<u8> {
        let key = javas(key, start, end);
        let record = ChangelogRecord { key: &key, value: Some(b"v"), timestamp: Timestamp(1) };
        Sessions::example().to_store(record).expect("Java's own key").0
    }

    #[test]
    fn a_changelog_record_is_javas_and_becomes_a_row_behind_the_span_of_its_end() {
        // From 0x0102 ms to 0x0927c0 ms, which is 600 s and so in the third span of 300 s.
        let logged = b"ab\0\0\0\0\0\x09\x27\xc0\0\0\0\0\0\0\x01\x02";
        let expected = b"\x80\0\0\0\0\0\0\x02ab\0\0\0\0\0\x09\x27\xc0\0\0\0\0\0\0\x01\x02";
        for value in [Some(&b"v"[..]), None] {
            let record = ChangelogRecord { key: logged, value, timestamp: Timestamp(7) };
            let row = value.map(<[u8]>::to_vec);
            assert_eq!(Sessions::example().to_store(record), Some((expected.to_vec(), row)));
        }
        assert_eq!(Sessions::example().changelog_key(expected), Some(logged.to_vec()));
        let session = Window { start: Timestamp(0x0102), end: Timestamp(600_000) };
        let read =
            StoredRow { key: b"ab", window: Some(session), timestamp: Some(Timestamp(600_000)), value: &b"v"[..] };
        assert_eq!(Sessions::example().read(expected, b"v"), Some(read));
    }

    #[test]
    fn keys_lie_by_span_then_key_then_end_then_start() {
        let sorted = [
            stored(b"z", -10, -5),
            stored(b"a", 0, 0),
            stored(b"a", 0, 299_999),
            stored(b"a", 7, 299_999),
            stored(b"b", 0, 1),
            stored(b"a", 299_999, 300_000),
            stored(b"a", 0, i64::MAX),
        ];
        assert!(sorted.is_sorted(), "{sorted:?}");
    }

    #[test]
    fn what_is_over_is_a_range_of_whole_spans() {
        let over = |time| Sessions::example().over_below(Timestamp(time)).expect("sessions end");
        let session = stored(b"\xff\xff", 0, 299_999);
        assert!(session >= over(899_998), "a session that ends in the same span may not be over");
        assert!(session < over(899_999), "600 s after its end, with its span");
        assert!(stored(b"", 300_000, 300_000) >= over(899_999));
    }

    #[test]
    fn the_changelog_keeps_sessions_a_day_longer() {
        let settings = Sessions::example().changelog_settings(Duration::from_secs(86_400));
        assert_eq!(
            settings,
            [("cleanup.policy", "compact,delete"), ("retention.ms", "87000000")]
                .map(|(setting, value)| (setting, value.to_owned()))
        );
    }

    #[test]
    fn malformed_keys_are_refused() {
        for key in [&b""[..], &[0; 15]] {
            let record = ChangelogRecord { key, value: None, timestamp: Timestamp(0) };
            assert_eq!(Sessions::example().to_store(record), None);
        }
        for key in [&b""[..], &[0; 7], &[0; 23]] {
            assert_eq!(Sessions::example().changelog_key(key), None);
            assert_eq!(Sessions::example().read(key, b"v"), None);
        }
        assert!(Sessions::example().read(&[0; 24], b"").is_some(), "an empty key is a key");
    }
}
