//! Time windows: the intervals of event time that a record belongs to, and keys that include such an interval.
//!
//! Windows can be used only once it is decided how long they wait for late records: [`Tumbling`] and [`Hopping`] become
//! [`TimeWindows`] through `.grace(..)` or `.no_grace()`, and so do [`JoinWindows`], the time within which two streams are
//! joined.

use std::time::Duration;

use crate::record::Timestamp;
use crate::wire::{DecodeError, EncodeError, Key, Value};

mod join;

pub use join::{IntoJoinSpan, JoinSpan, JoinWindows};

/// An interval of event time from `start` (inclusive) to `end` (exclusive for tumbling and hopping windows).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// The first moment of the window.
    pub start: Timestamp,
    /// `i64::MAX` in a key that was read back where the window's size is not known.
    pub end: Timestamp,
}

/// A key with a window: the key of a windowed table.
///
/// It is written to topics as in Java: the key's bytes followed by the window's start (eight bytes, big-endian). The
/// end is not written. Where windows come from an aggregation, their size is known, and keys are complete again when
/// they are read back from the application's own topics and stores. Elsewhere, set the size with `.windows_of(..)` on
/// the topic's constant, or after the call whose closure creates the keys. Records are partitioned by the inner key.
///
/// ```
/// use millstream::prelude::*;
/// use millstream::windows::Window;
/// use std::time::Duration;
///
/// const MINUTE: Duration = Duration::from_secs(60);
/// const VIEWS: Topic<Windowed<String>, i64> = Topic::new("views-per-minute").windows_of(MINUTE);
///
/// let second_minute = Window { start: Timestamp(60_000), end: Timestamp(120_000) };
/// let key = Windowed { key: "page", window: second_minute };
/// assert_eq!(key.window.start, Timestamp(60_000));
/// ```
///
/// A value cannot contain a windowed key, because the end of its window would be unknown when it is read back. Store
/// start and end as numbers instead.
///
/// ```compile_fail,E0080
/// use millstream::prelude::*;
///
/// const LAST_WINDOW: Topic<u64, Windowed<String>> = Topic::new("last-windows");
///
/// StreamsBuilder::new().table(LAST_WINDOW);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Windowed<K> {
    /// The inner key, which determines the partition.
    pub key: K,
    /// The window that the row is for.
    pub window: Window,
}

/// A key with a window.
#[diagnostic::on_unimplemented(
    message = "keys of type `{Self}` have no window that could close",
    label = "waits until the windows of the table's rows close, but they have none",
    note = "aggregate in windows first, with `.windowed_by(..)`, or use `Suppress::until_time_limit(..)`"
)]
pub trait InWindow {
    /// The key's window; the outermost one, if there are several.
    fn window(&self) -> Window;
}

impl<K> InWindow for Windowed<K> {
    fn window(&self) -> Window {
        self.window
    }
}

/// The number of bytes that a window adds to a key.
const START_BYTES: usize = size_of::<i64>();

impl<K: Value> Value for Windowed<K> {
    const WINDOWS: usize = 1 + K::WINDOWS;

    fn set_window_sizes(&mut self, sizes: &[i64]) {
        if let Some((size, sizes)) = sizes.split_first() {
            self.window.end = Timestamp(self.window.start.0.saturating_add(*size));
            self.key.set_window_sizes(sizes);
        }
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.key.encode(out)?;
        out.extend_from_slice(&self.window.start.0.to_be_bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let Some((key, start)) = bytes.split_last_chunk::<START_BYTES>() else {
            return Err(DecodeError::new::<Self>(format!(
                "a windowed key ends with the 8 bytes of its window's start; there are only {} bytes",
                bytes.len()
            )));
        };
        let start = Timestamp(i64::from_be_bytes(*start));
        Ok(Self { key: K::decode(key)?, window: Window { start, end: Timestamp(i64::MAX) } })
    }

    fn partition_bytes(encoded: &[u8]) -> &[u8] {
        K::partition_bytes(encoded.split_last_chunk::<START_BYTES>().map_or(encoded, |(key, _)| key))
    }
}

impl<K: Key> Key for Windowed<K> {}

/// The window sizes of keys, which the keys' bytes leave out. For windows within windows, the outermost comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowSizes {
    millis: [i64; WINDOWS_MAX],
    known: usize,
}

