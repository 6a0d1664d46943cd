//! The stored form of a batch, version 1.
//!
//! ```text
//!   version (1)   count (4)   next offset (8)
//!   count times: offset (8)   timestamp (8)   key length (4, -1 is null)   value length (4)   headers length (4)
//!   count times: key, value, headers
//! ```
//!
//! Numbers are little-endian. Readers trust no length.

use bytes::Bytes;

use super::{Entry, RecordBatch};
use crate::record::Offset;

const VERSION: u8 = 1;
const HEAD: usize = 1 + 4 + 8;
const ENTRY: usize = 8 + 8 + 4 + 4 + 4;

impl RecordBatch {
    /// The stored form.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let entries = self.visible();
        let mut out = Vec::with_capacity(HEAD + entries.len() * ENTRY + self.buffer.len());
        out.push(VERSION);
        out.extend_from_slice(&u32::try_from(entries.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(&self.next_offset.0.to_le_bytes());
        for entry in entries {
            out.extend_from_slice(&(entry.offset + self.shift).to_le_bytes());
            out.extend_from_slice(&entry.timestamp.to_le_bytes());
            out.extend_from_slice(&entry.key_length.to_le_bytes());
            out.extend_from_slice(&entry.value_length.to_le_bytes());
            out.extend_from_slice(&entry.headers_length.to_le_bytes());
        }
        // Records are adjacent in the buffer.
        if let (Some(first), Some(last)) = (entries.first(), entries.last()) {
            let end = last.start as usize + last.length();
            out.extend_from_slice(self.buffer.get(first.start as usize..end).unwrap_or_default());
        }
        out
    }

    /// Reads the stored form; `None` if it is damaged.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let (next_offset, rest) = rest.split_first_chunk::<8>()?;
        let count = u32::from_le_bytes(*count) as usize;
        let next_offset = i64::from_le_bytes(*next_offset);
        let (table, buffer) = rest.split_at_checked(count.checked_mul(ENTRY)?)?;
        if *version != VERSION {
            return None;
        }
        let mut entries = Vec::with_capacity(count);
        let (mut start, mut last_offset) = (0usize, -1);
        for entry in table.chunks_exact(ENTRY) {
            let entry = read_entry(entry, u32::try_from(start).ok()?)?;
            if entry.offset <= last_offset || entry.key_length < -1 || entry.value_length < -1 {
                return None;
            }
            last_offset = entry.offset;
            start = start.checked_add(entry.length())?;
            entries.push(entry);
        }
        if start != buffer.len() || last_offset >= next_offset {
            return None;
        }
        Some(Self {
            buffer: Bytes::copy_from_slice(buffer),
            last: entries.len(),
            entries: entries.into(),
            first: 0,
            shift: 0,
            next_offset: Offset(next_offset),
        })
    }
}

impl Entry {
    /// The number of bytes that the record takes in the buffer.
    fn length(&self) -> usize {
        let field = |length: i32| usize::try_from(length).unwrap_or(0);
        field(self.key_length) + field(self.value_length) + self.headers_length as usize
    }
}

fn read_entry(bytes: &[u8], start: u32) -> Option<Entry> {
    let (offset, rest) = bytes.split_first_chunk::<8>()?;
    let (timestamp, rest) = rest.split_first_chunk::<8>()?;
    let (key_length, rest) = rest.split_first_chunk::<4>()?;
    let (value_length, rest) = rest.split_first_chunk::<4>()?;
    let (headers_length, _) = rest.split_first_chunk::<4>()?;
    Some(Entry {
        offset: i64::from_le_bytes(*offset),
        timestamp: i64::from_le_bytes(*timestamp),
        start,
        key_length: i32::from_le_bytes(*key_length),
        value_length: i32::from_le_bytes(*value_length),
        headers_length: u32::from_le_bytes(*headers_length),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::log::BatchBuilder;
    use crate::record::{Headers, Timestamp};

    /// The number of offsets to skip before the record, its key and value, and whether it has a header.
    type Parts = (u8, Option<Vec<u8>>, Option<Vec<u8>>, bool);

    fn batch(records: &[Parts]) -> RecordBatch {
        let mut builder = BatchBuilder::default();
        let mut offset = 0;
        for (gap, key, value, header) in records {
            offset += i64::from(*gap);
            let mut headers = Headers::new();
            if *header {
                headers.push("name", "value");
            }
            builder.push(Offset(offset), Timestamp(offset * 3), key.as_deref(), value.as_deref(), &headers);
            offset += 1;
        }
        builder.finish(Offset(offset + 2))
    }

    fn content(batch: &RecordBatch) -> (Vec<String>, i64) {
        let record = |record: crate::log::RecordRef<'_>| format!("{record:?}");
        (batch.iter().map(record).collect(), batch.next_offset().0)
    }

    proptest! {
        #[test]
        fn a_batch_comes_back_whole_and_cut(
            records in prop::collection::vec(any::<Parts>(), 0..20),
            shift in 0..1_000i64,
            skip in 0..5usize,
            take in 0..30usize,
        ) {
            let batch = batch(&records).shifted(shift).skip(skip).take(take);
            let read = RecordBatch::from_bytes(&batch.to_bytes()).expect("undamaged");
            prop_assert_eq!(content(&read), content(&batch));
        }

        #[test]
        fn damaged_bytes_are_noticed_or_read_without_panic(
            records in prop::collection::vec(any::<Parts>(), 0..5),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            cut in any::<prop::sample::Index>(),
        ) {
            let bytes = batch(&records).to_bytes();
            prop_assert!(RecordBatch::from_bytes(&bytes[..cut.index(bytes.len())]).is_none());
            let mut damaged = bytes;
            for (place, byte) in damage {
                let place = place.index(damaged.len());
                damaged[place] = byte;
            }
            if let Some(batch) = RecordBatch::from_bytes(&damaged) {
                content(&batch);
            }
        }
    }
}
