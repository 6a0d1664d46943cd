//! Values whose mere presence matters.
//!
//! A count does not read the values that it counts. A node declares this with [`counting`]: it then accepts records
//! of [`Presence`] as well as records of its parent's type. If all children of a source are such nodes, the source
//! only checks that each value can be decoded and does not construct it. Nor does it construct keys whose bytes are
//! canonical: a row is found by its key's bytes, and the key itself is made when the row is forwarded.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;

use super::build::BuiltLinks;
use super::{BuiltNode, Context, Link, Next, OperatorError, pass};
use crate::record::Record;
use crate::wire::encoded_key::{AsKey, EncodedKey};
use crate::wire::{Key, Nullable, NullableKey};

/// Stands in for a value that nobody reads: only tells whether there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Presence(pub(crate) bool);

impl Presence {
    /// `Some` for a value, `None` for null.
    pub(super) fn into_option(self) -> Option<()> {
        self.0.then_some(())
    }
}

/// A node that counts the records of each key.
pub(super) trait Count<K: Key>: 'static {
    /// Counts one record. There is nothing to count if the value is null.
    fn count<Q: AsKey<K>>(
        &mut self,
        context: &mut Context,
        record: Record<Option<Q>, Option<()>>,
    ) -> Result<(), OperatorError>;
}

/// A node that only needs to know whether a `V` is null.
pub(super) fn counting<K: NullableKey, V: Nullable>(node: impl Count<K::Inner>) -> BuiltNode {
    let node = Rc::new(RefCell::new(Counter { node, key: PhantomData::<fn() -> K> }));
    let encoded: Link<Option<EncodedKey>, Presence> = Rc::clone(&node) as _;
    let node: Link<K, Presence> = node;
    let typed: Link<K, V> = Rc::new(RefCell::new(Asking { node: Rc::clone(&node), value: PhantomData }));
    BuiltNode::Inner(BuiltLinks::of(typed).or_without_values(node).or_with_encoded_keys(encoded))
}

/// Passes records on to the node that counts them, whatever form their keys have.
struct Counter<K, C> {
    node: C,
    key: PhantomData<fn() -> K>,
}

impl<K: NullableKey, C: Count<K::Inner>> Next<K, Presence> for Counter<K, C> {
    #[inline]
    fn process(&mut self, context: &mut Context, record: Record<K, Presence>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        let (key, value) = (key.into_option(), value.into_option());
        self.node.count(context, Record { key, value, timestamp, headers })
    }
}

impl<K: NullableKey, C: Count<K::Inner>> Next<Option<EncodedKey>, Presence> for Counter<K, C> {
    #[inline]
    fn process(
        &mut self,
        context: &mut Context,
        record: Record<Option<EncodedKey>, Presence>,
    ) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        self.node.count(context, Record { key, value: value.into_option(), timestamp, headers })
    }
}

/// Adapts the node to parents that do have the value.
struct Asking<K, V> {
    node: Link<K, Presence>,
    value: PhantomData<fn(V)>,
}

impl<K, V: Nullable> Next<K, V> for Asking<K, V> {
    #[inline]
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        let value = Presence(value.as_option().is_some());
        pass(&self.node, context, Record { key, value, timestamp, headers })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use crate::operators::testing::{Setup, SourceChain, Word};
    use crate::operators::{
        DropReason, Emission, OperatorError, Recipe, StoreId, source, stream_aggregate, window_aggregate,
    };
    use crate::record::{Change, Record, Timestamp};
    use crate::state::kinds::Windowing as _;
    use crate::windows::{TimeWindows, Tumbling, WindowSizes, Windowed};
    use crate::wire::{DecodeError, EncodeError, Key, Value};

    thread_local! {
        static MADE: Cell<u32> = const { Cell::new(0) };
    }

    /// Text that counts how often a key is made.
    #[derive(Debug, Clone, PartialEq, Eq, Hash)]
    struct Text<const CANONICAL: bool>(String);

    impl<const CANONICAL: bool> Value for Text<CANONICAL> {
        const CANONICAL: bool = CANONICAL;

        fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
            Value::encode(&self.0, out)
        }

        fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
            MADE.set(MADE.get() + 1);
            String::decode(bytes).map(Self)
        }

        fn check(bytes: &[u8]) -> Result<(), DecodeError> {
            String::check(bytes)
        }
    }

    impl<const CANONICAL: bool> Key for Text<CANONICAL> {}

    fn source<const CANONICAL: bool>() -> Recipe {
        source::recipe::<Option<Text<CANONICAL>>, Option<Word>>(WindowSizes::NONE)
    }

    /// Feeds records with good, null and undecodable keys, and returns the last counts by key, how many records were
    /// dropped for a null key, and how many keys were made.
    fn counts<const CANONICAL: bool, K: Send + 'static>(
        setup: Setup,
        count: &Recipe,
        text: impl Fn(&K) -> &str,
    ) -> (Vec<(String, Option<i64>)>, u64, u32) {
        let mut chain = SourceChain::<K, Change<i64>>::over_with(setup, &source::<CANONICAL>(), count);
        MADE.set(0);
        let mut feed = |key: Option<&str>| chain.feed(key.map(str::as_bytes), Some(b"v"), Timestamp(5)).unwrap();
        for key in [Some("a"), Some("b"), Some("a"), None, Some("a key of more than thirty-two bytes"), Some("a")] {
            feed(key);
        }
        let error = chain.feed(Some(b"\xff"), Some(b"v"), Timestamp(5)).unwrap_err();
        assert!(matches!(error, OperatorError::Decode { part: "key", .. }), "{error}");
        chain.flush();
        let changes = chain.received().into_iter();
        let counts = changes.map(|Record { key, value, .. }| (text(&key).to_owned(), value.new)).collect();
        (counts, chain.dropped(DropReason::NullKey), MADE.get())
    }

    fn expected(updates: &[(&str, i64)]) -> Vec<(String, Option<i64>)> {
        updates.iter().map(|(key, count)| ((*key).to_owned(), Some(*count))).collect()
    }

    const LONG: &str = "a key of more than thirty-two bytes";

    #[test]
    fn a_canonical_key_is_made_only_for_what_is_forwarded() {
        fn count<const CANONICAL: bool>(cache_bytes: usize) -> (Vec<(String, Option<i64>)>, u64, u32) {
            let recipe = stream_aggregate::counting_recipe::<Option<Text<CANONICAL>>, Option<Word>>(StoreId(0));
            let setup = Setup { cache_bytes, ..Setup::default() };
            counts::<CANONICAL, Text<CANONICAL>>(setup, &recipe, |key| &key.0)
        }
        let last = expected(&[("b", 1), (LONG, 1), ("a", 3)]);
        assert_eq!(count::<true>(1 << 20), (last.clone(), 1, 3), "one for each row that is flushed");
        assert_eq!(count::<false>(1 << 20), (last, 1, 9), "and one for each record");
        let all = expected(&[("a", 1), ("b", 1), ("a", 2), (LONG, 1), ("a", 3)]);
        assert_eq!(count::<true>(0), (all.clone(), 1, 5));
        assert_eq!(count::<false>(0), (all, 1, 6));
    }

    #[test]
    fn the_same_holds_for_windows() {
        fn count<const CANONICAL: bool>(cache_bytes: usize) -> (Vec<(String, Option<i64>)>, u64, u32) {
            let windows: TimeWindows = Tumbling::of(std::time::Duration::from_millis(10)).no_grace();
            let recipe = window_aggregate::counting_recipe::<Option<Text<CANONICAL>>, Option<Word>>(
                StoreId(0),
                windows,
                Emission::OnUpdate,
            );
            let setup = Setup { cache_bytes, ..Setup::default() }.windowed(windows, windows.changing_for());
            counts::<CANONICAL, Windowed<Text<CANONICAL>>>(setup, &recipe, |key| &key.key.0)
        }
        let last = expected(&[("b", 1), (LONG, 1), ("a", 3)]);
        assert_eq!(count::<true>(1 << 20), (last.clone(), 1, 3));
        assert_eq!(count::<false>(1 << 20), (last, 1, 9));
        let all = expected(&[("a", 1), ("b", 1), ("a", 2), (LONG, 1), ("a", 3)]);
        assert_eq!(count::<true>(0), (all.clone(), 1, 5));
        assert_eq!(count::<false>(0), (all, 1, 6));
    }

    /// A key that says of its bytes what is not true: that all are keys, and that they are canonical.
    #[derive(Debug, Clone, PartialEq, Eq, Hash)]
    struct Liar(String);

    impl Value for Liar {
        const CANONICAL: bool = true;

        fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
            Value::encode(&self.0.to_lowercase(), out)
        }

        fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
            String::decode(bytes).map(Self)
        }

        fn check(_: &[u8]) -> Result<(), DecodeError> {
            Ok(())
        }
    }

    impl Key for Liar {}

    fn feed_liar(key: &[u8]) -> Result<(), OperatorError> {
        let count = stream_aggregate::counting_recipe::<Liar, Word>(StoreId(0));
        let source = source::recipe::<Liar, Word>(WindowSizes::NONE);
        SourceChain::<Liar, Change<i64>>::over(&source, &count).feed(Some(key), Some(b"v"), Timestamp(1))
    }

    /// Skipped, the record would have changed its row and been counted as dropped.
    #[test]
    fn a_key_that_was_accepted_and_cannot_be_made_is_no_record_to_skip() {
        let error = feed_liar(b"\xff").unwrap_err();
        assert!(matches!(&error, OperatorError::Store { node, .. } if node == "NODE"), "{error:?}");
        assert!(error.to_string().contains("`Value::check` accepted its bytes"), "{error}");
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "are not canonical")]
    fn a_debug_build_notices_bytes_that_are_not_canonical() {
        let _ = feed_liar(b"KEY");
    }
}
