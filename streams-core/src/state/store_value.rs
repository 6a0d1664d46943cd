//! What a processors' store keeps for a key: a plain value, or one with a timestamp of its own.
//!
//! The store's row and the changelog's record follow from that. A plain value is the row, and its changelog record has
//! the time of the record being processed. A [`Timestamped`] one is stored behind its timestamp, which is the changelog
//! record's too. Both are Kafka Streams' bytes.

use super::timestamped::split_timestamped;
use crate::record::Timestamp;
use crate::wire::{DecodeError, EncodeError, Shape, Value, refuse_windows};

/// A value with a timestamp of its own, as the rows of tables have (Kafka Streams' `ValueAndTimestamp`).
///
/// A processors' store of such values is declared with it: `KeyValueStore<String, Timestamped<i64>>`.
///
/// ```
/// use millstream::prelude::*;
/// use millstream::testing::TestDriver;
///
/// const READINGS: Topic<u64, i64> = Topic::new("readings");
/// const NEWEST: Topic<u64, i64> = Topic::new("newest-readings");
/// const LAST: KeyValueStore<u64, Timestamped<i64>> = KeyValueStore::new("last-readings");
///
/// let builder = StreamsBuilder::new();
/// builder
///     .stream(READINGS)
///     .process(LAST, |mut last, meter, value, out| {
///         let reading = Timestamped { value, timestamp: out.timestamp() };
///         if last.get(meter).is_none_or(|last| last.timestamp <= reading.timestamp) {
///             last.put(meter, reading);
///             out.send(*meter, value);
///         }
///     })
///     .to(NEWEST);
///
/// let mut driver = TestDriver::new(builder.build()?);
/// for (time, value) in [(1_000, 20), (3_000, 22), (2_000, 21)] {
///     driver.pipe_at(&READINGS, 7_u64, value, Timestamp(time));
/// }
/// assert_eq!(driver.read(&NEWEST), [(7, 20), (7, 22)]);
/// # Ok::<(), TopologyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Timestamped<V> {
    /// The value.
    pub value: V,
    /// When it was valid first, in milliseconds since 1970.
    pub timestamp: Timestamp,
}

/// What a processors' store can keep for a key: a [`Value`], or a [`Timestamped`] one.
#[diagnostic::on_unimplemented(
    message = "a store cannot keep `{Self}`",
    label = "neither a value nor a `Timestamped<..>` one",
    note = "a store keeps what has a format: derive `Value`, or wrap it in `Json<..>`"
)]
pub trait StoreValue: Sized + 'static {
    /// Whether it has a timestamp of its own.
    const TIMESTAMPED: bool;
    /// The size of the windows in values cannot be known, so such values do not compile.
    #[doc(hidden)]
    const CHECKED: ();

    /// Appends its row.
    ///
    /// # Errors
    /// When it has no representation in its format.
    #[doc(hidden)]
    fn write_row(&self, out: &mut Vec<u8>) -> Result<(), EncodeError>;

    /// Reads a row.
    ///
    /// # Errors
    /// When the bytes are no such row.
    #[doc(hidden)]
    fn read_row(row: &[u8]) -> Result<Self, DecodeError>;

    /// What the value looks like to people, without its time.
    #[doc(hidden)]
    fn shape() -> Shape;

    /// What the changelog has of a row, and the record's time; `now` is that of the record being processed.
    #[doc(hidden)]
    fn logged(row: &[u8], now: Timestamp) -> (&[u8], Timestamp);
}

impl<V: Value> StoreValue for V {
    const TIMESTAMPED: bool = false;
    const CHECKED: () = refuse_windows::<V>();

    fn write_row(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.encode(out)
    }

    fn read_row(row: &[u8]) -> Result<Self, DecodeError> {
        V::decode(row)
    }

    fn shape() -> Shape {
        Shape::of::<V>()
    }

    fn logged(row: &[u8], now: Timestamp) -> (&[u8], Timestamp) {
        (row, now)
    }
}

impl<V: Value> StoreValue for Timestamped<V> {
    const TIMESTAMPED: bool = true;
    const CHECKED: () = refuse_windows::<V>();

    fn write_row(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.extend_from_slice(&self.timestamp.0.to_be_bytes());
        self.value.encode(out)
    }

    fn read_row(row: &[u8]) -> Result<Self, DecodeError> {
        let Some((timestamp, value)) = split_timestamped(row) else {
            return Err(DecodeError::new::<Self>("its timestamp is missing"));
        };
        Ok(Self { value: V::decode(value)?, timestamp })
    }

    fn shape() -> Shape {
        Shape::of::<V>()
    }

    fn logged(row: &[u8], now: Timestamp) -> (&[u8], Timestamp) {
        split_timestamped(row).map_or((row, now), |(timestamp, value)| (value, timestamp))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_timestamp_in_front_and_the_changelog_beside_it() {
        let value = Timestamped { value: "v".to_owned(), timestamp: Timestamp(258) };
        let mut row = Vec::new();
        value.write_row(&mut row).expect("text");
        assert_eq!(row, b"\0\0\0\0\0\0\x01\x02v");
        assert_eq!(Timestamped::<String>::logged(&row, Timestamp(9)), (&b"v"[..], Timestamp(258)));
        assert_eq!(Timestamped::read_row(&row), Ok(value));
        assert!(Timestamped::<String>::read_row(b"short").is_err());
    }

    #[test]
    fn a_plain_value_is_its_row_and_is_logged_with_the_time_of_the_record() {
        let mut row = Vec::new();
        "v".to_owned().write_row(&mut row).expect("text");
        assert_eq!(String::logged(&row, Timestamp(9)), (&b"v"[..], Timestamp(9)));
        assert_eq!(String::read_row(&row), Ok("v".to_owned()));
    }
}
