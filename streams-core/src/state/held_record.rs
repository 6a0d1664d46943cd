//! The bytes of records that are held back, as the changelogs of suppressions and of joins with a grace period have them.
//!
//! The layout is Kafka Streams' (`BufferValue`, written as version 3 by suppressions):
//!
//! ```text
//! timestamp (8) | offset (8) | topic | partition (4) | number of headers (4) | name and value of each
//!     | prior value | old value | new value | buffer time (8)
//! ```
//!
//! Before each topic, name and value is its length in four bytes; -1 is null, and -2 is an old value that is the same as
//! the prior one. The prior value is what was last sent on; the old and the new value are those of the last change.

use crate::record::{Header, Headers, Offset, Partition, RecordPosition, Timestamp};
use crate::wire::EncodeError;

/// Where a record comes from that is held back, and what else is sent on with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeldContext {
    pub(crate) timestamp: Timestamp,
    /// `None` for what a punctuation or a cache sent.
    pub(crate) position: Option<RecordPosition>,
    pub(crate) headers: Headers,
}

/// The values of a record that is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeldValues<'a> {
    pub(crate) prior: Option<&'a [u8]>,
    pub(crate) old: Option<&'a [u8]>,
    pub(crate) new: Option<&'a [u8]>,
}

/// A record that is held back, as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeldRecord<'a> {
    pub(crate) context: HeldContext,
    pub(crate) values: HeldValues<'a>,
    pub(crate) time: Timestamp,
}

const NULL: i32 = -1;
const SAME_AS_PRIOR: i32 = -2;
/// Java's offset and partition of what no record caused. It has no topic then, and Java cannot write it.
const NOWHERE: i32 = -1;

impl HeldContext {
    /// How many bytes Java's estimate counts for this; a buffer's `max_bytes` is compared with it.
    pub(crate) fn java_size(&self) -> usize {
        let topic = self.position.as_ref().map_or(0, |position| java_length(&position.topic));
        let header = |header: &Header| java_length(&header.name) + header.value.as_ref().map_or(0, |value| value.len());
        2 * size_of::<i64>() + topic + size_of::<i32>() + self.headers.iter().map(header).sum::<usize>()
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.extend_from_slice(&self.timestamp.0.to_be_bytes());
        let (offset, topic, partition) = match &self.position {
            Some(RecordPosition { topic, partition, offset }) => (offset.0, &**topic, partition.0),
            None => (i64::from(NOWHERE), "", NOWHERE),
        };
        out.extend_from_slice(&offset.to_be_bytes());
        write_bytes(Some(topic.as_bytes()), out)?;
        out.extend_from_slice(&partition.to_be_bytes());
        out.extend_from_slice(&length(self.headers.len())?.to_be_bytes());
        for Header { name, value } in &self.headers {
            write_bytes(Some(name.as_bytes()), out)?;
            write_bytes(value.as_deref(), out)?;
        }
        Ok(())
    }

    pub(super) fn read(bytes: &mut Unread<'_>) -> Option<Self> {
        let (timestamp, offset) = (Timestamp(bytes.long()?), Offset(bytes.long()?));
        let (topic, partition) = (bytes.text()?, Partition(bytes.int()?));
        let mut headers = Headers::new();
        // Early versions wrote -1 for none.
        let count = bytes.int().filter(|count| *count >= NULL)?;
        for _ in 0..count {
            let (name, value) = (bytes.text()?.to_owned(), bytes.value()?);
            headers.push_header(Header { name, value: value.map(|value| value.to_vec().into()) });
        }
        let position = (!topic.is_empty()).then(|| RecordPosition { topic: topic.into(), partition, offset });
        Some(Self { timestamp, position, headers })
    }
}

