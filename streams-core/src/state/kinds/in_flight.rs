//! Stores of records that handlers work on: one row per record that was accepted and is not done with.
//!
//! A row has the same bytes in the store and in the changelog; see [`crate::state::in_flight`].

use std::time::Duration;

use super::{ChangelogRecord, StoreKind, StoreRow, StoredRow, compacted};
use crate::state::in_flight::{Accepted, NUMBER_BYTES};

/// Records that were accepted, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InFlight;

impl StoreKind for InFlight {
    fn name(&self) -> &'static str {
        "in-flight"
    }

    fn constant(&self) -> &'static str {
        "handler's store"
    }

    fn changelog_settings(&self, _additional_retention: Duration) -> Vec<(&'static str, String)> {
        compacted()
    }

    fn logs_times(&self) -> bool {
        false
    }

    fn to_store(&self, record: ChangelogRecord<'_>) -> Option<StoreRow> {
        if record.key.len() != NUMBER_BYTES {
            return None;
        }
        let row = match record.value {
            Some(row) => {
                Accepted::read(row)?;
                Some(row.to_vec())
            }
            None => None,
        };
        Some((record.key.to_vec(), row))
    }

    fn changelog_key(&self, key: &[u8]) -> Option<Vec<u8>> {
        (key.len() == NUMBER_BYTES).then(|| key.to_vec())
    }

    fn read<'a>(&self, key: &'a [u8], row: &'a [u8]) -> Option<StoredRow<'a>> {
        let accepted = Accepted::read(row)?;
        Some(StoredRow { key, window: None, timestamp: Some(accepted.timestamp), value: row })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Headers, Timestamp};

    #[test]
    fn a_changelog_record_is_the_row_and_has_a_number() {
        let accepted = Accepted {
            position: None,
            ordinal: 0,
            first: None,
            timestamp: Timestamp(5),
            headers: Headers::new(),
            key: None,
            value: None,
            attempts: 0,
            due: Timestamp::UNKNOWN,
        };
        let mut row = Vec::new();
        accepted.write(&mut row).expect("it is short");
        let number = 7_i64.to_be_bytes();
        for (key, value, expected) in [
            (&number[..], Some(&row[..]), Some((number.to_vec(), Some(row.clone())))),
            (&number[..], None, Some((number.to_vec(), None))),
            (&number[..], Some(&b"no row"[..]), None),
            (&b"a key"[..], Some(&row[..]), None),
        ] {
            let record = ChangelogRecord { key, value, timestamp: Timestamp(9) };
            assert_eq!(InFlight.to_store(record), expected);
        }
        let read = StoredRow { key: &number, window: None, timestamp: Some(Timestamp(5)), value: &row };
        assert_eq!(InFlight.read(&number, &row), Some(read));
    }
}
