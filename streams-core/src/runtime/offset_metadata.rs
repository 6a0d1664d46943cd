//! The metadata text of a committed offset: stream times in Java's layout.
//!
//! Kafka Streams 4.x writes base64 of: the byte 2, the partition's time (8 bytes), and a map from store name to a
//! time (count, then length-prefixed name and 8 bytes each), all big-endian (`TopicPartitionMetadata`). Java can read
//! ours and we can read Java's; version 1 has no map. The log accepts at most 4,096 bytes. If the map does not fit, it is
//! empty, and the times follow at the end in short, which Java would not read: the byte `N`, a count, and for each time the
//! hash of its name (4 bytes) and how much it is after the partition's. What does not fit even so is left out, and the
//! times stored with the state are used.
//!
//! If event time is aligned, the senders of a repartition topic follow, which Java would not read: the byte `S`, an offset
//! (8 bytes), a count (2 bytes), and for each sender variable-length numbers: whether it is idle (1) and known (2), its
//! sub-topology and partition if it is known, its time less the partition's, and its offset less the first one.
//!
//! At the end are the topics that the position rests on ([`KeptTopic`]), which Java would not read either: the byte `T`, a
//! count, and for each topic the hash of its name (4 bytes), its id with its length before it, its first and its last
//! offset. They are left out if they do not fit.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::record::{Offset, Partition, TaskId, Timestamp};
use crate::wire::murmur2::murmur2;

const VERSION_WITH_TIMES: u8 = 2;
const VERSION_PLAIN: u8 = 1;
const LENGTH_MAX: usize = 4_096;

/// So many senders fit, with 16 bytes each.
pub(crate) const SENDERS_MAX: usize = 150;

const SENDERS: u8 = b'S';
const TOPICS: u8 = b'T';
const SHORT_TIMES: u8 = b'N';
const IDLE: u64 = 1;
const KNOWN: u64 = 2;

/// The metadata committed with an input position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OffsetMetadata {
    /// The largest timestamp seen in the partition.
    pub(crate) partition_time: Timestamp,
    /// The operators' own stream times, by node name.
    pub(crate) times: BTreeMap<String, Timestamp>,
    /// The same by the names' hashes, if they were read in short.
    short_times: BTreeMap<u32, Timestamp>,
    /// How far the senders of the partition's records are, if event time is aligned.
    pub(crate) senders: Vec<KeptSender>,
    /// The topics that the position rests on.
    pub(crate) topics: Vec<KeptTopic>,
}

/// A topic that a position rests on, as it was at the commit: an input, or a changelog with the partition's extent. So
/// whoever takes the task over sees what has become of it, wherever the state is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptTopic {
    name: u32,
    /// Empty if the log has no ids.
    pub(crate) id: String,
    /// The first offset when the task was opened.
    pub(crate) start: Offset,
    /// The changes that the state contains end here.
    pub(crate) end: Offset,
}

impl KeptTopic {
    pub(crate) fn new(name: &str, id: &str, start: Offset, end: Offset) -> Self {
        Self { name: hash(name), id: id.to_owned(), start, end }
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        self.name == hash(name)
    }
}

/// Two topics of a task with the same hash are no concern: one id matches, and the larger end is that of neither.
fn hash(name: &str) -> u32 {
    murmur2(name.as_bytes())
}

/// How far a sender of a repartition topic's records is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeptSender {
    /// `None` for records that don't say who sent them.
    pub(crate) sender: Option<TaskId>,
    /// It sends nothing older.
    pub(crate) time: Timestamp,
    /// Whether it was at the end of its inputs.
    pub(crate) is_idle: bool,
    /// Its records before this offset are processed.
    pub(crate) done: Offset,
}

impl OffsetMetadata {
    pub(crate) const fn new(partition_time: Timestamp, times: BTreeMap<String, Timestamp>) -> Self {
        Self { partition_time, times, short_times: BTreeMap::new(), senders: Vec::new(), topics: Vec::new() }
    }

    /// The time of a node or store.
    pub(crate) fn time(&self, name: &str) -> Option<Timestamp> {
        self.times.get(name).or_else(|| self.short_times.get(&hash(name))).copied()
    }

    /// The text, and whether the times had to be left out.
    pub(crate) fn encode(&self) -> (String, bool) {
        for (times, has_topics) in [(Times::Whole, true), (Times::Short, true), (Times::Short, false)] {
            let text = self.encode_with(times, has_topics);
            if text.len() <= LENGTH_MAX {
                return (text, false);
            }
        }
        (self.encode_with(Times::None, false), true)
    }

    fn encode_with(&self, form: Times, has_topics: bool) -> String {
        let mut bytes = vec![VERSION_WITH_TIMES];
        bytes.extend_from_slice(&self.partition_time.0.to_be_bytes());
        let none = BTreeMap::new();
        let times = if form == Times::Whole { &self.times } else { &none };
        bytes.extend_from_slice(&u32::try_from(times.len()).unwrap_or(0).to_be_bytes());
        for (name, time) in times {
            bytes.extend_from_slice(&u32::try_from(name.len()).unwrap_or(0).to_be_bytes());
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(&time.0.to_be_bytes());
        }
        self.write_senders(&mut bytes);
        if form == Times::Short {
            self.write_short_times(&mut bytes);
        }
        if has_topics {
            self.write_topics(&mut bytes);
        }
        STANDARD.encode(bytes)
    }

