//! The bytes of a table row in a store: its timestamp, then its value.

use crate::record::Timestamp;
use crate::wire::{EncodeError, Value};

const TIMESTAMP_BYTES: usize = size_of::<i64>();

/// A buffer in which rows are encoded, one after the other.
#[derive(Debug)]
pub(crate) struct RowBuffer(Vec<u8>);

impl RowBuffer {
    pub(crate) fn new() -> Self {
        Self(vec![0; TIMESTAMP_BYTES])
    }

    /// Encodes another row, or an empty value if there is no row.
    pub(crate) fn encode(&mut self, timestamp: Timestamp, value: Option<&impl Value>) -> Result<(), EncodeError> {
        self.0.clear();
        self.0.extend_from_slice(&timestamp.0.to_be_bytes());
        value.map_or(Ok(()), |value| value.encode(&mut self.0))
    }

    /// The stored form of the row.
    pub(crate) fn row(&self) -> &[u8] {
        &self.0
    }

    /// The row's value alone.
    pub(crate) fn value(&self) -> &[u8] {
        self.0.get(TIMESTAMP_BYTES..).unwrap_or_default()
    }
}

/// Encodes a table row: the timestamp in eight big-endian bytes, then the value.
#[must_use]
pub(crate) fn timestamped(timestamp: Timestamp, value: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(TIMESTAMP_BYTES + value.len());
    row.extend_from_slice(&timestamp.0.to_be_bytes());
    row.extend_from_slice(value);
    row
}

/// Splits a table row into timestamp and value. `None` if it is too short.
#[must_use]
pub(crate) fn split_timestamped(row: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (timestamp, value) = row.split_first_chunk::<TIMESTAMP_BYTES>()?;
    Some((Timestamp(i64::from_be_bytes(*timestamp)), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_comes_apart_as_it_was_put_together() {
        assert_eq!(split_timestamped(&timestamped(Timestamp(-9), b"x")), Some((Timestamp(-9), &b"x"[..])));
        assert_eq!(split_timestamped(b"1234567"), None);
    }

    #[test]
    fn a_buffer_holds_the_row_that_was_encoded_last() {
        let mut buffer = RowBuffer::new();
        for value in ["a long value", "x", ""] {
            buffer.encode(Timestamp(7), Some(&value.to_owned())).expect("text");
            assert_eq!(
                (buffer.row(), buffer.value()),
                (&*timestamped(Timestamp(7), value.as_bytes()), value.as_bytes())
            );
        }
        buffer.encode(Timestamp(8), None::<&String>).expect("nothing");
        assert_eq!(buffer.value(), b"");
    }
}
