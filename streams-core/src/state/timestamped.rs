//! The bytes of a table row in a store: its timestamp, then its value.

use crate::record::Timestamp;

/// Encodes a table row: the timestamp in eight big-endian bytes, then the value.
#[must_use]
pub(crate) fn timestamped(timestamp: Timestamp, value: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(size_of::<i64>() + value.len());
    row.extend_from_slice(&timestamp.0.to_be_bytes());
    row.extend_from_slice(value);
    row
}

/// Splits a table row into timestamp and value. `None` if it is too short.
#[must_use]
pub(crate) fn split_timestamped(row: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (timestamp, value) = row.split_first_chunk::<8>()?;
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
}
