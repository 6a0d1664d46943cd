//! The metadata text of a committed offset: stream times in Java's layout.
//!
//! Kafka Streams 4.x writes base64 of: the byte 2, the partition's time (8 bytes), and a map from store name to a
//! time (count, then length-prefixed name and 8 bytes each), all big-endian (`TopicPartitionMetadata`). Java can read
//! ours and we can read Java's; version 1 has no map. The log accepts at most 4,096 bytes. If the map does not fit,
//! it is left out, and the times stored with the state are used.
//!
//! If event time is aligned, the senders of a repartition topic follow, which Java would not read: the byte `S`, an offset
//! (8 bytes), a count (2 bytes), and for each sender variable-length numbers: whether it is idle (1) and known (2), its
//! sub-topology and partition if it is known, its time less the partition's, and its offset less the first one.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::record::{Offset, Partition, TaskId, Timestamp};

const VERSION_WITH_TIMES: u8 = 2;
const VERSION_PLAIN: u8 = 1;
const LENGTH_MAX: usize = 4_096;

/// So many senders fit, with 16 bytes each.
pub(crate) const SENDERS_MAX: usize = 150;

const SENDERS: u8 = b'S';
const IDLE: u64 = 1;
const KNOWN: u64 = 2;

/// The metadata committed with an input position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OffsetMetadata {
    /// The largest timestamp seen in the partition.
    pub(crate) partition_time: Timestamp,
    /// The operators' own stream times, by node name.
    pub(crate) times: BTreeMap<String, Timestamp>,
    /// How far the senders of the partition's records are, if event time is aligned.
    pub(crate) senders: Vec<KeptSender>,
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
    pub(crate) fn encode(&self) -> String {
        let text = self.encode_with(&self.times);
        if text.len() <= LENGTH_MAX { text } else { self.encode_with(&BTreeMap::new()) }
    }

    fn encode_with(&self, times: &BTreeMap<String, Timestamp>) -> String {
        let mut bytes = vec![VERSION_WITH_TIMES];
        bytes.extend_from_slice(&self.partition_time.0.to_be_bytes());
        bytes.extend_from_slice(&u32::try_from(times.len()).unwrap_or(0).to_be_bytes());
        for (name, time) in times {
            bytes.extend_from_slice(&u32::try_from(name.len()).unwrap_or(0).to_be_bytes());
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(&time.0.to_be_bytes());
        }
        self.write_senders(&mut bytes);
        STANDARD.encode(bytes)
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
            let ahead = time.0.wrapping_sub(self.partition_time.0);
            // Small numbers for small differences of either sign.
            write_number(bytes, ((ahead << 1) ^ (ahead >> 63)).cast_unsigned());
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
        Some(Self { partition_time, times, senders })
    }
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
        let ahead = take_number(rest)?;
        let ahead = (ahead >> 1).cast_signed() ^ -((ahead & 1).cast_signed());
        let time = Timestamp(partition_time.0.wrapping_add(ahead));
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

    #[test]
    fn what_is_committed_is_read_back() {
        let metadata = OffsetMetadata {
            partition_time: Timestamp(1_700_000_000_000),
            times: [("KSTREAM-AGGREGATE-0000000002".to_owned(), Timestamp(5)), ("x".to_owned(), Timestamp::UNKNOWN)]
                .into(),
            senders: Vec::new(),
        };
        assert_eq!(OffsetMetadata::decode(&metadata.encode()), Some(metadata));
    }

    #[test]
    fn a_map_that_does_not_fit_is_left_out() {
        let times = (0..200).map(|n| (format!("a-rather-long-node-name-{n:010}"), Timestamp(n))).collect();
        let text = OffsetMetadata { partition_time: Timestamp(9), times, senders: Vec::new() }.encode();
        assert!(text.len() <= LENGTH_MAX);
        assert_eq!(
            OffsetMetadata::decode(&text),
            Some(OffsetMetadata { partition_time: Timestamp(9), times: BTreeMap::new(), senders: Vec::new() })
        );
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
        let metadata = OffsetMetadata { partition_time, times, senders };
        let text = metadata.encode();
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