/// The deepest nesting of windows whose keys can be read back.
const WINDOWS_MAX: usize = 4;

impl WindowSizes {
    /// No sizes are known.
    pub const NONE: Self = Self { millis: [0; WINDOWS_MAX], known: 0 };

    /// These sizes and a window inside the innermost one.
    #[must_use]
    pub const fn around(mut self, size: Duration) -> Self {
        if self.known < WINDOWS_MAX {
            self.millis[self.known] = millis(size);
            self.known += 1;
        }
        self
    }

    /// These sizes and a window around the outermost one.
    #[must_use]
    pub fn within(self, size: Duration) -> Self {
        let outer = Self::NONE.around(size);
        self.as_slice().iter().fold(outer, |sizes, size| sizes.around(Duration::from_millis(size.unsigned_abs())))
    }

    /// The sizes in milliseconds, the outermost first.
    #[must_use]
    pub fn as_slice(&self) -> &[i64] {
        self.millis.get(..self.known).unwrap_or_default()
    }

    /// The number of sizes that are known.
    #[must_use]
    pub const fn len(self) -> usize {
        self.known
    }

    /// Whether no sizes are known.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.known == 0
    }

    /// These sizes without the outermost window.
    #[must_use]
    pub fn inner(self) -> Self {
        let sizes = self.as_slice().iter().skip(1);
        sizes.fold(Self::NONE, |sizes, size| sizes.around(Duration::from_millis(size.unsigned_abs())))
    }
}

impl Default for WindowSizes {
    fn default() -> Self {
        Self::NONE
    }
}

impl std::fmt::Display for WindowSizes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, size) in self.as_slice().iter().enumerate() {
            let around = if place > 0 { " around " } else { "" };
            write!(f, "{around}{:?}", Duration::from_millis(size.unsigned_abs()))?;
        }
        Ok(())
    }
}

/// Tumbling windows: aligned to the epoch, without gaps or overlaps.
///
/// ```
/// use millstream::prelude::*;
/// use std::time::Duration;
///
/// let minutes = Tumbling::of(Duration::from_secs(60)).grace(Duration::from_secs(10));
/// assert!(minutes.validate().is_ok());
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use = "windows are described for `windowed_by(..)`"]
pub struct Tumbling {
    size: Duration,
}

impl Tumbling {
    /// Windows of that length, in whole milliseconds.
    pub const fn of(size: Duration) -> Self {
        Self { size }
    }

    /// How late records may be: a window takes records until stream time reaches its end plus `grace`.
    #[must_use]
    pub const fn grace(self, grace: Duration) -> TimeWindows {
        TimeWindows::new(self.size, self.size, grace)
    }

    /// A window takes no records once stream time has reached its end.
    #[must_use]
    pub const fn no_grace(self) -> TimeWindows {
        self.grace(Duration::ZERO)
    }
}

/// Hopping windows: one starts every `advance_by`, so windows overlap and a record belongs to several of them.
///
/// ```
/// use millstream::prelude::*;
/// use std::time::Duration;
///
/// let last_hour = Hopping::of(Duration::from_secs(3_600)).advance_by(Duration::from_secs(60)).no_grace();
/// assert!(last_hour.validate().is_ok());
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use = "windows are described for `windowed_by(..)`"]
pub struct Hopping {
    size: Duration,
}

/// [`Hopping`] windows with their advance.
#[derive(Debug, Clone, Copy)]
#[must_use = "windows are described for `windowed_by(..)`"]
pub struct HoppingEvery {
    size: Duration,
    advance: Duration,
}

impl Hopping {
    /// Windows of that length, in whole milliseconds.
    pub const fn of(size: Duration) -> Self {
        Self { size }
    }

