//! The contract of every state backend as tests.
//!
//! An adapter runs the contract with one line inside a test module. Each clause becomes a separate test:
//!
//! ```
//! mod backend_tests {
//! millstream::store_contract!(millstream::state::Memory, tempfile::tempdir().expect("a temporary folder"));
//! }
//! ```
//!
//! The first argument creates the backend. The second creates an empty folder: any `AsRef<Path>` that removes the
//! folder when dropped. The adapter needs `proptest` as a dev-dependency.
//!
//! What cannot hold for every backend (surviving `kill -9`, a full disk, damaged files) is tested by the adapter.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;

use crate::state::{
    META, StateBackend, Store, StoreBatch, StoreError, StoreErrorKind, StoreIndex, StorePairs, StoreSnapshot,
    bounds_cross,
};

/// Turns each clause of the store contract into a test; see [`crate::testing::store_contract`].
#[macro_export]
macro_rules! store_contract {
    ($backend:expr, $folder:expr $(,)?) => {
        $crate::store_contract!(@clauses $backend, $folder;
            a_value_is_read_back_until_it_is_deleted
            an_empty_value_is_not_an_absent_one
            keys_are_ordered_as_bytes
            bounds_include_and_exclude_what_they_say
            crossed_bounds_hold_nothing
            a_range_can_be_left_half_read
            of_several_changes_to_one_key_the_last_wins
            a_range_deletion_takes_its_start_and_leaves_its_end
            a_cleared_store_holds_what_was_put_afterwards
            one_batch_changes_every_store_it_names
            a_batch_that_is_refused_changes_nothing
            a_store_knows_its_own_size_if_any
            stores_are_isolated
            tasks_are_isolated
            long_keys_and_values_come_back_whole
            committed_values_can_be_read_from_several_threads
            a_reader_sees_each_commit_whole_and_none_half_way
            a_reader_may_outlive_its_store
            a_backend_is_persistent_as_it_says
            stores_keep_their_names_when_others_come_and_go
            one_folder_is_open_only_once
        );

        #[test]
        fn random_operations_agree_with_an_ordered_map() {
            use proptest::prelude::{ProptestConfig, any, prop};
            proptest::proptest!(
                ProptestConfig { cases: 64, ..ProptestConfig::default() },
                |(choices in prop::collection::vec(any::<u32>(), 0..400))| {
                    let folder = $folder;
                    let path: &::std::path::Path = folder.as_ref();
                    $crate::testing::store_contract::agrees_with_an_ordered_map(&$backend, path, &choices)?;
                }
            );
        }
    };
    (@clauses $backend:expr, $folder:expr; $($clause:ident)*) => {$(
        #[test]
        fn $clause() -> ::core::result::Result<(), $crate::state::StoreError> {
            let folder = $folder;
            let path: &::std::path::Path = folder.as_ref();
            $crate::testing::store_contract::$clause(&$backend, path)
        }
    )*};
}

const A: StoreIndex = StoreIndex(1);
const B: StoreIndex = StoreIndex(2);
const ALL: Bounds<'_> = (Bound::Unbounded, Bound::Unbounded);

type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);
type Outcome = Result<(), StoreError>;
type Pair = (Vec<u8>, Vec<u8>);

/// Clause: a key has its last written value until it is deleted; keys never written have none.
pub fn a_value_is_read_back_until_it_is_deleted(backend: &dyn StateBackend, folder: &Path) -> Outcome {
    let mut store = open(backend, folder, &["a"])?;
    assert_eq!(store.get(A, b"k")?, None, "nothing was written yet");
    put(&mut *store, A, b"k", b"1")?;
    assert_eq!(store.get(A, b"k")?, Some(b"1".to_vec()));
    put(&mut *store, A, b"k", b"2")?;
    assert_eq!(store.get(A, b"k")?, Some(b"2".to_vec()));
    assert_eq!(store.get(A, b"kk")?, None, "a longer key is another key");
    delete(&mut *store, A, b"k")?;
    assert_eq!(store.get(A, b"k")?, None);
    delete(&mut *store, A, b"k")
}

