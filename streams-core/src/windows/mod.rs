//! Windows: the intervals of event time that records are aggregated in, and keys that include such an interval.
//!
//! Windows can be used only once it is decided how long they wait for late records: [`Tumbling`], [`Hopping`],
//! [`CalendarWindows`],
//! [`Sliding`] and [`Sessions`] become [`TimeWindows`], [`SlidingWindows`] and [`SessionWindows`] through `.grace(..)` or
//! `.no_grace()`, and so do [`JoinWindows`], the time within which two streams are joined, and [`DistinctWindows`], the time
//! within which records repeat others.

use std::time::Duration;

use serde_json::{Value as JsonValue, json};

use crate::record::Timestamp;
use crate::wire::json_form::{field, typed_json, unexpected};
use crate::wire::list::example_json;
use crate::wire::{DecodeError, EncodeError, Key, Value};

mod distinct;
mod join;
mod sessions;
mod sizes;
mod sliding;
mod time;

pub use chrono::Weekday;
#[cfg(feature = "time-zones")]
pub use chrono_tz;
pub use distinct::{DistinctSpan, DistinctWindows, IntoDistinctSpan};
pub use join::{IntoJoinSpan, JoinSpan, JoinWindows};
pub use sessions::{SessionWindows, Sessions};
pub use sizes::WindowSizes;
pub use sliding::{Sliding, SlidingWindows};
pub use time::{Hopping, HoppingEvery, TimeWindows, Tumbling, Unlimited};

pub use crate::calendar::CalendarWindows;
pub use crate::wire::WindowSize;

/// An interval of event time from `start` (inclusive) to `end` (exclusive for tumbling and hopping windows, inclusive for sliding
/// ones), one of many that are known by their starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// The first moment of the window.
    pub start: Timestamp,
    /// `i64::MAX` in a key that was read back where the window's size is not known.
    pub end: Timestamp,
}

/// The interval of event time of a session: from its first record to its last one, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session {
    /// The time of the first record.
    pub start: Timestamp,
    /// The time of the last record. A session of one record ends where it starts.
    pub end: Timestamp,
}

/// A key with a window: the key of a windowed table. `W` is [`Window`] or [`Session`], and keys of one sort are not keys of
/// the other, because their bytes differ.
///
/// It is written to topics as in Java: the key's bytes followed by the window's start (eight bytes, big-endian), or by a
/// session's end and start. The end of a [`Window`] is not written. Where windows come from an aggregation, their size is
/// known, and keys are complete again when they are read back from the application's own topics and stores. Elsewhere, set
/// the size with `.windows_of(..)` on the topic's constant, or after the call whose closure creates the keys. Records are
/// partitioned by the inner key.
///
/// ```
/// use millstream::prelude::*;
/// use millstream::windows::{Session, Window};
/// use std::time::Duration;
///
/// const MINUTE: Duration = Duration::from_secs(60);
/// const VIEWS: Topic<Windowed<String>, i64> = Topic::new("views-per-minute").windows_of(MINUTE);
/// const VISITS: Topic<Windowed<String, Session>, i64> = Topic::new("views-per-visit");
///
/// let second_minute = Window { start: Timestamp(60_000), end: Timestamp(120_000) };
/// let key = Windowed { key: "page", window: second_minute };
/// assert_eq!(key.window.start, Timestamp(60_000));
/// ```
///
/// A value cannot contain a key with a [`Window`], because the window's end would be unknown when it is read back. Store
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
pub struct Windowed<K, W = Window> {
    /// The inner key, which determines the partition.
    pub key: K,
    /// The window that the row is for.
    pub window: W,
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

impl<K> InWindow for Windowed<K, Session> {
    fn window(&self) -> Window {
        let Session { start, end } = self.window;
        Window { start, end }
    }
}

/// The number of bytes of a time.
const TIME: usize = size_of::<i64>();

impl<K: Value> Value for Windowed<K> {
    const WINDOWS: usize = 1 + K::WINDOWS;

    fn set_window_sizes(&mut self, sizes: &[WindowSize]) {
        if let Some((size, sizes)) = sizes.split_first() {
            self.window.end = size.end(self.window.start);
            self.key.set_window_sizes(sizes);
        }
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.key.encode(out)?;
        out.extend_from_slice(&self.window.start.0.to_be_bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let Some((key, start)) = split_time(bytes) else {
            return Err(DecodeError::new::<Self>(format!(
                "a windowed key ends with the 8 bytes of its window's start; there are only {} bytes",
                bytes.len()
            )));
        };
        Ok(Self { key: K::decode(key)?, window: Window { start, end: Timestamp(i64::MAX) } })
    }

    fn partition_bytes(encoded: &[u8]) -> &[u8] {
        K::partition_bytes(split_time(encoded).map_or(encoded, |(key, _)| key))
    }

    fn to_json(&self) -> Result<JsonValue, EncodeError> {
        let Window { start, end } = self.window;
        let end = (end.0 < i64::MAX).then_some(end.0);
        Ok(json!({ "key": self.key.to_json()?, "start": start.0, "end": end }))
    }

    /// The end may be left out, as the bytes do.
    fn from_json(json: &JsonValue) -> Result<Self, DecodeError> {
        let (key, start) = key_and_start::<Self, K>(json)?;
        let end = match json.get("end") {
            None | Some(JsonValue::Null) => Timestamp(i64::MAX),
            Some(end) => time::<Self>(end)?,
        };
        Ok(Self { key, window: Window { start, end } })
    }

    fn from_text(text: &str) -> Result<Self, DecodeError> {
        typed_json(text, Self::from_json)
    }

    fn example_text() -> String {
        format!("{{\"key\":{},\"start\":1700000000000}}", example_json::<K>())
    }
}

impl<K: Key> Key for Windowed<K> {}

impl<K: Value> Value for Windowed<K, Session> {
    const WINDOWS: usize = K::WINDOWS;

