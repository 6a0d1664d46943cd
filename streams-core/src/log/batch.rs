//! A batch of records of one partition: one buffer, and an index of the records in it.
//!
//! Reading a record allocates, counts and copies nothing, and a batch is cheap to clone. Batches are built with a
//! [`BatchBuilder`]. Offsets are stored relative to the batch, so that a log can assign a batch its offset without
//! touching the records.

use std::sync::Arc;

use ::bytes::Bytes;

use crate::record::{Header, Headers, Offset, Timestamp};

mod bytes;

/// Consecutive records of one partition.
///
/// ```
/// use millstream::log::BatchBuilder;
/// use millstream::prelude::*;
/// use millstream::record::Offset;
///
/// let mut builder = BatchBuilder::default();
/// builder.push(Offset(7), Timestamp(1), Some(b"k"), None, &Headers::new());
/// let batch = builder.finish(Offset(8));
/// let record = batch.get(0).unwrap();
/// assert_eq!((record.offset, record.key, record.value), (Offset(7), Some(&b"k"[..]), None));
/// ```
#[derive(Debug, Clone)]
pub struct RecordBatch {
    buffer: Bytes,
    entries: Arc<[Entry]>,
    first: usize,
    last: usize,
    shift: i64,
    next_offset: Offset,
}

/// The place of one record in the buffer: key, value and headers follow each other from `start`.
#[derive(Debug, Clone, Copy)]
struct Entry {
    offset: i64,
    timestamp: i64,
    start: u32,
    key_length: i32,
    value_length: i32,
    headers_length: u32,
}

/// A record that borrows its bytes from a batch.
#[derive(Debug, Clone, Copy)]
pub struct RecordRef<'a> {
    /// The absolute offset in the partition.
    pub offset: Offset,
    /// As set by the record's sender.
    pub timestamp: Timestamp,
    /// The key's bytes; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value's bytes; `None` is null.
    pub value: Option<&'a [u8]>,
    headers: &'a [u8],
}

impl RecordRef<'_> {
    /// Decodes the headers.
    #[must_use]
    pub fn headers(&self) -> Headers {
        let mut rest = self.headers;
        std::iter::from_fn(|| read_header(&mut rest)).collect()
    }

    /// Whether there is a header with this name; cheaper than to decode all of them.
    pub(crate) fn has_header(&self, name: &str) -> bool {
        let mut rest = self.headers;
        std::iter::from_fn(|| read_raw_header(&mut rest)).any(|(found, _)| found == name.as_bytes())
    }

    /// The total size of key, value and headers in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.key.map_or(0, <[u8]>::len) + self.value.map_or(0, <[u8]>::len) + self.headers.len()
    }
}

impl RecordBatch {
    /// The number of records, without those that were cut off.
    #[must_use]
    pub fn len(&self) -> usize {
        self.last - self.first
    }

    /// Whether no records are left. A batch without records still advances the position.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The position after this batch: after its last record and any transaction marker or compacted record that follows.
    #[must_use]
    pub const fn next_offset(&self) -> Offset {
        self.next_offset
    }

    /// The record at `index`, not counting those that were cut off.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<RecordRef<'_>> {
        self.visible().get(index).map(|entry| entry.read(&self.buffer, self.shift))
    }

    /// The records in order, without those that were cut off.
    pub fn iter(&self) -> impl Iterator<Item = RecordRef<'_>> {
        self.visible().iter().map(|entry| entry.read(&self.buffer, self.shift))
    }

    /// The same batch without its first `count` records; cheap.
    #[must_use]
    pub fn skip(mut self, count: usize) -> Self {
        self.first = (self.first + count).min(self.last);
        self
    }

    /// The first `count` records of the same batch; cheap. If that cuts off records, the position after the batch is
    /// directly after the last one.
    #[must_use]
    pub fn take(mut self, count: usize) -> Self {
        if count < self.len() {
            self.next_offset = match self.visible().get(count) {
                Some(left_out) if count == 0 => Offset(left_out.offset + self.shift),
                _ => self.get(count - 1).map_or(self.next_offset, |record| record.offset.next()),
            };
            self.last = self.first + count;
        }
        self
    }

    /// The same batch without the records before `offset`; cheap.
    #[must_use]
    pub fn starting_at(mut self, offset: Offset) -> Self {
        let before = self.visible().partition_point(|entry| entry.offset + self.shift < offset.0);
        self.first += before;
        self
    }

    /// The same batch without the records from `offset` on; cheap. The position after it is `offset`.
    #[must_use]
    pub fn ending_before(mut self, offset: Offset) -> Self {
        self.last = self.first + self.visible().partition_point(|entry| entry.offset + self.shift < offset.0);
        self.next_offset = offset;
        self
    }

    /// The same batch with all offsets increased by `by`; cheap. A log uses it to assign offsets to a batch that was
    /// built from offset 0.
    #[must_use]
    pub fn shifted(mut self, by: i64) -> Self {
        self.shift += by;
        self.next_offset = Offset(self.next_offset.0 + by);
        self
    }

    /// The largest timestamp of the records; [`Timestamp::UNKNOWN`] if there are none.
    #[must_use]
    pub fn max_timestamp(&self) -> Timestamp {
        Timestamp(self.visible().iter().map(|entry| entry.timestamp).max().unwrap_or(Timestamp::UNKNOWN.0))
    }

    /// The memory that the batch keeps allocated, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.buffer.len() + self.entries.len() * size_of::<Entry>()
    }

    fn visible(&self) -> &[Entry] {
        self.entries.get(self.first..self.last).unwrap_or_default()
    }
}

