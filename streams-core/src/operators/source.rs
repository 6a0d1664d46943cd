//! Sources: they decode a topic's records.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use super::timestamps::{ExtractedTime, Extractor};
use super::{BuiltNode, Context, OperatorError, Outputs, Presence, Recipe, SourceNode};
use crate::log::RecordRef;
use crate::record::{Offset, Record, Timestamp};
use crate::windows::WindowSizes;
use crate::wire::encoded_key::EncodedKey;
use crate::wire::{DecodeError, Field, refuse_windows};

/// Forwards `Record<K, V>`; the keys' windows have these sizes. A record that cannot be decoded or has a negative
/// timestamp is an error; whether that stops the application is decided elsewhere.
#[must_use]
pub(crate) fn recipe<K: Field, V: Field>(windows: WindowSizes) -> Recipe {
    const { refuse_windows::<V>() };
    Recipe::new(move |builder| {
        let Some(outputs) = builder.outputs_without_values::<K>() else {
            return Ok(BuiltNode::source(Source { windows, outputs: builder.outputs::<K, V>()? }));
        };
        Ok(match builder.outputs_with_encoded_keys().filter(|_| K::CANONICAL) {
            Some(outputs) => BuiltNode::source(CheckedSource::<K, V> { outputs, fields: PhantomData }),
            None => BuiltNode::source(CountedSource::<K, V> { windows, outputs, value: PhantomData }),
        })
    })
    .of_topic::<K, V>(windows)
}

/// Forwards `Record<K, V>` as [`recipe`] does, with the times that the application extracts from the records.
#[must_use]
pub(crate) fn extracting_recipe<K: Field, V: Field>(windows: WindowSizes, extractor: Extractor<K, V>) -> Recipe {
    const { refuse_windows::<V>() };
    Recipe::new(move |builder| {
        let source = Source { windows, outputs: builder.outputs::<K, V>()? };
        let (node, extractor) = (Arc::clone(builder.name()), Arc::clone(&extractor));
        Ok(BuiltNode::source(ExtractingSource { node, source, extractor, next: None }))
    })
    .of_topic::<K, V>(windows)
}

#[derive(Clone)]
struct Source<K, V> {
    windows: WindowSizes,
    outputs: Outputs<K, V>,
}

impl<K: Field, V: Field> SourceNode for Source<K, V> {
    #[inline]
    fn process(&mut self, context: &mut Context, record: RecordRef<'_>) -> Result<(), OperatorError> {
        let record = self.read(&record)?;
        check_timestamp(&record)?;
        self.outputs.forward(context, record)
    }

    fn check(&self, record: &RecordRef<'_>) -> Result<(), OperatorError> {
        check_fields::<K, V>(record)
    }
}

impl<K: Field, V: Field> Source<K, V> {
    #[inline]
    fn read(&self, record: &RecordRef<'_>) -> Result<Record<K, V>, OperatorError> {
        let key = read_key::<K>(record, &self.windows)?;
        let value = V::read(record.value).map_err(|error| undecodable("value", error, record.value))?;
        Ok(Record { key, value, timestamp: record.timestamp, headers: record.headers() })
    }
}

/// A source of records whose times the application extracts. It reads a record once, before it is known when it is
/// processed.
struct ExtractingSource<K, V> {
    node: Arc<str>,
    source: Source<K, V>,
    extractor: Extractor<K, V>,
    next: Option<(Offset, Record<K, V>)>,
}

impl<K: Field, V: Field> SourceNode for ExtractingSource<K, V> {
    fn process(&mut self, context: &mut Context, record: RecordRef<'_>) -> Result<(), OperatorError> {
        let next = self.next.take().filter(|(offset, _)| *offset == record.offset);
        let Some((_, next)) = next else { return self.source.process(context, record) };
        let record = Record { timestamp: record.timestamp, ..next };
        check_timestamp(&record)?;
        self.source.outputs.forward(context, record)
    }

    fn check(&self, record: &RecordRef<'_>) -> Result<(), OperatorError> {
        check_fields::<K, V>(record)
    }