    fn write_short_times(&self, bytes: &mut Vec<u8>) {
        bytes.push(SHORT_TIMES);
        write_number(bytes, self.times.len() as u64);
        for (name, time) in &self.times {
            bytes.extend_from_slice(&hash(name).to_be_bytes());
            write_signed(bytes, time.0.wrapping_sub(self.partition_time.0));
        }
    }

    fn write_topics(&self, bytes: &mut Vec<u8>) {
        if self.topics.is_empty() {
            return;
        }
        bytes.push(TOPICS);
        write_number(bytes, self.topics.len() as u64);
        for KeptTopic { name, id, start, end } in &self.topics {
            bytes.extend_from_slice(&name.to_be_bytes());
            write_number(bytes, id.len() as u64);
            bytes.extend_from_slice(id.as_bytes());
            write_number(bytes, start.0.cast_unsigned());
            write_number(bytes, end.0.cast_unsigned());
        }
    }

    fn write_senders(&self, bytes: &mut Vec<u8>) {
        let Some(first) = self.senders.iter().map(|sender| sender.done.0).min() else { return };
        bytes.push(SENDERS);
        bytes.extend_from_slice(&first.to_be_bytes());
        bytes.extend_from_slice(&u16::try_from(self.senders.len()).unwrap_or(u16::MAX).to_be_bytes());
        for KeptSender { sender, time, is_idle, done } in &self.senders {
            write_number(bytes, u64::from(*is_idle) * IDLE + u64::from(sender.is_some()) * KNOWN);
            if let Some(TaskId { subtopology, partition }) = sender {
                write_number(bytes, u64::from(*subtopology));
                write_number(bytes, u64::from(partition.0.cast_unsigned()));
            }
            write_signed(bytes, time.0.wrapping_sub(self.partition_time.0));
            write_number(bytes, done.0.wrapping_sub(first).cast_unsigned());
        }
    }

    /// Decodes committed text; `None` if another program wrote it, which is not an error.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text).ok()?;
        let (version, mut rest) = bytes.split_first()?;
        let partition_time = Timestamp(take_i64(&mut rest)?);
        let mut times = BTreeMap::new();
        match *version {
            VERSION_PLAIN => {}
            VERSION_WITH_TIMES => {
                for _ in 0..take_u32(&mut rest)? {
                    let length = usize::try_from(take_u32(&mut rest)?).ok()?;
                    let (name, tail) = rest.split_at_checked(length)?;
                    rest = tail;
                    times.insert(String::from_utf8(name.to_vec()).ok()?, Timestamp(take_i64(&mut rest)?));
                }
            }
            _ => return None,
        }
        let senders = read_senders(&mut rest, partition_time).unwrap_or_default();
        let short_times = read_short_times(&mut rest, partition_time).unwrap_or_default();
        let topics = read_topics(&mut rest).unwrap_or_default();
        Some(Self { partition_time, times, short_times, senders, topics })
    }
}

/// How the times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Times {
    /// As Java does.
    Whole,
    Short,
    None,
}

fn read_short_times(rest: &mut &[u8], partition_time: Timestamp) -> Option<BTreeMap<u32, Timestamp>> {
    let (_, tail) = rest.split_first().filter(|(kind, _)| **kind == SHORT_TIMES)?;
    *rest = tail;
    let count = take_number(rest)?;
    let mut times = BTreeMap::new();
    for _ in 0..count {
        let name = take_u32(rest)?;
        times.insert(name, Timestamp(partition_time.0.wrapping_add(take_signed(rest)?)));
    }
    Some(times)
}

fn read_topics(rest: &mut &[u8]) -> Option<Vec<KeptTopic>> {
    let (_, tail) = rest.split_first().filter(|(kind, _)| **kind == TOPICS)?;
    *rest = tail;
    let count = take_number(rest)?;
    let mut topics = Vec::new();
    for _ in 0..count {
        let name = take_u32(rest)?;
        let length = usize::try_from(take_number(rest)?).ok()?;
        let (id, tail) = rest.split_at_checked(length)?;
        *rest = tail;
        let id = String::from_utf8(id.to_vec()).ok()?;
        let (start, end) = (take_number(rest)?.cast_signed(), take_number(rest)?.cast_signed());
        topics.push(KeptTopic { name, id, start: Offset(start), end: Offset(end) });
    }
    Some(topics)
}

