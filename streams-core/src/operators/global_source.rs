//! The source of a global table: it turns its topic's records into rows.
//!
//! It runs outside any task: the global table's owner feeds it records and stores the rows it sends.

use std::marker::PhantomData;
use std::sync::Arc;

use super::source::undecodable;
use super::{BuiltNode, Context, Destination, DropReason, OperatorError, Recipe, SourceNode};
use crate::log::RecordRef;
use crate::record::Partition;
use crate::topic::TopicRef;
use crate::windows::WindowSizes;
use crate::wire::{Key, Value, refuse_windows};

/// Sends each record as a row. The value's bytes are passed on unchanged, after a check that they can be decoded. The
/// key is encoded again by its own type, because rows are looked up by those bytes and another program may have
/// encoded the same key differently. A record with a null key is dropped and counted.
#[must_use]
pub(crate) fn recipe<K: Key, V: Value>(topic: TopicRef) -> Recipe {
    const { refuse_windows::<V>() };
    Recipe::new(move |builder| {
        let (node, rows) = (Arc::clone(builder.name()), builder.destination(&topic)?);
        Ok(BuiltNode::source(GlobalSource::<K, V> { node, rows, key: Vec::new(), types: PhantomData }))
    })
    .of_topic::<K, V>(WindowSizes::NONE)
}

struct GlobalSource<K, V> {
    node: Arc<str>,
    rows: Destination,
    key: Vec<u8>,
    types: PhantomData<fn(K, V)>,
}

impl<K: Key, V: Value> SourceNode for GlobalSource<K, V> {
    fn process(&mut self, context: &mut Context, record: RecordRef<'_>) -> Result<(), OperatorError> {
        let Some(key) = record.key else {
            context.drop_record(&self.node, DropReason::NullKey);
            return Ok(());
        };
        let key = K::decode(key).map_err(|error| undecodable("key", error, record.key))?;
        record.value.map(V::decode).transpose().map_err(|error| undecodable("value", error, record.value))?;
        self.key.clear();
        key.encode(&mut self.key).map_err(|error| OperatorError::Encode { node: self.node.to_string(), error })?;
        let (key, value, headers) = (Some(&*self.key), record.value, record.headers());
        // Global tables are not synchronised in time, so any timestamp is accepted, even a negative one.
        context.send(&self.node, &self.rows, Partition(0), key, value, record.timestamp, &headers)
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::{Num, SourceChain, Word};
    use crate::operators::{DropReason, OperatorError};
    use crate::record::Timestamp;
    use crate::topic::TopicRef;
    use crate::wire::{DecodeError, EncodeError, Key, Value};

    /// A number in decimal digits; leading zeros are accepted but not written.
    #[derive(Debug, Clone, PartialEq, Eq, Hash)]
    struct Digits(u32);

    impl Value for Digits {
        fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
            out.extend_from_slice(self.0.to_string().as_bytes());
            Ok(())
        }

        fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
            let text = std::str::from_utf8(bytes).map_err(|error| DecodeError::new::<Self>(error.to_string()))?;
            text.parse().map(Self).map_err(|_| DecodeError::new::<Self>("no digits"))
        }
    }

    impl Key for Digits {}

    fn chain<V: Value>() -> SourceChain<(), ()> {
        SourceChain::new(&super::recipe::<Digits, V>(TopicRef::External("rows".into())))
    }

    #[test]
    fn a_rows_key_is_as_its_type_writes_it_and_its_value_as_it_came() {
        let mut chain = chain::<Word>();
        for (key, value, timestamp) in [("7", Some("a"), 1), ("007", Some("b"), -1), ("07", None, 3)] {
            chain.feed(Some(key.as_bytes()), value.map(str::as_bytes), Timestamp(timestamp)).unwrap();
        }
        let rows = chain.sent().into_iter().map(|row| (row.key, row.value, row.timestamp.0));
        let expected = [(Some("a"), 1), (Some("b"), -1), (None, 3)];
        let expected = expected.map(|(value, at)| (Some(b"7".to_vec()), value.map(|text| text.into()), at));
        assert_eq!(rows.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_no_row_is_not_sent() {
        let mut chain = chain::<Num>();
        chain.feed(None, Some(&[0; 8]), Timestamp(1)).unwrap();
        assert_eq!(chain.dropped(DropReason::NullKey), 1);
        for (key, value, damaged) in [("seven", &[0; 8][..], "key"), ("7", b"short", "value")] {
            let error = chain.feed(Some(key.as_bytes()), Some(value), Timestamp(1)).unwrap_err();
            assert!(matches!(error, OperatorError::Decode { part, .. } if part == damaged), "{error}");
        }
        assert_eq!(chain.sent(), []);
    }
}
