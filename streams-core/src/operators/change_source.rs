//! The source of a grouped table's repartition topic: it decodes changes.

use super::{Recipe, source};
use crate::record::Change;
use crate::windows::WindowSizes;
use crate::wire::{Key, Value};

/// Forwards `Change<V>` by key, decoded from the format of [`crate::wire::change`]; the keys' windows have these sizes.
#[must_use]
pub(crate) fn recipe<K: Key, V: Value>(windows: WindowSizes) -> Recipe {
    source::recipe::<K, Change<V>>(windows)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::operators::testing::{SinkChain, SourceChain, Word, at};
    use crate::operators::{OperatorError, change_sink};
    use crate::record::{Change, Record, Timestamp};
    use crate::topic::TopicRef;
    use crate::windows::WindowSizes;

    fn read(value: Option<&[u8]>) -> Result<Vec<Record<Word, Change<Word>>>, OperatorError> {
        let mut chain = SourceChain::<Word, Change<Word>>::new(&super::recipe::<Word, Word>(WindowSizes::NONE));
        chain.feed(Some(b"k"), value, Timestamp(5))?;
        Ok(chain.received())
    }

    fn change(old: Option<&str>, new: Option<&str>) -> Change<Word> {
        Change::latest(old.map(Word::from), new.map(Word::from))
    }

    #[test]
    fn all_versions_of_the_format_are_read() {
        for (bytes, expected) in [
            (&b"x\x00"[..], change(Some("x"), None)),
            (b"x\x01", change(None, Some("x"))),
            (b"\x02yx\x02", change(Some("x"), Some("y"))),
            (b"x\x01\x03", change(Some("x"), None)),
            (b"x\x01\x04", change(None, Some("x"))),
            (b"\x02yx\x00\x05", Change { is_latest: false, ..change(Some("x"), Some("y")) }),
            (b"\x01", change(None, Some(""))),
        ] {
            assert_eq!(read(Some(bytes)).unwrap(), [at(5, "k".into(), expected)], "{bytes:?}");
        }
    }

    #[test]
    fn damaged_changes_are_errors() {
        for bytes in [None, Some(&b""[..]), Some(b"\x06"), Some(b"\x05"), Some(b"\x7fyx\x02"), Some(b"\x01yx\x02")] {
            assert!(matches!(read(bytes), Err(OperatorError::Decode { part: "value", .. })), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn what_the_sink_writes_the_source_reads(old in prop::option::of(".{0,200}"), new in prop::option::of(".{0,200}")) {
            prop_assume!(old.is_some() || new.is_some());
            let change = change(old.as_deref(), new.as_deref());
            let mut sink = SinkChain::new(&change_sink::recipe::<Word, Word>(TopicRef::Internal("t".into())), 1);
            sink.send(at(5, Word::from("k"), change.clone())).unwrap();
            prop_assert_eq!(read(sink.sent()[0].value.as_deref()).unwrap(), [at(5, "k".into(), change)]);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            let _ = read(Some(&bytes));
        }
    }
}