    /// The time from the start of one window to the start of the next: at most the windows' length, in whole
    /// milliseconds.
    pub const fn advance_by(self, advance: Duration) -> HoppingEvery {
        HoppingEvery { size: self.size, advance }
    }
}

impl HoppingEvery {
    /// How late records may be: a window takes records until stream time reaches its end plus `grace`.
    #[must_use]
    pub const fn grace(self, grace: Duration) -> TimeWindows {
        TimeWindows::new(self.size, self.advance, grace)
    }

    /// A window takes no records once stream time has reached its end.
    #[must_use]
    pub const fn no_grace(self) -> TimeWindows {
        self.grace(Duration::ZERO)
    }
}

/// Tumbling or hopping windows with their grace period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeWindows {
    /// A window's length, at least 1.
    pub size_ms: i64,
    /// The time between the starts of two windows, at least 1 and at most the size.
    pub advance_ms: i64,
    /// How long after its end a window still takes records, by stream time.
    pub grace_ms: i64,
}

/// Longer windows (about 73 million years) are a mistake and would overflow sums of times.
const LENGTH_MAX_MS: i64 = i64::MAX / 4;

impl TimeWindows {
    const fn new(size: Duration, advance: Duration, grace: Duration) -> Self {
        Self { size_ms: millis(size), advance_ms: millis(advance), grace_ms: millis(grace) }
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// A sentence that says which number is wrong and what it may be.
    pub fn validate(&self) -> Result<(), String> {
        let Self { size_ms, advance_ms, grace_ms } = *self;
        if size_ms < 1 {
            return Err("a window must be at least one millisecond long".to_owned());
        }
        if advance_ms < 1 {
            return Err("a hopping window must advance by at least one millisecond".to_owned());
        }
        if advance_ms > size_ms {
            return Err(format!(
                "hopping windows that advance by {advance_ms} ms but are only {size_ms} ms long would leave \
                 gaps; advance by at most their length"
            ));
        }
        if grace_ms < 0 {
            return Err("a window's grace cannot be negative".to_owned());
        }
        if size_ms > LENGTH_MAX_MS || grace_ms > LENGTH_MAX_MS {
            return Err(format!("a window of {size_ms} ms with a grace of {grace_ms} ms is longer than time itself"));
        }
        Ok(())
    }

    /// The minimum time for which a window's rows must be kept, in milliseconds from the window's start: until no
    /// record can change them any more.
    #[must_use]
    pub const fn retention_min_ms(&self) -> i64 {
        self.size_ms.saturating_add(self.grace_ms)
    }

    /// The windows that contain a moment, by ascending start. No window starts before 0.
    pub fn windows_for(&self, timestamp: Timestamp) -> impl Iterator<Item = Window> + use<> {
        let Self { size_ms, advance_ms, .. } = *self;
        let advance_ms = advance_ms.max(1);
        let earliest = timestamp.0.saturating_sub(size_ms).saturating_add(advance_ms).max(0);
        let first = earliest / advance_ms * advance_ms;
        std::iter::successors(Some(first), move |start| start.checked_add(advance_ms))
            .take_while(move |start| *start <= timestamp.0)
            .map(move |start| Window { start: Timestamp(start), end: Timestamp(start.saturating_add(size_ms)) })
    }
}

/// Windows that `windowed_by(..)` accepts.
#[diagnostic::on_unimplemented(
    message = "this window does not say how long it waits for late records",
    label = "how late may a record be?",
    note = "choose `.grace(duration)` or `.no_grace()`"
)]
pub trait IntoTimeWindows {
    /// The windows' size, advance and grace as plain numbers.
    fn into_time_windows(self) -> TimeWindows;
}

impl IntoTimeWindows for TimeWindows {
    fn into_time_windows(self) -> TimeWindows {
        self
    }
}

