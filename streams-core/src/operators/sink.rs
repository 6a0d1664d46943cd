//! Sinks: they encode typed records and send them to a topic.
//!
//! The sink chooses the partition as Java does: by murmur2 of the key's bytes, or of the inner key's for windowed
//! keys. Records without a key go to one partition until about a batch's worth has been sent there, then to the next,
//! so that batches stay full.

use std::marker::PhantomData;

use super::{BuiltNode, Context, Destination, Next, OperatorError, Recipe};
use crate::record::{Partition, Record};
use crate::topic::TopicRef;
use crate::wire::murmur2::partition_of;
use crate::wire::{EncodeError, Field, SendAs};

/// Takes `Record<K, V>` and sends it to a topic of keys `TK` and values `TV`.
#[must_use]
pub(crate) fn recipe<K, V, TK, TV>(topic: TopicRef) -> Recipe
where
    K: SendAs<TK> + 'static,
    V: SendAs<TV> + 'static,
    TK: Field,
    TV: Field,
{
    Recipe::new(move |builder| {
        let destination = builder.destination(&topic)?;
        let encoder = Encoder::new(builder.name(), destination, builder.task().partition);
        Ok(BuiltNode::link::<K, V>(Sink::<TK, TV> { encoder, types: PhantomData }))
    })
}

struct Sink<TK, TV> {
    encoder: Encoder,
    types: PhantomData<fn(TK, TV)>,
}

impl<K, V, TK, TV> Next<K, V> for Sink<TK, TV>
where
    K: SendAs<TK>,
    V: SendAs<TV>,
    TK: Field,
    TV: Field,
{
    #[inline]
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let (key, value) = (&record.key, &record.value);
        self.encoder.send(
            context,
            |out| key.write_as(out),
            TK::partition_bytes,
            |out| value.write_as(out),
            (record.timestamp, &record.headers),
        )
    }
}

/// How many bytes of records without a key go to one partition before the next. This is Kafka's default batch size,
/// which Kafka's own partitioner uses in the same way.
const STICKY_BYTES: usize = 16_384;

/// Encodes records into reusable buffers and sends them.
struct Encoder {
    node: String,
    destination: Destination,
    key: Vec<u8>,
    value: Vec<u8>,
    sticky: Partition,
    sticky_bytes: usize,
}

impl Encoder {
    /// `first` is the first partition for records without a key; it differs between tasks, so that they do not all
    /// start with the same one.
    fn new(node: &str, destination: Destination, first: Partition) -> Self {
        let sticky = Partition(first.0.rem_euclid(partitions(&destination)));
        Self { node: node.to_owned(), destination, key: Vec::new(), value: Vec::new(), sticky, sticky_bytes: 0 }
    }

    /// Sends one record; `key` and `value` write their bytes and return whether there are any.
    #[inline]
    fn send(
        &mut self,
        context: &mut Context,
        key: impl FnOnce(&mut Vec<u8>) -> Result<bool, EncodeError>,
        partition_bytes: impl FnOnce(&[u8]) -> &[u8],
        value: impl FnOnce(&mut Vec<u8>) -> Result<bool, EncodeError>,
        (timestamp, headers): (crate::record::Timestamp, &crate::record::Headers),
    ) -> Result<(), OperatorError> {
        self.key.clear();
        self.value.clear();
        let written = key(&mut self.key).and_then(|key| Ok((key, value(&mut self.value)?)));
        let (has_key, has_value) = match written {
            Ok(written) => written,
            Err(error) => return Err(OperatorError::Encode { node: self.node.clone(), error }),
        };
        let key = has_key.then_some(self.key.as_slice());
        let value = has_value.then_some(self.value.as_slice());
        let partition = match key {
            Some(key) => partition_of(partition_bytes(key), self.destination.partitions),
            None => sticky_partition(&mut self.sticky, &mut self.sticky_bytes, self.value.len(), &self.destination),
        };
        context.send(&self.node, &self.destination, partition, key, value, timestamp, headers)
    }
}

fn sticky_partition(sticky: &mut Partition, sent: &mut usize, bytes: usize, destination: &Destination) -> Partition {
    if *sent >= STICKY_BYTES {
        *sent = 0;
        sticky.0 = (sticky.0 + 1).rem_euclid(partitions(destination));
    }
    *sent += bytes + RECORD_OVERHEAD;
    *sticky
}

/// A rough estimate of a record's overhead in a batch.
const RECORD_OVERHEAD: usize = 10;

fn partitions(destination: &Destination) -> i32 {
    i32::try_from(destination.partitions).unwrap_or(i32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::{SinkChain, Word, at, headers};
    use crate::record::Timestamp;
    use crate::topic::TopicRef;
    use crate::windows::{Window, Windowed};
    use crate::wire::murmur2::partition_of;

    fn topic() -> TopicRef {
        TopicRef::External("out".into())
    }

    #[test]
    fn the_keys_hash_chooses_the_partition_and_timestamp_and_headers_go_along() {
        let mut chain = SinkChain::new(&super::recipe::<Word, Option<Word>, Word, Option<Word>>(topic()), 7);
        let mut record = at(42, Word::from("key"), Some(Word::from("value")));
        record.headers = headers("h", "1");
        chain.send(record).unwrap();
        chain.send(at(43, Word::from("key"), None)).unwrap();
        let sent = chain.sent();
        assert_eq!(sent.len(), 2);
        for (sent, value) in sent.iter().zip([Some(b"value".to_vec()), None]) {
            assert_eq!(sent.partition, partition_of(b"key", 7));
            assert_eq!((sent.key.as_deref(), &sent.value), (Some(&b"key"[..]), &value));
        }
        assert_eq!((sent[0].timestamp, &sent[0].headers), (Timestamp(42), &headers("h", "1")));
        assert_eq!(&*sent[0].topic, "out");
    }

    #[test]
    fn a_windowed_key_goes_where_its_inner_key_goes() {
        type Key = Windowed<Word>;
        let mut chain = SinkChain::new(&super::recipe::<Key, Word, Key, Word>(topic()), 7);
        for start in [0, 60_000, 120_000] {
            let window = Window { start: Timestamp(start), end: Timestamp(start + 60_000) };
            chain.send(at(start, Windowed { key: Word::from("key"), window }, Word::from("value"))).unwrap();
            let sent = chain.sent().pop().unwrap();
            assert_eq!(sent.partition, partition_of(b"key", 7));
            assert_eq!(sent.key.unwrap(), [&b"key"[..], &start.to_be_bytes()].concat());
        }
    }

    #[test]
    fn records_without_a_key_stay_in_one_partition_for_a_batch_and_then_move_on() {
        let mut chain = SinkChain::new(&super::recipe::<(), Word, (), Word>(topic()), 3);
        let value = "x".repeat(6_000);
        for _ in 0..9 {
            chain.send(at(0, (), Word::from(value.as_str()))).unwrap();
        }
        let partitions: Vec<_> = chain.sent().iter().map(|sent| sent.partition.0).collect();
        assert_eq!(partitions, [0, 0, 0, 1, 1, 1, 2, 2, 2]);
        assert!(chain.sent().iter().all(|sent| sent.key.is_none()));
    }

    #[test]
    fn a_value_is_sent_to_a_topic_with_nulls_and_back() {
        let mut chain = SinkChain::new(&super::recipe::<Word, Option<Word>, Word, Word>(topic()), 1);
        chain.send(at(0, Word::from("k"), None::<Word>)).unwrap();
        assert_eq!(chain.sent()[0].value, None, "a tombstone");
    }
}