fn read_senders(rest: &mut &[u8], partition_time: Timestamp) -> Option<Vec<KeptSender>> {
    let (_, tail) = rest.split_first().filter(|(kind, _)| **kind == SENDERS)?;
    *rest = tail;
    let first = take_i64(rest)?;
    let (count, tail) = rest.split_first_chunk::<2>()?;
    *rest = tail;
    let read = |_| {
        let flags = take_number(rest)?;
        let sender = match flags & KNOWN {
            0 => None,
            _ => {
                let subtopology = u32::try_from(take_number(rest)?).ok()?;
                let partition = Partition(u32::try_from(take_number(rest)?).ok()?.cast_signed());
                Some(TaskId { subtopology, partition })
            }
        };
        let time = Timestamp(partition_time.0.wrapping_add(take_signed(rest)?));
        let done = Offset(first.wrapping_add(take_number(rest)?.cast_signed()));
        Some(KeptSender { sender, time, is_idle: flags & IDLE != 0, done })
    };
    (0..u16::from_be_bytes(*count)).map(read).collect()
}

/// Seven bits at a time, the lowest first; the highest bit says that more follow.
fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Small numbers for small ones of either sign.
fn write_signed(bytes: &mut Vec<u8>, number: i64) {
    write_number(bytes, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

fn take_signed(rest: &mut &[u8]) -> Option<i64> {
    let number = take_number(rest)?;
    Some((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
}

fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    let (word, tail) = rest.split_first_chunk::<4>()?;
    *rest = tail;
    Some(u32::from_be_bytes(*word))
}

fn take_i64(rest: &mut &[u8]) -> Option<i64> {
    let (word, tail) = rest.split_first_chunk::<8>()?;
    *rest = tail;
    Some(i64::from_be_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str) -> KeptTopic {
        KeptTopic::new(name, "X0aUxSGMTqCKDXK7HxDWwA", Offset(3), Offset(1 << 40))
    }

    #[test]
    fn what_is_committed_is_read_back() {
        let times = [("KSTREAM-AGGREGATE-0000000002".to_owned(), Timestamp(5)), ("x".to_owned(), Timestamp::UNKNOWN)];
        let mut metadata = OffsetMetadata::new(Timestamp(1_700_000_000_000), times.into());
        assert_eq!(OffsetMetadata::decode(&metadata.encode().0), Some(metadata.clone()));
        metadata.topics = vec![topic("app-counts-changelog"), topic("lines")];
        let read = OffsetMetadata::decode(&metadata.encode().0);
        assert_eq!(read, Some(metadata));
        assert!(read.is_some_and(|read| read.topics[0].is("app-counts-changelog") && !read.topics[0].is("lines")));
    }

    /// Regression: times that did not fit were left out without a word, so windows that had closed opened again where state
    /// is in memory.
    #[test]
    fn times_that_do_not_fit_are_written_in_short_and_told_if_that_does_not_do() {
        let name = |number: i64| format!("a-rather-long-node-name-{number:010}");
        for (count, expected) in [(20, true), (200, true), (2_000, false)] {
            let times = (0..count).map(|n| (name(n), Timestamp(n))).collect();
            let mut metadata = OffsetMetadata::new(Timestamp(9), times);
            metadata.topics = vec![topic("app-counts-changelog")];
            let (text, are_left_out) = metadata.encode();
            assert!(text.len() <= LENGTH_MAX && are_left_out != expected, "{count}: {}", text.len());
            let read = OffsetMetadata::decode(&text).expect("ours");
            assert_eq!(read.partition_time, Timestamp(9));
            let found = (0..count).all(|number| read.time(&name(number)) == Some(Timestamp(number)));
            assert_eq!((found, read.time("another"), read.topics == metadata.topics), (expected, None, expected));
        }
    }

    #[test]
    fn as_many_senders_as_are_allowed_fit_however_far_apart_they_are() {
        let partition_time = Timestamp(1_700_000_000_000);
        let sender = |number: i32| KeptSender {
            sender: (number > 0).then_some(TaskId { subtopology: 999, partition: Partition(number * 100) }),
            time: if number % 2 == 0 { Timestamp::UNKNOWN } else { Timestamp(2_000_000_000_000) },
            is_idle: number % 3 == 0,
            done: Offset(1 << 40 | i64::from(number) << 20),
        };
        let senders = (0..150).map(sender).collect::<Vec<_>>();
        assert_eq!(senders.len(), SENDERS_MAX);
        let times = BTreeMap::from([("x".to_owned(), Timestamp(5))]);
        let metadata = OffsetMetadata { senders, ..OffsetMetadata::new(partition_time, times) };
        let (text, _) = metadata.encode();
        assert!(text.len() <= LENGTH_MAX, "{}", text.len());
        assert_eq!(OffsetMetadata::decode(&text), Some(metadata));
    }

    #[test]
    fn javas_version_1_and_foreign_texts_are_understood() {
        // Version 1 with partition time 7.
        let plain = STANDARD.encode([1, 0, 0, 0, 0, 0, 0, 0, 7]);
        assert_eq!(OffsetMetadata::decode(&plain).map(|metadata| metadata.partition_time), Some(Timestamp(7)));
        for foreign in ["", "hello", "AgAA", &STANDARD.encode([9, 0, 0, 0, 0, 0, 0, 0, 7])] {
            assert_eq!(OffsetMetadata::decode(foreign), None, "{foreign:?}");
        }
        let huge = [[2_u8].as_slice(), &[0; 8], &[0xff; 4]].concat();
        assert_eq!(OffsetMetadata::decode(&STANDARD.encode(huge)), None);
    }
}