    fn extracting(&self) -> Option<Rc<RefCell<dyn SourceNode>>> {
        let Self { node, source, extractor, .. } = self;
        let (node, source, extractor) = (Arc::clone(node), source.clone(), Arc::clone(extractor));
        Some(Rc::new(RefCell::new(Self { node, source, extractor, next: None })))
    }

    fn extract(&mut self, record: RecordRef<'_>, partition_time: Timestamp) -> Result<Timestamp, OperatorError> {
        let read = self.source.read(&record)?;
        let time = (self.extractor)(&read, partition_time);
        self.next = Some((record.offset, read));
        match time {
            ExtractedTime::At(time) => Ok(time),
            ExtractedTime::Skip => Ok(Timestamp::UNKNOWN),
            ExtractedTime::Fail(reason) => Err(OperatorError::NoTimestamp { node: self.node.to_string(), reason }),
        }
    }
}

/// A source whose values are only checked, because nobody reads them.
struct CountedSource<K, V> {
    windows: WindowSizes,
    outputs: Outputs<K, Presence>,
    value: PhantomData<fn(V)>,
}

impl<K: Field, V: Field> SourceNode for CountedSource<K, V> {
    #[inline]
    fn process(&mut self, context: &mut Context, record: RecordRef<'_>) -> Result<(), OperatorError> {
        let key = read_key::<K>(&record, &self.windows)?;
        let value = V::is_there(record.value).map_err(|error| undecodable("value", error, record.value))?;
        let (value, timestamp, headers) = (Presence(value), record.timestamp, record.headers());
        let record = Record { key, value, timestamp, headers };
        check_timestamp(&record)?;
        self.outputs.forward(context, record)
    }

    fn check(&self, record: &RecordRef<'_>) -> Result<(), OperatorError> {
        check_fields::<K, V>(record)
    }
}

/// A source whose keys and values are only checked, because nobody reads them and the keys' bytes are canonical.
struct CheckedSource<K, V> {
    outputs: Outputs<Option<EncodedKey>, Presence>,
    fields: PhantomData<fn(K, V)>,
}

impl<K: Field, V: Field> SourceNode for CheckedSource<K, V> {
    #[inline]
    fn process(&mut self, context: &mut Context, record: RecordRef<'_>) -> Result<(), OperatorError> {
        K::is_there(record.key).map_err(|error| undecodable("key", error, record.key))?;
        let value = V::is_there(record.value).map_err(|error| undecodable("value", error, record.value))?;
        let key = record.key.map(EncodedKey::new);
        let record = Record { key, value: Presence(value), timestamp: record.timestamp, headers: record.headers() };
        check_timestamp(&record)?;
        self.outputs.forward(context, record)
    }

    fn check(&self, record: &RecordRef<'_>) -> Result<(), OperatorError> {
        check_fields::<K, V>(record)
    }
}

/// Tells whether a source reads a record of this key and value.
pub(crate) type IsReadable = fn(Option<&[u8]>, Option<&[u8]>) -> bool;

/// The one for these types.
pub(crate) fn is_readable<K: Field, V: Field>(key: Option<&[u8]>, value: Option<&[u8]>) -> bool {
    K::is_there(key).is_ok() && V::is_there(value).is_ok()
}

fn check_fields<K: Field, V: Field>(record: &RecordRef<'_>) -> Result<(), OperatorError> {
    K::is_there(record.key).map_err(|error| undecodable("key", error, record.key))?;
    V::is_there(record.value).map_err(|error| undecodable("value", error, record.value)).map(drop)
}

#[inline]
pub(super) fn read_key<K: Field>(record: &RecordRef<'_>, windows: &WindowSizes) -> Result<K, OperatorError> {
    let mut key = K::read(record.key).map_err(|error| undecodable("key", error, record.key))?;
    if K::WINDOWS > 0 {
        key.set_window_sizes(windows.as_slice());
    }
    Ok(key)
}