impl HeldValues<'_> {
    /// As [`HeldContext::java_size`].
    pub(crate) fn java_size(&self) -> usize {
        let size = |value: Option<&[u8]>| value.map_or(0, <[u8]>::len);
        let old = if self.old == self.prior { 0 } else { size(self.old) };
        size(self.prior) + old + size(self.new)
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        write_bytes(self.prior, out)?;
        match self.old {
            Some(_) if self.old == self.prior => out.extend_from_slice(&SAME_AS_PRIOR.to_be_bytes()),
            old => write_bytes(old, out)?,
        }
        write_bytes(self.new, out)
    }

    fn read<'a>(bytes: &mut Unread<'a>) -> Option<HeldValues<'a>> {
        let prior = bytes.value()?;
        let old = match bytes.int()? {
            SAME_AS_PRIOR => prior,
            length => bytes.value_of(length)?,
        };
        Some(HeldValues { prior, old, new: bytes.value()? })
    }
}

/// Appends a record that is held back since `time`.
///
/// # Errors
/// When something is too long for its length.
pub(crate) fn write(
    context: &HeldContext,
    values: &HeldValues<'_>,
    time: Timestamp,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    context.write(out)?;
    values.write(out)?;
    out.extend_from_slice(&time.0.to_be_bytes());
    Ok(())
}

/// Reads a record; `None` if the bytes are none, or have been written by a version before 2.4.
pub(crate) fn read(bytes: &[u8]) -> Option<HeldRecord<'_>> {
    let mut bytes = Unread(bytes);
    let (context, values) = (HeldContext::read(&mut bytes)?, HeldValues::read(&mut bytes)?);
    let time = Timestamp(bytes.long()?);
    bytes.is_empty().then_some(HeldRecord { context, values, time })
}

/// How many characters Java counts.
fn java_length(text: &str) -> usize {
    text.encode_utf16().count()
}

fn length(length: usize) -> Result<i32, EncodeError> {
    i32::try_from(length).map_err(|_| EncodeError::new::<HeldContext>("it is longer than 2 GiB"))
}