/// Clause: empty values and empty keys are valid.
pub fn an_empty_value_is_not_an_absent_one(backend: &dyn StateBackend, folder: &Path) -> Outcome {
    let mut store = open(backend, folder, &["a"])?;
    put(&mut *store, A, b"k", b"")?;
    put(&mut *store, A, b"", b"of the empty key")?;
    assert_eq!(store.get(A, b"k")?, Some(Vec::new()));
    assert_eq!(store.get(A, b"")?, Some(b"of the empty key".to_vec()));
    assert_eq!(pairs(&*store, A, ALL)?, [pair(b"", b"of the empty key"), pair(b"k", b"")]);
    Ok(())
}

/// Clause: keys are ordered as unsigned bytes, with a prefix before the longer keys that it begins. Descending order
/// is the exact reverse.
pub fn keys_are_ordered_as_bytes(backend: &dyn StateBackend, folder: &Path) -> Outcome {
    let mut store = open(backend, folder, &["a"])?;
    let ascending: [&[u8]; 9] =
        [b"\x00", b"\x00\x00", b"\x00\xff", b"\x01", b"\x7f", b"\x80", b"\xff", b"\xff\x00", b"\xff\xff"];
    // Write the keys out of order: 7 and the number of keys have no common divisor, so every key is written once.
    for at in (0..ascending.len()).map(|n| n * 7 % ascending.len()) {
        put(&mut *store, A, ascending[at], &[u8::try_from(at).unwrap_or_default()])?;
    }
    let expected: Vec<Pair> =
        ascending.iter().enumerate().map(|(at, key)| pair(key, &[u8::try_from(at).unwrap_or_default()])).collect();
    assert_eq!(pairs(&*store, A, ALL)?, expected);
    assert_eq!(pairs_reverse(&*store, A, ALL)?, reversed(expected));
    Ok(())
}

/// Clause: a backend that knows sizes knows those of each store, at least as estimates.
pub fn a_store_knows_its_own_size_if_any(backend: &dyn StateBackend, folder: &Path) -> Outcome {
    let mut store = open(backend, folder, &["a", "b"])?;
    for key in 0..100_u8 {
        put(&mut *store, A, &[key], &[0; 1_000])?;
    }
    let (full, empty) = (store.size(A)?, store.size(B)?);
    assert!(full.rows.is_none_or(|rows| (50..=200).contains(&rows)), "100 rows were written: {full:?}");
    assert!(full.bytes.is_none_or(|bytes| bytes >= 100_000), "100,000 bytes were written: {full:?}");
    assert!(empty.rows.is_none_or(|rows| rows == 0), "nothing was written: {empty:?}");
    assert!(empty.bytes < full.bytes || full.bytes.is_none(), "{empty:?} {full:?}");
    Ok(())
}