    fn set_window_sizes(&mut self, sizes: &[WindowSize]) {
        self.key.set_window_sizes(sizes);
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.key.encode(out)?;
        out.extend_from_slice(&self.window.end.0.to_be_bytes());
        out.extend_from_slice(&self.window.start.0.to_be_bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let Some((key, window)) = split_session(bytes) else {
            return Err(DecodeError::new::<Self>(format!(
                "a session's key ends with the 16 bytes of its end and its start; there are only {} bytes",
                bytes.len()
            )));
        };
        if window.start > window.end {
            let (start, end) = (window.start.0, window.end.0);
            return Err(DecodeError::new::<Self>(format!("its session would start at {start} and end at {end}")));
        }
        Ok(Self { key: K::decode(key)?, window })
    }

    fn partition_bytes(encoded: &[u8]) -> &[u8] {
        K::partition_bytes(split_session(encoded).map_or(encoded, |(key, _)| key))
    }

    fn to_json(&self) -> Result<JsonValue, EncodeError> {
        let Session { start, end } = self.window;
        Ok(json!({ "key": self.key.to_json()?, "start": start.0, "end": end.0 }))
    }

    fn from_json(json: &JsonValue) -> Result<Self, DecodeError> {
        let (key, start) = key_and_start::<Self, K>(json)?;
        let end = time::<Self>(field(json, "end").map_err(DecodeError::new::<Self>)?)?;
        if start > end {
            return Err(DecodeError::new::<Self>(format!(
                "its session would start at {} and end at {}",
                start.0, end.0
            )));
        }
        Ok(Self { key, window: Session { start, end } })
    }

    fn from_text(text: &str) -> Result<Self, DecodeError> {
        typed_json(text, Self::from_json)
    }

    fn example_text() -> String {
        format!("{{\"key\":{},\"start\":1700000000000,\"end\":1700000060000}}", example_json::<K>())
    }
}

impl<K: Key> Key for Windowed<K, Session> {}

/// What the JSON forms of both sorts of keys, `T`, have in common.
fn key_and_start<T, K: Value>(json: &JsonValue) -> Result<(K, Timestamp), DecodeError> {
    let part = |name| field(json, name).map_err(DecodeError::new::<T>);
    Ok((K::from_json(part("key")?)?, time::<T>(part("start")?)?))
}

fn time<T>(json: &JsonValue) -> Result<Timestamp, DecodeError> {
    let time = json.as_i64().map(Timestamp);
    time.ok_or_else(|| DecodeError::new::<T>(unexpected("a time in milliseconds since 1970", json)))
}

/// Splits the time at the end off.
fn split_time(bytes: &[u8]) -> Option<(&[u8], Timestamp)> {
    let (rest, time) = bytes.split_last_chunk::<TIME>()?;
    Some((rest, Timestamp(i64::from_be_bytes(*time))))
}

/// Splits a session's end and start off.
fn split_session(bytes: &[u8]) -> Option<(&[u8], Session)> {
    let (rest, start) = split_time(bytes)?;
    let (key, end) = split_time(rest)?;
    Some((key, Session { start, end }))
}

/// Longer windows (about 73 million years) are a mistake and would overflow sums of times.
const LENGTH_MAX_MS: i64 = i64::MAX / 4;

/// Whole milliseconds. A duration that does not fit becomes `i64::MAX`, which is refused as too long.
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

        let window = Session { start: Timestamp(0x0102), end: Timestamp(0x0202) };
        let key = Windowed { key: Text("ab".into()), window };
        let mut bytes = Vec::new();
        key.encode(&mut bytes).unwrap();
        assert_eq!(bytes, b"ab\0\0\0\0\0\0\x02\x02\0\0\0\0\0\0\x01\x02", "end and start");
        assert_eq!(Windowed::<Text, Session>::partition_bytes(&bytes), b"ab");
        assert_eq!(Windowed::<Text, Session>::decode(&bytes), Ok(key));
        for wrong in [&b"fifteen bytes.."[..], &bytes_of_session(3, 2)] {
            assert!(Windowed::<Text, Session>::decode(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(Windowed::<Text, Session>::partition_bytes(b"short"), b"short", "never panics");
    }

    fn bytes_of_session(start: i64, end: i64) -> Vec<u8> {
        [end.to_be_bytes(), start.to_be_bytes()].concat()
    }
}