pub(super) fn write_bytes(bytes: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let Some(bytes) = bytes else {
        out.extend_from_slice(&NULL.to_be_bytes());
        return Ok(());
    };
    out.extend_from_slice(&length(bytes.len())?.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

/// Bytes that are read from their beginning.
pub(super) struct Unread<'a>(&'a [u8]);

impl<'a> Unread<'a> {
    pub(super) const fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn long(&mut self) -> Option<i64> {
        self.take().map(i64::from_be_bytes)
    }

    pub(super) fn int(&mut self) -> Option<i32> {
        self.take().map(i32::from_be_bytes)
    }

    pub(super) fn value(&mut self) -> Option<Option<&'a [u8]>> {
        let length = self.int()?;
        self.value_of(length)
    }

    fn value_of(&mut self, length: i32) -> Option<Option<&'a [u8]>> {
        if length == NULL {
            return Some(None);
        }
        let (value, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(Some(value))
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.value()??).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn context(topic: Option<&str>, headers: &[(&str, Option<&'static [u8]>)]) -> HeldContext {
        let position =
            topic.map(|topic| RecordPosition { topic: topic.into(), partition: Partition(3), offset: Offset(7) });
        let header = |(name, value): &(&str, Option<&'static [u8]>)| Header {
            name: (*name).to_owned(),
            value: value.map(bytes::Bytes::from_static),
        };
        HeldContext { timestamp: Timestamp(0x0102), position, headers: headers.iter().map(header).collect() }
    }

    fn values<'a>(prior: Option<&'a str>, old: Option<&'a str>, new: Option<&'a str>) -> HeldValues<'a> {
        let [prior, old, new] = [prior, old, new].map(|value| value.map(str::as_bytes));
        HeldValues { prior, old, new }
    }

    fn written(context: &HeldContext, values: &HeldValues<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        write(context, values, Timestamp(0x0b), &mut out).unwrap();
        out
    }

    #[test]
    fn the_bytes_are_javas() {
        let with_headers = context(Some("in"), &[("h", Some(b"xy")), ("n", None)]);
        let expected = [
            &b"\0\0\0\0\0\0\x01\x02\0\0\0\0\0\0\0\x07\0\0\0\x02in\0\0\0\x03"[..],
            b"\0\0\0\x02\0\0\0\x01h\0\0\0\x02xy\0\0\0\x01n\xff\xff\xff\xff",
            b"\0\0\0\x01p\0\0\0\x02ol\0\0\0\x03new",
            b"\0\0\0\0\0\0\0\x0b",
        ];
        assert_eq!(written(&with_headers, &values(Some("p"), Some("ol"), Some("new"))), expected.concat());

        let nowhere = context(None, &[]);
        let start = b"\0\0\0\0\0\0\x01\x02\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\xff\xff\xff\xff\0\0\0\0";
        for (values, expected) in [
            (values(Some("p"), Some("p"), None), &b"\0\0\0\x01p\xff\xff\xff\xfe\xff\xff\xff\xff"[..]),
            (values(None, None, Some("")), b"\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"),
            (values(None, Some("o"), Some("n")), b"\xff\xff\xff\xff\0\0\0\x01o\0\0\0\x01n"),
            (values(Some("p"), None, Some("n")), b"\0\0\0\x01p\xff\xff\xff\xff\0\0\0\x01n"),
        ] {
            assert_eq!(written(&nowhere, &values), [&start[..], expected, b"\0\0\0\0\0\0\0\x0b"].concat());
        }
    }

    #[test]
    fn sizes_are_counted_as_java_does() {
        for (context, size) in [
            (context(None, &[]), 20),
            (context(Some("topic"), &[]), 25),
            (context(Some("topic"), &[("h", Some(b"xy")), ("ü", None)]), 29),
        ] {
            assert_eq!(context.java_size(), size);
        }
        for (values, size) in [
            (values(Some("123"), Some("123"), Some("4")), 4),
            (values(Some("123"), Some("12"), Some("4")), 6),
            (values(None, None, None), 0),
            (values(None, Some("12"), None), 2),
            (values(Some("123"), None, None), 3),
        ] {
            assert_eq!(values.java_size(), size);
        }
    }

    #[test]
    fn bytes_that_are_no_record_are_refused() {
        let good = written(&context(Some("in"), &[("h", Some(b"xy"))]), &values(Some("p"), Some("o"), Some("n")));
        for end in 0..good.len() {
            assert_eq!(read(&good[..end]), None, "{end} bytes");
        }
        assert_eq!(read(&[&good[..], b"\0"].concat()), None, "one byte too many");
        // The topic's length, its text, and the number of headers.
        for (place, byte) in [(16, 0xff), (20, 0xff), (26, 0x7f), (26, 0xff)] {
            let mut bad = good.clone();
            bad[place] = byte;
            assert_eq!(read(&bad), None, "byte {place}");
        }
    }

    type Parts = (Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>);

    proptest! {
        #[test]
        fn what_is_written_is_read(
            (prior, old, new) in any::<Parts>(),
            times in any::<(i64, i64)>(),
            position in prop::option::of(("[a-z]{1,5}", any::<i32>(), any::<i64>())),
            headers in prop::collection::vec((".{0,4}", prop::option::of(prop::collection::vec(any::<u8>(), 0..4))), 0..4),
        ) {
            let headers = headers.into_iter().map(|(name, value)| Header { name, value: value.map(Into::into) });
            let position = position.map(|(topic, partition, offset)| RecordPosition {
                topic: topic.as_str().into(),
                partition: Partition(partition),
                offset: Offset(offset),
            });
            let context = HeldContext { timestamp: Timestamp(times.0), position, headers: headers.collect() };
            let values = HeldValues { prior: prior.as_deref(), old: old.as_deref(), new: new.as_deref() };
            let mut out = Vec::new();
            write(&context, &values, Timestamp(times.1), &mut out).unwrap();
            prop_assert_eq!(read(&out), Some(HeldRecord { context, values, time: Timestamp(times.1) }));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = read(&bytes);
        }
    }
}