/// Java's default extractor fails on negative timestamps, after decoding.
fn check_timestamp<K, V>(record: &Record<K, V>) -> Result<(), OperatorError> {
    if record.timestamp.0 < 0 { Err(OperatorError::NegativeTimestamp(record.timestamp.0)) } else { Ok(()) }
}

/// How many bytes of an undecodable field an error shows.
const BYTES_SHOWN: usize = 32;

#[cold]
pub(super) fn undecodable(part: &'static str, error: DecodeError, bytes: Option<&[u8]>) -> OperatorError {
    use std::fmt::Write as _;

    let mut shown = String::new();
    for byte in bytes.unwrap_or_default().iter().take(BYTES_SHOWN) {
        let _ = write!(shown, "{byte:02x}");
    }
    if bytes.is_none() {
        shown.push_str("null");
    }
    OperatorError::Decode { part, error, bytes: shown }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::{SourceChain, Word, at};
    use crate::operators::{OperatorError, StoreId};
    use crate::record::{Change, Timestamp};
    use crate::windows::WindowSizes;

    #[test]
    fn bytes_become_a_typed_record() {
        let mut chain = SourceChain::<Option<Word>, Word>::new(&super::recipe::<Option<Word>, Word>(WindowSizes::NONE));
        chain.feed(Some(b"k"), Some(b"v"), Timestamp(5)).unwrap();
        chain.feed(None, Some(b"w"), Timestamp(0)).unwrap();
        assert_eq!(chain.received(), [at(5, Some("k".into()), "v".into()), at(0, None, "w".into())]);
    }

    #[test]
    fn an_undecodable_field_is_named_with_its_first_bytes_in_hexadecimal() {
        let long = [0xff; 40];
        for (key, value, part, bytes) in [
            (&b"k"[..], Some(&b"\xfe\x01"[..]), "value", "fe01".to_owned()),
            (&b"k"[..], Some(&long[..]), "value", "ff".repeat(32)),
            (&b"k"[..], None, "value", "null".to_owned()),
            (&b"\xff"[..], Some(&b"\xff"[..]), "key", "ff".to_owned()),
        ] {
            let mut chain = SourceChain::<Word, Word>::new(&super::recipe::<Word, Word>(WindowSizes::NONE));
            let error = chain.feed(Some(key), value, Timestamp(5)).unwrap_err();
            let OperatorError::Decode { part: found, bytes: shown, .. } = &error else { panic!("{error:?}") };
            assert_eq!((*found, shown), (part, &bytes));
            assert_eq!(chain.received(), []);
        }
    }

    #[test]
    fn a_negative_timestamp_is_an_error() {
        let mut chain = SourceChain::<Word, Word>::new(&super::recipe::<Word, Word>(WindowSizes::NONE));
        let error = chain.feed(Some(b"k"), Some(b"v"), Timestamp(-1)).unwrap_err();
        assert_eq!(error, OperatorError::NegativeTimestamp(-1));
        assert_eq!(chain.received(), []);
    }

    /// Values that nobody reads must still be decodable: otherwise a count would include records that every other
    /// node rejects.
    #[test]
    fn a_counted_value_is_checked_and_not_made() {
        let count = crate::operators::stream_aggregate::counting_recipe::<Word, Option<Word>>(StoreId(0));
        let mut counted =
            SourceChain::<Word, Change<i64>>::over(&super::recipe::<Word, Option<Word>>(WindowSizes::NONE), &count);
        counted.feed(Some(b"k"), Some(b"v"), Timestamp(1)).unwrap();
        counted.feed(Some(b"k"), None, Timestamp(2)).unwrap();
        let error = counted.feed(Some(b"k"), Some(b"\xff"), Timestamp(3)).unwrap_err();
        assert!(matches!(error, OperatorError::Decode { part: "value", .. }), "{error}");
        counted.feed(Some(b"k"), Some(b"w"), Timestamp(4)).unwrap();
        let counts: Vec<_> = counted.received().into_iter().map(|record| record.value.new).collect();
        assert_eq!(counts, [Some(1), Some(2)], "null is not counted");
    }
}
