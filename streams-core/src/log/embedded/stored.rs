//! The encoding of a durable log's keys and values, version 1.
//!
//! Keys of records start with numbers, the most significant byte first, so that a partition's entries are together and
//! in order. Values that people may want to look at are JSON.

use serde::{Deserialize, Serialize};

use crate::log::CommittedOffset;
use crate::log::model::{Entry, Fate, PartitionId, PartitionLog, Payload, ProducerTag, StoredTopic};
use crate::record::TopicPartition;

/// A key in the `meta` keyspace: a letter, then what it is about. Topics come before everything that refers to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MetaKey {
    Format,
    Identity,
    NextTopic,
    Topic(u32),
    Bounds(PartitionId),
    Offset { group: String, partition: TopicPartition },
    Generation(String),
    NextProducer,
    TransactionalId(String),
}

#[derive(Serialize, Deserialize)]
struct TopicValue {
    name: String,
    id: String,
    partitions: u32,
    settings: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredBounds {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) clean_to: i64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredOffset {
    pub(super) offset: i64,
    pub(super) metadata: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredProducer {
    pub(super) producer: i64,
    pub(super) epoch: i16,
}

impl MetaKey {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Format => b"a".to_vec(),
            Self::Identity => b"b".to_vec(),
            Self::NextTopic => b"c".to_vec(),
            Self::Topic(number) => [&b"d"[..], &number.to_be_bytes()].concat(),
            Self::Bounds(at) => [&b"e"[..], &at.topic.to_be_bytes(), &at.partition.to_be_bytes()].concat(),
            // The length of the group's name says where it ends; a topic's name contains no zero byte.
            Self::Offset { group, partition } => [
                &b"f"[..],
                &u32::try_from(group.len()).unwrap_or(u32::MAX).to_be_bytes(),
                group.as_bytes(),
                &partition.partition.0.to_be_bytes(),
                partition.topic.as_bytes(),
            ]
            .concat(),
            Self::Generation(group) => [b"g", group.as_bytes()].concat(),
            Self::NextProducer => b"h".to_vec(),
            Self::TransactionalId(id) => [b"i", id.as_bytes()].concat(),
        }
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        Some(match kind {
            b'a' => Self::Format,
            b'b' => Self::Identity,
            b'c' => Self::NextTopic,
            b'd' => Self::Topic(u32::from_be_bytes(rest.try_into().ok()?)),
            b'e' => {
                let (topic, partition) = rest.split_first_chunk()?;
                let partition = u32::from_be_bytes(partition.try_into().ok()?);
                Self::Bounds(PartitionId { topic: u32::from_be_bytes(*topic), partition })
            }
            b'f' => {
                let (length, rest) = rest.split_first_chunk()?;
                let (group, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
                let (partition, topic) = rest.split_first_chunk()?;
                let partition = TopicPartition::new(text(topic)?, i32::from_be_bytes(*partition));
                Self::Offset { group: text(group)?, partition }
            }
            b'g' => Self::Generation(text(rest)?),
            b'h' => Self::NextProducer,
            b'i' => Self::TransactionalId(text(rest)?),
            _ => return None,
        })
    }
}

pub(super) fn to_json(value: &impl Serialize) -> Vec<u8> {
    // Numbers and text always have a JSON form.
    serde_json::to_vec(value).unwrap_or_default()
}

pub(super) fn from_json<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

pub(super) fn topic_value(topic: &StoredTopic) -> Vec<u8> {
    to_json(&TopicValue {
        name: topic.name.clone(),
        id: topic.id.clone(),
        partitions: topic.partitions,
        settings: topic.settings.clone(),
    })
}

pub(super) fn read_topic(number: u32, bytes: &[u8]) -> Option<StoredTopic> {
    let TopicValue { name, id, partitions, settings } = from_json(bytes)?;
    Some(StoredTopic { number, name, id, partitions, settings })
}

pub(super) fn bounds_value(partition: &PartitionLog) -> Vec<u8> {
    to_json(&StoredBounds { start: partition.start(), end: partition.end(), clean_to: partition.clean_to() })
}

pub(super) fn offset_value(offset: &CommittedOffset) -> Vec<u8> {
    to_json(&StoredOffset { offset: offset.offset.0, metadata: offset.metadata.clone() })
}

pub(super) fn producer_value(tag: ProducerTag) -> Vec<u8> {
    to_json(&StoredProducer { producer: tag.producer, epoch: tag.epoch })
}

/// The key of an entry and of its records.
pub(super) fn entry_key(at: PartitionId, base: i64) -> [u8; 16] {
    let mut key = [0; 16];
    let number = u128::from(at.topic) << 96 | u128::from(at.partition) << 64 | u128::from(base.unsigned_abs());
    key.copy_from_slice(&number.to_be_bytes());
    key
}

fn read_entry_key(key: &[u8]) -> Option<(PartitionId, i64)> {
    let (topic, rest) = key.split_first_chunk::<4>()?;
    let (partition, rest) = rest.split_first_chunk::<4>()?;
    let base = i64::try_from(u64::from_be_bytes(rest.try_into().ok()?)).ok()?;
    Some((PartitionId { topic: u32::from_be_bytes(*topic), partition: u32::from_be_bytes(*partition) }, base))
}

const ENTRY_VERSION: u8 = 1;
const VISIBLE: u8 = 0;
const OPEN: u8 = 1;
const ABORTED: u8 = 2;
/// Means that there is no time at which tombstones may be deleted.
const NEVER: i64 = i64::MIN;

/// What the model must know of an entry: version, next offset, largest timestamp, records, bytes, when its tombstones may
/// be deleted, fate, producer.
pub(super) fn entry_value(entry: &Entry) -> Vec<u8> {
    let (fate, producer) = match entry.fate {
        Fate::Visible => (VISIBLE, 0),
        Fate::Open(producer) => (OPEN, producer),
        Fate::Aborted => (ABORTED, 0),
    };
    let mut value = vec![ENTRY_VERSION];
    value.extend_from_slice(&entry.next.to_be_bytes());
    value.extend_from_slice(&entry.max_timestamp.to_be_bytes());
    value.extend_from_slice(&(entry.records as u64).to_be_bytes());
    value.extend_from_slice(&(entry.bytes as u64).to_be_bytes());
    value.extend_from_slice(&entry.tombstones_until_ms.unwrap_or(NEVER).to_be_bytes());
    value.push(fate);
    value.extend_from_slice(&producer.to_be_bytes());
    value
}

/// Reads an entry from a key and a value of the index.
pub(super) fn read_entry(key: &[u8], value: &[u8]) -> Option<(PartitionId, Entry)> {
    let (at, base) = read_entry_key(key)?;
    let (version, mut rest) = value.split_first()?;
    if *version != ENTRY_VERSION {
        return None;
    }
    let mut number = || {
        let (number, tail) = rest.split_first_chunk::<8>()?;
        rest = tail;
        Some(i64::from_be_bytes(*number))
    };
    let (next, max_timestamp, records, bytes, until) = (number()?, number()?, number()?, number()?, number()?);
    let (fate, producer) = rest.split_first()?;
    let fate = match *fate {
        VISIBLE => Fate::Visible,
        OPEN => Fate::Open(i64::from_be_bytes(producer.try_into().ok()?)),
        ABORTED => Fate::Aborted,
        _ => return None,
    };
    let entry = Entry {
        base,
        next,
        max_timestamp,
        records: usize::try_from(records).ok()?,
        bytes: usize::try_from(bytes).ok()?,
        fate,
        tombstones_until_ms: (until != NEVER).then_some(until),
        payload: Payload::Stored,
    };
    (base < next).then_some((at, entry))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_come_back_and_keep_their_order() {
        let keys = [
            MetaKey::Format,
            MetaKey::Identity,
            MetaKey::NextTopic,
            MetaKey::Topic(7),
            MetaKey::Topic(300),
            MetaKey::Bounds(PartitionId { topic: 7, partition: 2 }),
            MetaKey::Offset { group: "a/b\0c".into(), partition: TopicPartition::new("topic.x", 12) },
            MetaKey::Generation("group".into()),
            MetaKey::NextProducer,
            MetaKey::TransactionalId("größe".into()),
        ];
        let bytes: Vec<_> = keys.iter().map(MetaKey::to_bytes).collect();
        assert!(bytes.is_sorted(), "topics come before what refers to them");
        assert_eq!(bytes.iter().filter_map(|bytes| MetaKey::from_bytes(bytes)).collect::<Vec<_>>(), keys);
        for damaged in [&b""[..], b"z", b"d123", b"f\xff\xff\xff\xffgroup", b"g\xff"] {
            assert_eq!(MetaKey::from_bytes(damaged), None, "{damaged:?}");
        }
    }

    #[test]
    fn entries_lie_in_order_of_partition_and_offset() {
        let key = |topic, partition, base| entry_key(PartitionId { topic, partition }, base);
        let keys = [key(0, 0, 0), key(0, 0, 255), key(0, 0, 256), key(0, 1, 0), key(1, 0, i64::MAX), key(256, 0, 0)];
        assert!(keys.is_sorted());
    }

    proptest! {
        #[test]
        fn an_entry_comes_back(
            topic: u32, partition: u32, base in 0..i64::MAX - 1, max_timestamp: i64,
            records in 0..100_000usize, bytes in 0..100_000usize, fate in 0..3u8, producer: i64,
            until in prop::option::of(0..i64::MAX),
        ) {
            let fate = [Fate::Visible, Fate::Open(producer), Fate::Aborted][fate as usize];
            let entry = Entry {
                base, next: base + 1, max_timestamp, records, bytes, fate, tombstones_until_ms: until,
                payload: Payload::Stored,
            };
            let at = PartitionId { topic, partition };
            let (read_at, read) = read_entry(&entry_key(at, base), &entry_value(&entry)).expect("undamaged");
            prop_assert_eq!((read_at, format!("{read:?}")), (at, format!("{entry:?}")));
        }

        #[test]
        fn damaged_entries_do_not_panic(key: Vec<u8>, value: Vec<u8>) {
            let _ = read_entry(&key, &value);
        }
    }
}
