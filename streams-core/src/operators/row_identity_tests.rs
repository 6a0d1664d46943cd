//! Tests that a row's identity is its key's bytes. Whatever the key's type and however its values compare in Rust,
//! the table, the rows found by lookups and the forwarded keys are the same with and without a cache.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::testing::{Chain, Num, Setup, at};
use super::{StoreId, stored_table, stream_aggregate, stream_table_join};
use crate::record::{Change, Timestamp};
use crate::windows::{Window, WindowSize, WindowSizes, Windowed};
use crate::wire::json::Json;
use crate::wire::{Codec, DecodeError, EncodeError, Key, Value};

/// An operation on one key.
#[derive(Debug, Clone)]
enum Step<K> {
    Add(K, i64),
    Delete(K),
    LookUp(K),
    Flush,
}

fn steps<K: Debug + Clone + 'static>(
    keys: impl Strategy<Value = K> + Clone + 'static,
) -> impl Strategy<Value = Vec<Step<K>>> {
    let step = prop_oneof![
        6 => (keys.clone(), 0_i64..10).prop_map(|(key, value)| Step::Add(key, value)),
        1 => keys.clone().prop_map(Step::Delete),
        4 => keys.prop_map(Step::LookUp),
        1 => Just(Step::Flush),
    ];
    prop::collection::vec(step, 0..60)
}

/// How long windows are, and those in them.
fn windows() -> WindowSizes {
    [20, 10].into_iter().fold(WindowSizes::NONE, |sizes, size| sizes.around(WindowSize::Millis(size)))
}

/// The same key with windows that end where they must.
fn whole<K: Key>(mut key: K) -> K {
    key.set_window_sizes(windows().as_slice());
    key
}

fn bytes(key: &impl Key) -> Vec<u8> {
    let mut bytes = Vec::new();
    key.encode(&mut bytes).unwrap();
    bytes
}

/// Everything observable about a table.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    stored: Vec<(Vec<u8>, Vec<u8>)>,
    looked_up: Vec<Option<i64>>,
    /// The existing rows, by key bytes.
    forwarded: BTreeMap<Vec<u8>, i64>,
}

fn run<K: Key + Debug>(cache_bytes: usize, steps: &[Step<K>]) -> Outcome {
    let sum = stream_aggregate::recipe::<K, Num, Num>(StoreId(0), |_, value: Num, sum: Option<Num>| {
        (value.0 >= 0).then(|| Num(sum.map_or(0, |sum| sum.0) + value.0))
    });
    let looked_up: Arc<Mutex<Vec<Option<i64>>>> = Arc::default();
    let seen = Arc::clone(&looked_up);
    let look_up = stream_table_join::recipe::<K, Num, Num, Num>(
        stored_table::view(StoreId(0)),
        true,
        move |_, _, row: Option<Num>| {
            seen.lock().unwrap().push(row.map(|row| row.0));
            None
        },
    );
    let setup = Setup { cache_bytes, old_values: true, windows: windows(), ..Setup::default() };
    let (mut chain, join) = Chain::<K, Num, K, Change<Num>>::with_neighbour::<K, Num>(setup, &sum, &look_up);
    let mut forwarded = BTreeMap::new();
    for step in steps.iter().chain([&Step::Flush]) {
        match step {
            Step::Add(key, value) => chain.send(at(1, whole(key.clone()), Num(*value))),
            Step::Delete(key) => chain.send(at(1, whole(key.clone()), Num(-1))),
            // What is looked up may have another end.
            Step::LookUp(key) => join.borrow_mut().process(&mut chain.context, at(1, key.clone(), Num(0))).unwrap(),
            Step::Flush => chain.flush(),
        }
        for record in chain.received() {
            let key = whole(record.key.clone());
            assert_eq!(format!("{:?}", record.key), format!("{key:?}"), "its windows end where they must");
            match record.value.new {
                Some(row) => forwarded.insert(bytes(&key), row.0),
                None => forwarded.remove(&bytes(&key)),
            };
        }
    }
    let looked_up = std::mem::take(&mut *looked_up.lock().unwrap());
    Outcome { stored: chain.stored(0), looked_up, forwarded }
}

fn check<K: Key + Debug>(steps: &[Step<K>]) -> Result<(), TestCaseError> {
    let expected = run(0, steps);
    for cache_bytes in [300, 1 << 20] {
        prop_assert_eq!(&run(cache_bytes, steps), &expected, "cache: {}", cache_bytes);
    }
    Ok(())
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Page {
    user: String,
    page: u32,
    /// Part of Rust's comparison, but not of the bytes.
    #[serde(skip)]
    cached: u8,
}

impl Value for Page {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        Json::encode(self, out)
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Json::decode(bytes)
    }
}

impl Key for Page {}

/// A key whose bytes can differ although Rust considers the values equal.
#[derive(Debug, Clone, Eq)]
struct AnyCase(String);

impl PartialEq for AnyCase {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Hash for AnyCase {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_ascii_lowercase().hash(state);
    }
}

impl Value for AnyCase {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.0.encode(out)
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        String::decode(bytes).map(Self)
    }
}

impl Key for AnyCase {}

fn texts() -> impl Strategy<Value = String> + Clone {
    prop::sample::select(vec!["", "a", "A", "b", "a key that is too long to be kept in its row's place"])
        .prop_map(str::to_owned)
}

fn in_windows<K: Key + Debug>(keys: impl Strategy<Value = K> + Clone) -> impl Strategy<Value = Windowed<K>> + Clone {
    (keys, 0..3_i64, prop::sample::select(vec![10, 20, i64::MAX]))
        .prop_map(|(key, start, end)| Windowed { key, window: Window { start: Timestamp(start), end: Timestamp(end) } })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn text(steps in steps(texts())) {
        check(&steps)?;
    }

    #[test]
    fn numbers(steps in steps(-2..4_i64)) {
        check(&steps)?;
    }

    #[test]
    fn json_with_a_field_that_is_not_written(
        steps in steps((texts(), 0..2_u32, 0..3_u8).prop_map(|(user, page, cached)| Page { user, page, cached })),
    ) {
        check(&steps)?;
    }

    #[test]
    fn text_that_rust_compares_in_any_case(steps in steps(texts().prop_map(AnyCase))) {
        check(&steps)?;
    }

    #[test]
    fn text_in_windows(steps in steps(in_windows(texts()))) {
        check(&steps)?;
    }

    #[test]
    fn numbers_in_windows(steps in steps(in_windows(0..3_i64))) {
        check(&steps)?;
    }

    #[test]
    fn windows_in_windows(steps in steps(in_windows(in_windows(0..2_i64)))) {
        check(&steps)?;
    }
}