/// Whole milliseconds. A duration that does not fit becomes `i64::MAX`, which [`TimeWindows::validate`] refuses.
const fn millis(duration: Duration) -> i64 {
    let millis = duration.as_millis();
    if millis > i64::MAX as u128 {
        i64::MAX
    } else {
        #[allow(clippy::cast_possible_truncation, reason = "checked above")]
        {
            millis as i64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn starts(windows: TimeWindows, timestamp: i64) -> Vec<(i64, i64)> {
        windows.windows_for(Timestamp(timestamp)).map(|window| (window.start.0, window.end.0)).collect()
    }

    #[test]
    fn a_moment_belongs_to_the_windows_that_hold_it_and_none_starts_before_zero() {
        let tumbling = Tumbling::of(ms(10)).no_grace();
        let hopping = Hopping::of(ms(10)).advance_by(ms(4)).no_grace();
        for (windows, timestamp, expected) in [
            (tumbling, 0, vec![(0, 10)]),
            (tumbling, 9, vec![(0, 10)]),
            (tumbling, 10, vec![(10, 20)]),
            (hopping, 0, vec![(0, 10)]),
            (hopping, 3, vec![(0, 10)]),
            (hopping, 4, vec![(0, 10), (4, 14)]),
            (hopping, 9, vec![(0, 10), (4, 14), (8, 18)]),
            (hopping, 10, vec![(4, 14), (8, 18)]),
            (hopping, 12, vec![(4, 14), (8, 18), (12, 22)]),
            (hopping, 14, vec![(8, 18), (12, 22)]),
            (tumbling, -1, vec![]),
        ] {
            assert_eq!(starts(windows, timestamp), expected, "{windows:?} at {timestamp}");
        }
    }

    #[test]
    fn the_last_moment_of_time_has_a_window_and_ends_the_list() {
        let last = i64::MAX / 10 * 10;
        assert_eq!(starts(Tumbling::of(ms(10)).no_grace(), i64::MAX), [(last, i64::MAX)]);
    }

    #[test]
    fn windows_that_cannot_be_are_refused() {
        let long = Duration::MAX;
        for (windows, expected) in [
            (Tumbling::of(ms(1)).no_grace(), None),
            (Hopping::of(ms(10)).advance_by(ms(10)).grace(ms(5)), None),
            (
                Tumbling::of(Duration::from_micros(999)).no_grace(),
                Some("a window must be at least one millisecond long"),
            ),
            (Hopping::of(ms(10)).advance_by(ms(0)).no_grace(), Some("must advance by at least one")),
            (Hopping::of(ms(10)).advance_by(ms(11)).no_grace(), Some("would leave gaps")),
            (Tumbling::of(long).no_grace(), Some("longer than time")),
            (Tumbling::of(ms(1)).grace(long), Some("longer than time")),
        ] {
            match (windows.validate(), expected) {
                (Ok(()), None) => {}
                (Err(error), Some(expected)) => assert!(error.contains(expected), "{error}"),
                (found, expected) => panic!("{windows:?}: {found:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn a_windowed_key_is_written_as_java_does_and_partitioned_by_its_inner_key() {
        #[derive(Debug, Clone, PartialEq, Eq)]
        struct Text(String);
        impl Value for Text {
            fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
                out.extend_from_slice(self.0.as_bytes());
                Ok(())
            }
            fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
                Ok(Self(String::from_utf8_lossy(bytes).into_owned()))
            }
        }
        let window = Window { start: Timestamp(0x0102), end: Timestamp(0x0202) };
        let key = Windowed { key: Text("ab".into()), window };
        let mut bytes = Vec::new();
        key.encode(&mut bytes).unwrap();
        assert_eq!(bytes, b"ab\0\0\0\0\0\0\x01\x02");
        assert_eq!(Windowed::<Text>::partition_bytes(&bytes), b"ab");
        let read = Windowed::<Text>::decode(&bytes).unwrap();
        assert_eq!((read.key, read.window.start, read.window.end), (key.key, window.start, Timestamp(i64::MAX)));
        assert!(Windowed::<Text>::decode(b"short").is_err());
        assert_eq!(Windowed::<Text>::partition_bytes(b"short"), b"short", "never panics");
    }
}
