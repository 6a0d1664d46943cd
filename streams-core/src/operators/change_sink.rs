//! The sink of a grouped table's repartition topic: it writes changes with their old and new rows.

use super::{Recipe, sink};
use crate::record::Change;
use crate::topic::TopicRef;
use crate::wire::{Key, Value};

/// Takes `Change<V>` by key and sends it to a repartition topic in the format of [`crate::wire::change`].
#[must_use]
pub(crate) fn recipe<K: Key, V: Value>(topic: TopicRef) -> Recipe {
    sink::recipe::<K, Change<V>, K, Change<V>>(topic)
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::{SinkChain, Word, at};
    use crate::record::Change;
    use crate::topic::TopicRef;

    #[test]
    fn changes_are_written_as_java_writes_them() {
        let topic = TopicRef::Internal("store-repartition".into());
        let mut chain = SinkChain::new(&super::recipe::<Word, Word>(topic), 4);
        let long = "n".repeat(100);
        let changes = [(Some("old"), None), (None, Some("new")), (Some("old"), Some("new")), (Some("o"), Some(&*long))];
        for (old, new) in changes {
            let change = Change::latest(old.map(Word::from), new.map(Word::from));
            chain.send(at(3, Word::from("g"), change)).unwrap();
        }
        let values: Vec<_> = chain.sent().into_iter().map(|sent| sent.value.unwrap()).collect();
        // As zig-zag varints, length 3 is 6, and length 100 is 200 in two bytes.
        let expected = [
            b"old\x00".to_vec(),
            b"new\x01".to_vec(),
            b"\x06newold\x02".to_vec(),
            [&b"\xc8\x01"[..], long.as_bytes(), b"o\x02"].concat(),
        ];
        assert_eq!(values, expected);
        assert_eq!(&*chain.sent()[0].topic, "app-store-repartition");
        assert_eq!(chain.sent()[0].partition, crate::wire::murmur2::partition_of(b"g", 4));
    }
}
