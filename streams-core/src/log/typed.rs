//! Typed records as bytes and back, with errors that name the place: for those who write and read topics directly.

use super::{LogError, LogErrorKind, RecordRef};
use crate::record::{Partition, Record, TopicPartition};
use crate::topic::Topic;
use crate::windows::WindowSizes;
use crate::wire::murmur2::partition_of;
use crate::wire::{DecodeError, EncodeError, Field, refuse_windows};

/// A record's key and value as bytes. Its buffers are used again for the next record.
#[derive(Debug, Default)]
pub(crate) struct EncodedRecord {
    key: Vec<u8>,
    value: Vec<u8>,
    has_key: bool,
    has_value: bool,
}

impl EncodedRecord {
    /// Replaces what was encoded before.
    pub(crate) fn encode<K: Field, V: Field>(
        &mut self,
        topic: &Topic<K, V>,
        key: &K,
        value: &V,
    ) -> Result<(), LogError> {
        let encoded = |written: Result<bool, EncodeError>| {
            written.map_err(|error| {
                LogError::new(LogErrorKind::Invalid, format!("a record for topic `{}`: {error}", topic.name()))
            })
        };
        self.key.clear();
        self.value.clear();
        self.has_key = encoded(key.write(&mut self.key))?;
        self.has_value = encoded(value.write(&mut self.value))?;
        Ok(())
    }

    /// The key's bytes; `None` is null.
    pub(crate) fn key(&self) -> Option<&[u8]> {
        self.has_key.then_some(self.key.as_slice())
    }

    /// The value's bytes; `None` is null.
    pub(crate) fn value(&self) -> Option<&[u8]> {
        self.has_value.then_some(self.value.as_slice())
    }
}

/// Chooses partitions for records without a key, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Turn(u32);

impl Turn {
    /// The partition for a record with that key; for one without, the next partition in turn.
    pub(crate) fn partition<K: Field>(&mut self, key: Option<&[u8]>, partitions: u32) -> Partition {
        if let Some(key) = key {
            return partition_of(K::partition_bytes(key), partitions);
        }
        let turn = self.0;
        self.0 = turn.wrapping_add(1);
        Partition(i32::try_from(turn % partitions.max(1)).unwrap_or(0))
    }
}

/// Fails if the topic's records cannot be read, because the length of its keys' windows is unknown.
pub(crate) fn check_readable<K: Field, V: Field>(topic: &Topic<K, V>) -> Result<(), LogError> {
    const { refuse_windows::<V>() };
    if topic.windows().len() == K::WINDOWS {
        return Ok(());
    }
    let message = format!(
        "the keys of topic `{0}` are windowed, and their bytes leave out the length of their windows: set it with \
         `Topic::new(\"{0}\").windows_of(..)`",
        topic.name()
    );
    Err(LogError::new(LogErrorKind::Invalid, message))
}

/// Decodes a record of a topic.
pub(crate) fn decode<K: Field, V: Field>(
    partition: &TopicPartition,
    record: &RecordRef<'_>,
    windows: &WindowSizes,
) -> Result<Record<K, V>, LogError> {
    let error = |part: &'static str| {
        move |error: DecodeError| {
            let message = format!("the {part} at offset {} of {partition} cannot be read: {error}", record.offset);
            LogError::new(LogErrorKind::Corrupt, message)
        }
    };
    let mut key = K::read(record.key).map_err(error("key"))?;
    key.set_window_sizes(windows.as_slice());
    let value = V::read(record.value).map_err(error("value"))?;
    Ok(Record { key, value, timestamp: record.timestamp, headers: record.headers() })
}