/// Collects records into a [`RecordBatch`].
#[derive(Debug, Default)]
pub struct BatchBuilder {
    buffer: Vec<u8>,
    entries: Vec<Entry>,
}

impl BatchBuilder {
    /// A builder with memory for that many records and bytes.
    #[must_use]
    pub fn with_capacity(records: usize, bytes: usize) -> Self {
        Self { buffer: Vec::with_capacity(bytes), entries: Vec::with_capacity(records) }
    }

    /// The number of records so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no records yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The size of all keys, values and headers so far, in bytes. A batch must stay below 2 GiB; callers finish theirs
    /// long before that.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Adds a record. Offsets must be in ascending order.
    pub fn push(
        &mut self,
        offset: Offset,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &Headers,
    ) {
        let start = self.buffer.len();
        let key_length = append(&mut self.buffer, key);
        let value_length = append(&mut self.buffer, value);
        let headers_start = self.buffer.len();
        for header in headers {
            write_header(&mut self.buffer, header);
        }
        let headers_length = self.buffer.len() - headers_start;
        self.entries.push(Entry {
            offset: offset.0,
            timestamp: timestamp.0,
            start: u32::try_from(start).unwrap_or(u32::MAX),
            key_length,
            value_length,
            headers_length: u32::try_from(headers_length).unwrap_or(u32::MAX),
        });
    }

    /// Adds a copy of another batch's record.
    pub fn push_copy(&mut self, record: &RecordRef<'_>) {
        let start = self.buffer.len();
        let key_length = append(&mut self.buffer, record.key);
        let value_length = append(&mut self.buffer, record.value);
        self.buffer.extend_from_slice(record.headers);
        self.entries.push(Entry {
            offset: record.offset.0,
            timestamp: record.timestamp.0,
            start: u32::try_from(start).unwrap_or(u32::MAX),
            key_length,
            value_length,
            headers_length: u32::try_from(record.headers.len()).unwrap_or(u32::MAX),
        });
    }

    /// Builds the batch; `next_offset` is the position after it.
    #[must_use]
    pub fn finish(mut self, next_offset: Offset) -> RecordBatch {
        // A batch may be kept for a long time, so it must not occupy much more memory than it needs.
        if self.buffer.capacity() - self.buffer.len() > self.buffer.len() / 4 {
            self.buffer.shrink_to_fit();
        }
        let last = self.entries.len();
        RecordBatch { buffer: self.buffer.into(), entries: self.entries.into(), first: 0, last, shift: 0, next_offset }
    }
}

impl Entry {
    fn read<'a>(&self, buffer: &'a [u8], shift: i64) -> RecordRef<'a> {
        let rest = buffer.get(self.start as usize..).unwrap_or_default();
        let (key, rest) = take(rest, self.key_length);
        let (value, rest) = take(rest, self.value_length);
        let headers = rest.get(..self.headers_length as usize).unwrap_or_default();
        RecordRef { offset: Offset(self.offset + shift), timestamp: Timestamp(self.timestamp), key, value, headers }
    }
}

/// Appends a field and returns its length, -1 for null.
fn append(buffer: &mut Vec<u8>, field: Option<&[u8]>) -> i32 {
    match field {
        None => -1,
        Some(bytes) => {
            buffer.extend_from_slice(bytes);
            i32::try_from(bytes.len()).unwrap_or(i32::MAX)
        }
    }
}

fn take(bytes: &[u8], length: i32) -> (Option<&[u8]>, &[u8]) {
    match usize::try_from(length) {
        Ok(length) => bytes.split_at_checked(length).map_or((Some(bytes), &[]), |(field, rest)| (Some(field), rest)),
        Err(_) => (None, bytes),
    }
}

fn write_header(buffer: &mut Vec<u8>, header: &Header) {
    let name = header.name.as_bytes();
    buffer.extend_from_slice(&u32::try_from(name.len()).unwrap_or(u32::MAX).to_le_bytes());
    buffer.extend_from_slice(name);
    let value_length = header.value.as_ref().map_or(-1, |value| i32::try_from(value.len()).unwrap_or(i32::MAX));
    buffer.extend_from_slice(&value_length.to_le_bytes());
    buffer.extend_from_slice(header.value.as_deref().unwrap_or_default());
}