/// Clause: every kind of bound works at either end, on existing and missing keys.
pub fn bounds_include_and_exclude_what_they_say(backend: &dyn StateBackend, folder: &Path) -> Outcome {
    use Bound::{Excluded, Included, Unbounded};
    let mut store = open(backend, folder, &["a"])?;
    for key in ["b", "c", "c\0", "d"] {
        put(&mut *store, A, key.as_bytes(), b"v")?;
    }
    let table: [(Bounds<'_>, &[&str]); 14] = [
        ((Unbounded, Unbounded), &["b", "c", "c\0", "d"]),
        ((Included(b"c"), Unbounded), &["c", "c\0", "d"]),
        ((Excluded(b"c"), Unbounded), &["c\0", "d"]),
        ((Unbounded, Included(b"c")), &["b", "c"]),
        ((Unbounded, Excluded(b"c")), &["b"]),
        ((Included(b"b"), Included(b"d")), &["b", "c", "c\0", "d"]),
        ((Included(b"b"), Excluded(b"d")), &["b", "c", "c\0"]),
        ((Excluded(b"b"), Included(b"d")), &["c", "c\0", "d"]),
        ((Excluded(b"b"), Excluded(b"d")), &["c", "c\0"]),
        ((Included(b"c"), Included(b"c")), &["c"]),
        ((Excluded(b"c"), Excluded(b"c\0")), &[]),
        ((Included(b"a"), Included(b"bb")), &["b"]),
        ((Excluded(b""), Excluded(b"\xff")), &["b", "c", "c\0", "d"]),
        ((Included(b"e"), Unbounded), &[]),
    ];
    for ((from, to), expected) in table {
        let expected: Vec<Pair> = expected.iter().map(|key| pair(key.as_bytes(), b"v")).collect();
        assert_eq!(pairs(&*store, A, (from, to))?, expected, "from {from:?} to {to:?}");
        assert_eq!(pairs_reverse(&*store, A, (from, to))?, reversed(expected), "from {from:?} to {to:?}, descending");
    }
    Ok(())
}

/// Clause: bounds that cross, or that touch without including the key, hold nothing and are not an error.
pub fn crossed_bounds_hold_nothing(backend: &dyn StateBackend, folder: &Path) -> Outcome {
    use Bound::{Excluded, Included, Unbounded};
    let mut store = open(backend, folder, &["a"])?;
    for key in ["b", "c", "d"] {
        put(&mut *store, A, key.as_bytes(), b"v")?;
    }
    let table: [Bounds<'_>; 7] = [
        (Included(b"d"), Included(b"b")),
        (Excluded(b"d"), Excluded(b"b")),
        (Included(b"c"), Excluded(b"c")),
        (Excluded(b"c"), Included(b"c")),
        (Excluded(b"c"), Excluded(b"c")),
        (Included(b"\xff"), Excluded(b"")),
        (Unbounded, Excluded(b"")),
    ];
    for (from, to) in table {
        assert_eq!(pairs(&*store, A, (from, to))?, [], "from {from:?} to {to:?}");
        assert_eq!(pairs_reverse(&*store, A, (from, to))?, [], "from {from:?} to {to:?}, descending");
    }
    Ok(())
}

/// Clause: an iterator may be dropped before its end without affecting the store.
pub fn a_range_can_be_left_half_read(backend: &dyn StateBackend, folder: &Path) -> Outcome {
    let mut store = open(backend, folder, &["a"])?;
    for number in 0..100_u8 {
        put(&mut *store, A, &[number], b"v")?;
    }
    for at in 0..10_u8 {
        let first = store.range(A, Bound::Included(&[at]), Bound::Unbounded).next().transpose()?;
        assert_eq!(first.map(|(key, _)| key), Some(Box::from([at])));
        let last = store.range_reverse(A, Bound::Unbounded, Bound::Included(&[at])).next().transpose()?;
        assert_eq!(last.map(|(key, _)| key), Some(Box::from([at])));
    }
    delete(&mut *store, A, &[0])?;
    assert_eq!(pairs(&*store, A, ALL)?.len(), 99);
    Ok(())
}

/// Clause: the changes of a batch are applied in order, whatever their kinds.
pub fn of_several_changes_to_one_key_the_last_wins(backend: &dyn StateBackend, folder: &Path) -> Outcome {
    let mut store = open(backend, folder, &["a"])?;
    let mut batch = StoreBatch::default();
    batch.put(A, "put twice", "1");
    batch.put(A, "put twice", "2");
    batch.put(A, "put, deleted", "1");
    batch.delete(A, "put, deleted");
    batch.delete(A, "deleted, put");
    batch.put(A, "deleted, put", "2");
    batch.put(A, "range 1", "swept away");
    batch.delete_range(A, "range", "range~");
    batch.put(A, "range 2", "written after the sweep");
    store.write(batch)?;
    assert_eq!(
        pairs(&*store, A, ALL)?,
        [pair(b"deleted, put", b"2"), pair(b"put twice", b"2"), pair(b"range 2", b"written after the sweep")]
    );
    Ok(())
}

/// Clause: `delete_range` deletes from its start (inclusive) to its end (exclusive), and nothing if they cross.
pub fn a_range_deletion_takes_its_start_and_leaves_its_end(backend: &dyn StateBackend, folder: &Path) -> Outcome {
    let mut store = open(backend, folder, &["a", "b"])?;
    for key in ["a", "b", "bb", "c", "d"] {
        put(&mut *store, A, key.as_bytes(), b"v")?;
        put(&mut *store, B, key.as_bytes(), b"v")?;
    }
    let mut batch = StoreBatch::default();
    batch.delete_range(A, "b", "c");
    batch.delete_range(A, "d", "a");
    batch.delete_range(A, "a", "a");
    store.write(batch)?;
    assert_eq!(pairs(&*store, A, ALL)?, [pair(b"a", b"v"), pair(b"c", b"v"), pair(b"d", b"v")]);
    assert_eq!(store.get(A, b"bb")?, None);
    assert_eq!(pairs(&*store, B, ALL)?.len(), 5, "the other store's keys are not in the range");
    put(&mut *store, A, b"bb", b"again")?;
    assert_eq!(store.get(A, b"bb")?, Some(b"again".to_vec()));
    Ok(())
}

/// Clause: clearing a store deletes every key, whatever its bytes, in order with the batch's other changes.
pub fn a_cleared_store_holds_what_was_put_afterwards(backend: &dyn StateBackend, folder: &Path) -> Outcome {
    let mut store = open(backend, folder, &["a", "b"])?;
    let mut batch = StoreBatch::default();
    batch.clear(A);
    store.write(batch)?;
    let long = vec![0xff; 64 << 10];
    for key in [&b""[..], b"k", b"\xff", b"\xff\xff\xff", &long] {
        put(&mut *store, A, key, b"v")?;
        put(&mut *store, B, key, b"v")?;
    }
    let mut batch = StoreBatch::default();
    batch.put(META, "offset", "17");
    batch.put(A, "put, cleared", "v");
    batch.put(A, [&long[..], b"further than any other"].concat(), "v");
    batch.clear(A);
    batch.put(A, "k", "put afterwards");
    batch.delete(META, "offset");
    store.write(batch)?;
    assert_eq!(pairs(&*store, A, ALL)?, [pair(b"k", b"put afterwards")]);
    assert_eq!(store.get(A, b"\xff")?, None);
    assert_eq!(pairs(&*store, B, ALL)?.len(), 5, "the other store keeps its keys");
    assert_eq!(store.get(META, b"offset")?, None);
    drop(store);

    if backend.is_persistent() {
        let store = open(backend, folder, &["a", "b"])?;
        assert_eq!(pairs(&*store, A, ALL)?, [pair(b"k", b"put afterwards")], "after reopening, too");
    }
    Ok(())
}

/// Clause: a batch changes several stores and the task's metadata together; an empty one changes nothing.
pub fn one_batch_changes_every_store_it_names(backend: &dyn StateBackend, folder: &Path) -> Outcome {
    let mut store = open(backend, folder, &["a", "b"])?;
    let mut batch = StoreBatch::default();
    batch.put(A, "k", "in a");
    batch.put(B, "k", "in b");
    batch.put(META, "offset", "17");
    store.write(batch)?;
    store.write(StoreBatch::default())?;
    assert_eq!(store.get(A, b"k")?, Some(b"in a".to_vec()));
    assert_eq!(store.get(B, b"k")?, Some(b"in b".to_vec()));
    assert_eq!(store.get(META, b"offset")?, Some(b"17".to_vec()));
    store.flush()
}

/// Clause: a batch that names a store that was not opened is an error, and no part of it is applied.
pub fn a_batch_that_is_refused_changes_nothing(backend: &dyn StateBackend, folder: &Path) -> Outcome {
    let unknown = StoreIndex(7);
    let mut store = open(backend, folder, &["a"])?;
    put(&mut *store, A, b"k", b"before")?;
    let mut batch = StoreBatch::default();
    batch.put(A, "k", "after");
    batch.delete_range(META, "", "\u{7f}");
    batch.put(unknown, "k", "v");
    assert!(store.write(batch).is_err(), "there is no store number 7");
    assert_eq!(store.get(A, b"k")?, Some(b"before".to_vec()));
    assert!(store.get(unknown, b"k").is_err());
    assert!(store.range(unknown, ALL.0, ALL.1).any(|pair| pair.is_err()), "an empty answer would hide the mistake");
    assert!(store.range_reverse(unknown, ALL.0, ALL.1).any(|pair| pair.is_err()));
    Ok(())
}

/// Clause: the same key in two stores and in the task's metadata is three different keys.
pub fn stores_are_isolated(backend: &dyn StateBackend, folder: &Path) -> Outcome {
    let mut store = open(backend, folder, &["a", "b"])?;
    for (index, value) in [(META, "meta"), (A, "a"), (B, "b")] {
        put(&mut *store, index, b"k", value.as_bytes())?;
    }
    delete(&mut *store, A, b"k")?;
    assert_eq!(pairs(&*store, A, ALL)?, []);
    assert_eq!(pairs(&*store, B, ALL)?, [pair(b"k", b"b")]);
    assert_eq!(store.get(META, b"k")?, Some(b"meta".to_vec()));
    Ok(())
}

/// Clause: two tasks with equally named stores, opened from one backend, do not see each other's data.
pub fn tasks_are_isolated(backend: &dyn StateBackend, folder: &Path) -> Outcome {
    let mut first = open(backend, &folder.join("0_0"), &["a"])?;
    let mut second = open(backend, &folder.join("0_1"), &["a"])?;
    put(&mut *first, A, b"k", b"of 0_0")?;
    put(&mut *second, A, b"k", b"of 0_1")?;
    drop(second);
    assert_eq!(pairs(&*first, A, ALL)?, [pair(b"k", b"of 0_0")]);
    Ok(())
}

/// Clause: a key of 64 KiB and a value of 4 MiB work like any other.
pub fn long_keys_and_values_come_back_whole(backend: &dyn StateBackend, folder: &Path) -> Outcome {
    let mut store = open(backend, folder, &["a"])?;
    let key = vec![0xff; 64 << 10];
    let value: Vec<u8> = (0..4_u32 << 20).map(|n| n.wrapping_mul(31).to_le_bytes()[1]).collect();
    put(&mut *store, A, &key, &value)?;
    assert!(store.get(A, &key)?.as_ref() == Some(&value), "the value differs");
    assert!(pairs(&*store, A, ALL)? == [(key, value)], "the pair differs");
    Ok(())
}

/// Clause: several threads can read a store at once, as every worker does with a global table's.
pub fn committed_values_can_be_read_from_several_threads(backend: &dyn StateBackend, folder: &Path) -> Outcome {
    let mut store = open(backend, folder, &["a"])?;
    for number in 0..50_u8 {
        put(&mut *store, A, &[number], &[number])?;
    }
    let store = &*store;
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..4_u8)
            .map(|first| {
                scope.spawn(move || -> Outcome {
                    for number in first..50 {
                        assert_eq!(store.get(A, &[number])?, Some(vec![number]));
                    }
                    assert_eq!(pairs(store, A, ALL)?.len(), 50);
                    Ok(())
                })
            })
            .collect();
        for reader in readers {
            match reader.join() {
                Ok(outcome) => outcome?,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(())
    })
}

