//! What a cache writes and holds: how many changelog records a working set costs, beside an ideal cache that drops the
//! rows that were not used for longest, and how far rows that grow can get out of the budget.

use std::collections::BTreeMap;

use super::testing::{Chain, Num, Setup, at};
use super::{Recipe, StoreId, stream_aggregate};
use crate::record::Change;
use crate::wire::{List, Value};

/// What a count by number takes in the cache.
const ROW_BYTES: usize = 88;
const ROWS: i64 = 2_000;

fn counts() -> Recipe {
    stream_aggregate::recipe::<Num, Num, Num>(StoreId(0), |_, _, count: Option<Num>| {
        Some(Num(count.map_or(0, |count| count.0) + 1))
    })
}

/// How many rows an ideal cache of so many rows writes: one whenever it drops one, and all it has in the end.
fn ideal_writes(keys: &[i64], capacity: usize) -> usize {
    let (mut last_used, mut by_age) = (BTreeMap::new(), BTreeMap::new());
    let mut writes = 0;
    for (now, key) in keys.iter().enumerate() {
        if let Some(before) = last_used.insert(*key, now) {
            by_age.remove(&before);
        }
        by_age.insert(now, *key);
        if by_age.len() > capacity
            && let Some((_, oldest)) = by_age.pop_first()
        {
            last_used.remove(&oldest);
            writes += 1;
        }
    }
    writes + by_age.len()
}

fn writes(keys: &[i64], cache_bytes: usize) -> usize {
    let mut chain: Chain<Num, Num, Num, Change<Num>> =
        Chain::with(Setup { cache_bytes, ..Setup::default() }, &counts());
    for key in keys {
        chain.send(at(1, Num(*key), Num(1)));
        assert!(chain.cached_bytes() <= cache_bytes);
    }
    chain.flush();
    chain.logged(0).len()
}

/// Keys that are met alike, and keys of which few are met often.
fn streams_of_keys() -> [(&'static str, Vec<i64>); 2] {
    let mut state = 42_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1_u32 << 31)
    };
    let alike = (0..40_000).map(|_| (random() * ROWS as f64) as i64).collect();
    let skewed = (0..40_000).map(|_| (random().powi(3) * ROWS as f64) as i64).collect();
    [("alike", alike), ("skewed", skewed)]
}

/// Everything was flushed whenever the cache was full, again and again.
#[test]
fn a_working_set_costs_hardly_more_records_than_with_an_ideal_cache() {
    for (name, keys) in streams_of_keys() {
        for percent in [50, 100, 150] {
            // A working set of so many percent of the budget.
            let capacity = usize::try_from(ROWS).unwrap() * 100 / percent;
            let (ideal, real) = (ideal_writes(&keys, capacity), writes(&keys, capacity * ROW_BYTES));
            assert!(real * 10 <= ideal * 11, "{name}, {percent} %: {real} records, an ideal cache writes {ideal}");
        }
    }
}

/// A row's size was looked at when it was loaded or flushed, so one that grew was never too large.
#[test]
fn rows_that_grow_stay_within_the_budget() {
    let lists =
        stream_aggregate::recipe::<Num, Num, List<i64>>(StoreId(0), |_, value: Num, list: Option<List<i64>>| {
            let mut list = list.unwrap_or_default();
            list.0.push(value.0);
            Some(list)
        });
    let cache_bytes = 100_000;
    let setup = Setup { cache_bytes, ..Setup::default() };
    let mut chain: Chain<Num, Num, Num, Change<List<i64>>> = Chain::with(setup, &lists);
    let mut pushed = BTreeMap::<i64, List<i64>>::new();
    for number in 0..60_000 {
        let key = number % 50;
        chain.send(at(1, Num(key), Num(number)));
        pushed.entry(key).or_default().0.push(number);
        // Whatever was not written since it was changed is in the cache.
        if number % 5_000 == 4_999 {
            let stored: BTreeMap<_, _> = chain.stored(0).into_iter().collect();
            let bytes_of = |list: &List<i64>| {
                let mut bytes = Vec::new();
                list.encode(&mut bytes).unwrap();
                bytes
            };
            let unwritten = pushed.iter().map(|(key, list)| {
                let bytes = bytes_of(list);
                let row = stored.get(&key.to_be_bytes()[..]);
                if row.is_some_and(|row| row[8..] == bytes) { 0 } else { bytes.len() }
            });
            let unwritten: usize = unwritten.sum();
            assert!(unwritten <= cache_bytes * 3 / 2, "{unwritten} bytes in a cache of {cache_bytes}");
        }
    }
    let total: usize = pushed.values().map(|list| list.0.len() * 8).sum();
    assert!(total > 4 * cache_bytes, "{total} bytes would not fit");
}