/// How many bytes [`write_header`] appends for all of them.
pub(super) fn headers_size(headers: &Headers) -> usize {
    let size = |header: &Header| 2 * size_of::<u32>() + header.name.len() + header.value.as_ref().map_or(0, Bytes::len);
    headers.iter().map(size).sum()
}

fn read_header(rest: &mut &[u8]) -> Option<Header> {
    let (name, value) = read_raw_header(rest)?;
    Some(Header { name: String::from_utf8_lossy(name).into_owned(), value: value.map(Bytes::copy_from_slice) })
}

fn read_raw_header<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], Option<&'a [u8]>)> {
    let name_length = i32::from_le_bytes(read_word(rest)?);
    let (name, tail) = take(rest, name_length);
    *rest = tail;
    let name = name?;
    let value_length = i32::from_le_bytes(read_word(rest)?);
    let (value, tail) = take(rest, value_length);
    *rest = tail;
    Some((name, value))
}

fn read_word(rest: &mut &[u8]) -> Option<[u8; 4]> {
    let (word, tail) = rest.split_first_chunk::<4>()?;
    *rest = tail;
    Some(*word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_gives_back_what_was_pushed() {
        let mut headers = Headers::new();
        headers.push("a", "1");
        headers.push_header(Header { name: "null".into(), value: None });
        let records = [
            (Offset(3), Some(&b"key"[..]), Some(&b"value"[..]), headers.clone()),
            (Offset(5), None, Some(&b""[..]), Headers::new()),
            (Offset(6), Some(&b""[..]), None, headers),
        ];
        let mut builder = BatchBuilder::default();
        for (offset, key, value, headers) in &records {
            builder.push(*offset, Timestamp(offset.0 * 10), *key, *value, headers);
        }
        let batch = builder.finish(Offset(9));
        for (index, (offset, key, value, headers)) in records.iter().enumerate() {
            let record = batch.get(index).expect("a record");
            assert_eq!((record.offset, record.timestamp), (*offset, Timestamp(offset.0 * 10)));
            assert_eq!((record.key, record.value, &record.headers()), (*key, *value, headers));
        }
        assert!(batch.get(3).is_none());
        assert_eq!(batch.clone().starting_at(Offset(4)).get(0).map(|record| record.offset), Some(Offset(5)));
        assert_eq!(batch.clone().skip(2).len(), 1);
        assert_eq!(batch.next_offset(), Offset(9));
    }

    /// A batch with the offsets 0, 1, 4 and 5, after which the position is 8.
    fn with_a_hole() -> RecordBatch {
        let mut builder = BatchBuilder::default();
        for offset in [0, 1, 4, 5] {
            builder.push(Offset(offset), Timestamp(0), None, Some(b"v"), &Headers::new());
        }
        builder.finish(Offset(8))
    }

    fn offsets(batch: &RecordBatch) -> (Vec<i64>, i64) {
        (batch.iter().map(|record| record.offset.0).collect(), batch.next_offset().0)
    }

    #[test]
    fn a_batch_is_cut_and_moved_without_losing_its_place() {
        for (batch, expected) in [
            (with_a_hole(), (vec![0, 1, 4, 5], 8)),
            (with_a_hole().take(9), (vec![0, 1, 4, 5], 8)),
            (with_a_hole().take(4), (vec![0, 1, 4, 5], 8)),
            (with_a_hole().take(2), (vec![0, 1], 2)),
            (with_a_hole().take(0), (vec![], 0)),
            (with_a_hole().skip(1).take(2), (vec![1, 4], 5)),
            (with_a_hole().starting_at(Offset(2)).take(0), (vec![], 4)),
            (with_a_hole().shifted(100), (vec![100, 101, 104, 105], 108)),
            (with_a_hole().shifted(100).starting_at(Offset(102)).take(1), (vec![104], 105)),
            (with_a_hole().skip(9), (vec![], 8)),
            (with_a_hole().ending_before(Offset(12)), (vec![0, 1, 4, 5], 12)),
            (with_a_hole().ending_before(Offset(3)), (vec![0, 1], 3)),
            (with_a_hole().starting_at(Offset(4)).ending_before(Offset(2)), (vec![], 2)),
        ] {
            assert_eq!(offsets(&batch), expected);
        }
    }

    #[test]
    fn a_copied_record_is_the_same_record() {
        let mut headers = Headers::new();
        headers.push("a", "1");
        let mut original = BatchBuilder::default();
        original.push(Offset(3), Timestamp(9), Some(b"k"), None, &headers);
        let original = original.finish(Offset(4)).shifted(10);
        let mut copy = BatchBuilder::default();
        original.iter().for_each(|record| copy.push_copy(&record));
        let copy = copy.finish(Offset(14));
        let record = copy.get(0).expect("a record");
        assert_eq!(
            (record.offset, record.timestamp, record.key, record.value),
            (Offset(13), Timestamp(9), Some(&b"k"[..]), None)
        );
        assert_eq!(record.headers(), headers);
    }
}