/// Clause: a read through a reader sees one commit across all stores until it ends; the next read sees the newest.
pub fn a_reader_sees_each_commit_whole_and_none_half_way(backend: &dyn StateBackend, folder: &Path) -> Outcome {
    let mut store = open(backend, folder, &["a", "b"])?;
    let readers = [store.reader()?, store.reader()?];
    let commit = |store: &mut dyn Store, number: u8| {
        let mut batch = StoreBatch::default();
        batch.clear(B);
        batch.put(A, "k", [number]);
        batch.put(B, [number], "v");
        batch.put(META, "commit", [number]);
        store.write(batch)
    };
    commit(&mut *store, 1)?;
    for number in 2..6 {
        let mut outcome = Ok(());
        readers[0].look(&mut |snapshot| {
            let before = number - 1;
            outcome = seen(snapshot, before).and_then(|()| commit(&mut *store, number)).and_then(|()| {
                // Commits made meanwhile are not visible in this read, through this reader or any other.
                seen(snapshot, before)
            });
        })?;
        outcome?;
        for reader in &readers {
            let mut outcome = Ok(());
            reader.look(&mut |snapshot| outcome = seen(snapshot, number))?;
            outcome?;
            outcome = Ok(());
            reader.glance(&mut |snapshot| outcome = seen(snapshot, number))?;
            outcome?;
        }
    }
    Ok(())
}

