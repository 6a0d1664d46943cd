//! The metadata text of a committed offset: stream times in Java's layout.
//!
//! Kafka Streams 4.x writes base64 of: the byte 2, the partition's time (8 bytes), and a map from store name to a
//! time (count, then length-prefixed name and 8 bytes each), all big-endian (`TopicPartitionMetadata`). Java can read
//! ours and we can read Java's; version 1 has no map. The log accepts at most 4,096 bytes. If the map does not fit,
//! it is left out, and the times stored with the state are used.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::record::Timestamp;

const VERSION_WITH_TIMES: u8 = 2;
const VERSION_PLAIN: u8 = 1;
const LENGTH_MAX: usize = 4_096;

/// The metadata committed with an input position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OffsetMetadata {
    /// The largest timestamp seen in the partition.
    pub(crate) partition_time: Timestamp,
    /// The operators' own stream times, by node name.
    pub(crate) times: BTreeMap<String, Timestamp>,
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
        STANDARD.encode(bytes)
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
        Some(Self { partition_time, times })
    }
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
        };
        assert_eq!(OffsetMetadata::decode(&metadata.encode()), Some(metadata));
    }

    #[test]
    fn a_map_that_does_not_fit_is_left_out() {
        let times = (0..200).map(|n| (format!("a-rather-long-node-name-{n:010}"), Timestamp(n))).collect();
        let text = OffsetMetadata { partition_time: Timestamp(9), times }.encode();
        assert!(text.len() <= LENGTH_MAX);
        assert_eq!(
            OffsetMetadata::decode(&text),
            Some(OffsetMetadata { partition_time: Timestamp(9), times: BTreeMap::new() })
        );
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