fn seen(snapshot: &dyn StoreSnapshot, number: u8) -> Outcome {
    assert_eq!(snapshot.get(A, b"k")?, Some(vec![number]));
    assert_eq!(snapshot.get(META, b"commit")?, Some(vec![number]));
    assert_eq!(snapshot.get(B, &[number + 1])?, None);
    let expected = [pair(&[number], b"v")];
    for (from, to) in [ALL, (Bound::Included(&[number][..]), Bound::Unbounded)] {
        assert_eq!(collect(snapshot.range(B, from, to))?, expected);
        assert_eq!(collect(snapshot.range_reverse(B, from, to))?, expected);
    }
    assert_eq!(collect(snapshot.range(B, Bound::Excluded(&[number]), Bound::Unbounded))?, []);
    assert!(snapshot.get(StoreIndex(7), b"k").is_err(), "there is no store number 7");
    assert!(snapshot.range(StoreIndex(7), ALL.0, ALL.1).any(|pair| pair.is_err()));
    Ok(())
}

/// Clause: another thread may hold a reader and read while the store is written. The reader does not keep the store
/// open, and is told when it is closed.
pub fn a_reader_may_outlive_its_store(backend: &dyn StateBackend, folder: &Path) -> Outcome {
    let mut store = open(backend, folder, &["a", "b"])?;
    let mut batch = StoreBatch::default();
    [A, B].into_iter().for_each(|index| batch.put(index, "k", [0]));
    store.write(batch)?;
    let reader = store.reader()?;
    let held = std::sync::Arc::clone(&reader);
    let reading = std::thread::spawn(move || -> Result<usize, StoreError> {
        for looks in 0.. {
            let mut values = [Ok(None), Ok(None)];
            let mut see = |snapshot: &dyn StoreSnapshot| values = [A, B].map(|index| snapshot.get(index, b"k"));
            let looked = if looks % 2 == 0 { held.look(&mut see) } else { held.glance(&mut see) };
            match looked {
                Err(error) if error.kind == StoreErrorKind::Closed => return Ok(looks),
                looked => looked?,
            }
            let [a, b] = values;
            assert_eq!(a?, b?, "both stores are of one commit");
        }
        Ok(0)
    });
    for number in 1..200_u8 {
        let mut batch = StoreBatch::default();
        [A, B].into_iter().for_each(|index| batch.put(index, "k", [number]));
        store.write(batch)?;
    }
    drop(store);
    match reading.join() {
        Ok(looks) => looks?,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    let closed = reader.look(&mut |_| unreachable!("the store is closed"));
    assert_eq!(closed.map_err(|error| error.kind), Err(StoreErrorKind::Closed));
    let closed = reader.glance(&mut |_| unreachable!("the store is closed"));
    assert_eq!(closed.map_err(|error| error.kind), Err(StoreErrorKind::Closed));
    open(backend, folder, &["a", "b"]).map(|_| ())
}

/// Clause: after reopening, everything written is there if the backend claims to be persistent, and nothing
/// otherwise.
pub fn a_backend_is_persistent_as_it_says(backend: &dyn StateBackend, folder: &Path) -> Outcome {
    let mut store = open(backend, folder, &["a"])?;
    let mut batch = StoreBatch::default();
    batch.put(A, "deleted later", "v");
    batch.put(A, "k", "v");
    batch.put(META, "offset", "17");
    store.write(batch)?;
    delete(&mut *store, A, b"deleted later")?;
    drop(store);

    let store = open(backend, folder, &["a"])?;
    if backend.is_persistent() {
        assert_eq!(pairs(&*store, A, ALL)?, [pair(b"k", b"v")]);
        assert_eq!(store.get(META, b"offset")?, Some(b"17".to_vec()));
    } else {
        assert_eq!(pairs(&*store, A, ALL)?, []);
        assert_eq!(store.get(META, b"offset")?, None, "an offset without its data would leave a hole");
    }
    Ok(())
}

/// Clause: data belongs to a store's name. Adding a store leaves the others unchanged, whatever numbers they get, and
/// a store that is left out for a while is still there when it is named again.
pub fn stores_keep_their_names_when_others_come_and_go(backend: &dyn StateBackend, folder: &Path) -> Outcome {
    if !backend.is_persistent() {
        return Ok(());
    }
    let mut store = open(backend, folder, &["a", "b"])?;
    put(&mut *store, A, b"k", b"of a")?;
    put(&mut *store, B, b"k", b"of b")?;
    put(&mut *store, META, b"k", b"of meta")?;
    drop(store);

    let mut store = open(backend, folder, &["new", "b"])?;
    assert_eq!(pairs(&*store, StoreIndex(1), ALL)?, [], "a new store is empty");
    assert_eq!(store.get(StoreIndex(2), b"k")?, Some(b"of b".to_vec()));
    put(&mut *store, StoreIndex(1), b"k", b"of new")?;
    drop(store);

    let store = open(backend, folder, &["b", "new", "a"])?;
    assert_eq!(store.get(StoreIndex(1), b"k")?, Some(b"of b".to_vec()));
    assert_eq!(store.get(StoreIndex(2), b"k")?, Some(b"of new".to_vec()));
    assert_eq!(store.get(StoreIndex(3), b"k")?, Some(b"of a".to_vec()), "left alone while it was not named");
    assert_eq!(store.get(META, b"k")?, Some(b"of meta".to_vec()));
    Ok(())
}

/// Clause: a persistent folder that is open cannot be opened again, and the error names it.
pub fn one_folder_is_open_only_once(backend: &dyn StateBackend, folder: &Path) -> Outcome {
    if !backend.is_persistent() {
        return Ok(());
    }
    let store = open(backend, folder, &["a"])?;
    match open(backend, folder, &["a"]) {
        Ok(_) => unreachable!("{} was opened twice", folder.display()),
        Err(error) => {
            assert_eq!(error.kind, StoreErrorKind::InUse, "{error}");
            assert!(error.message.contains(&folder.display().to_string()), "{error}");
        }
    }
    drop(store);
    open(backend, folder, &["a"]).map(|_| ())
}

/// Clause: any sequence of batches, reads and reopenings agrees with an ordered map. `choices` is random; each number
/// becomes one operation, so that shrinking the list simplifies the case.
pub fn agrees_with_an_ordered_map(backend: &dyn StateBackend, folder: &Path, choices: &[u32]) -> Outcome {
    let mut store = open(backend, folder, &["a", "b"])?;
    let mut batch = StoreBatch::default();
    let mut committed = Model::default();
    let mut with_batch = Model::default();
    for draw in choices.iter().copied().map(Draw) {
        let index = draw.store();
        match draw.operation() {
            0..=7 => {
                batch.put(index, draw.key(), draw.value());
                with_batch.entry(index).or_default().insert(draw.key(), draw.value());
            }
            8 | 9 => {
                batch.delete(index, draw.key());
                with_batch.entry(index).or_default().remove(&draw.key());
            }
            10 => {
                let (from, to) = (draw.key(), draw.other_key());
                batch.delete_range(index, from.clone(), to.clone());
                with_batch.entry(index).or_default().retain(|key, _| *key < from || *key >= to);
            }
            11 => {
                batch.clear(index);
                with_batch.remove(&index);
            }
            12 | 13 => {
                store.write(std::mem::take(&mut batch))?;
                committed.clone_from(&with_batch);
            }
            14 if backend.is_persistent() => {
                drop(store);
                store = open(backend, folder, &["a", "b"])?;
            }
            _ => reads_agree(&*store, &committed, draw)?,
        }
    }
    store.write(batch)?;
    for index in [META, A, B] {
        assert_eq!(pairs(&*store, index, ALL)?, model_pairs(&with_batch, index, ALL), "{index:?} at the end");
    }
    Ok(())
}

type Model = BTreeMap<StoreIndex, BTreeMap<Vec<u8>, Vec<u8>>>;

fn reads_agree(store: &dyn Store, model: &Model, draw: Draw) -> Outcome {
    let (index, key, from, to) = (draw.store(), draw.key(), draw.key(), draw.other_key());
    assert_eq!(store.get(index, &key)?.as_ref(), model.get(&index).and_then(|map| map.get(&key)), "{key:?}");
    let bounds = (draw.bound(2, &from), draw.bound(3, &to));
    let expected = model_pairs(model, index, bounds);
    assert_eq!(pairs(store, index, bounds)?, expected, "{bounds:?}");
    assert_eq!(pairs_reverse(store, index, bounds)?, reversed(expected), "{bounds:?}, descending");
    Ok(())
}

fn model_pairs(model: &Model, index: StoreIndex, (from, to): Bounds<'_>) -> Vec<Pair> {
    match model.get(&index) {
        Some(map) if !bounds_cross(from, to) => {
            map.range::<[u8], _>((from, to)).map(|(key, value)| (key.clone(), value.clone())).collect()
        }
        _ => Vec::new(),
    }
}

/// A random number, decoded into one operation. There are only a few keys, so that operations collide.
#[derive(Clone, Copy)]
struct Draw(u32);

impl Draw {
    const fn operation(self) -> u8 {
        self.0.to_le_bytes()[0] % 17
    }

    const fn store(self) -> StoreIndex {
        StoreIndex((self.0.to_le_bytes()[0] / 17 % 3) as u16)
    }

    fn key(self) -> Vec<u8> {
        key_of(self.0.to_le_bytes()[1])
    }

    fn other_key(self) -> Vec<u8> {
        key_of(self.0.to_le_bytes()[2])
    }

    fn value(self) -> Vec<u8> {
        vec![self.0.to_le_bytes()[3]; usize::from(self.0.to_le_bytes()[2] % 3)]
    }

    fn bound(self, byte: usize, key: &[u8]) -> Bound<&[u8]> {
        match self.0.to_le_bytes()[byte] % 5 {
            0 => Bound::Unbounded,
            1 | 2 => Bound::Included(key),
            _ => Bound::Excluded(key),
        }
    }
}

/// One of 85 keys: zero to three bytes, each out of four revealing values.
fn key_of(byte: u8) -> Vec<u8> {
    let letters = [0x00, 0x01, 0x7f, 0xff];
    let length = usize::from(byte >> 6);
    (0..length).map(|at| letters[usize::from(byte >> (2 * at) & 3)]).collect()
}

fn open(backend: &dyn StateBackend, folder: &Path, stores: &[&str]) -> Result<Box<dyn Store>, StoreError> {
    std::fs::create_dir_all(folder)
        .map_err(|error| StoreError::new(StoreErrorKind::Io, format!("{}: {error}", folder.display())))?;
    let stores: Vec<String> = stores.iter().copied().map(str::to_owned).collect();
    backend.open(folder, &stores)
}

fn put(store: &mut dyn Store, index: StoreIndex, key: &[u8], value: &[u8]) -> Outcome {
    let mut batch = StoreBatch::default();
    batch.put(index, key, value);
    store.write(batch)
}

fn delete(store: &mut dyn Store, index: StoreIndex, key: &[u8]) -> Outcome {
    let mut batch = StoreBatch::default();
    batch.delete(index, key);
    store.write(batch)
}

fn pair(key: &[u8], value: &[u8]) -> Pair {
    (key.to_vec(), value.to_vec())
}

fn pairs(store: &dyn Store, index: StoreIndex, (from, to): Bounds<'_>) -> Result<Vec<Pair>, StoreError> {
    collect(store.range(index, from, to))
}

fn collect(pairs: StorePairs<'_>) -> Result<Vec<Pair>, StoreError> {
    pairs.map(|pair| pair.map(|(key, value)| (key.into_vec(), value.into_vec()))).collect()
}

fn pairs_reverse(store: &dyn Store, index: StoreIndex, (from, to): Bounds<'_>) -> Result<Vec<Pair>, StoreError> {
    collect(store.range_reverse(index, from, to))
}

fn reversed(mut pairs: Vec<Pair>) -> Vec<Pair> {
    pairs.reverse();
    pairs
}
