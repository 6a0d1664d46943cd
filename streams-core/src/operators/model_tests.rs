//! Tests tables against a map as their model: whatever the cache does and whenever it is flushed, the store, a store
//! restored from the changelog, and the forwarded changes all agree with the map.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::testing::{Chain, Logged, Num, Setup, Word, at};
use super::{DropReason, Emission, StoreId, stream_aggregate, table_source, window_aggregate};
use crate::record::{Change, Record, Timestamp};
use crate::state::kinds::{ChangelogRecord, StoreKind, Table, Windows};
use crate::state::window_key;
use crate::windows::{Hopping, WindowSize, Windowed};

#[derive(Debug, Clone)]
enum Step {
    /// Key, timestamp, value; `None` deletes.
    Record(i64, i64, Option<i64>),
    Flush,
    Commit,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let record = (0_i64..6, 0_i64..100, prop::option::weighted(0.7, 0_i64..10));
    let step = prop_oneof![
        8 => record.prop_map(|(key, timestamp, value)| Step::Record(key, timestamp, value)),
        1 => Just(Step::Flush),
        1 => Just(Step::Commit),
    ];
    prop::collection::vec(step, 0..80)
}

/// A cache that is off, one that is too small for two rows, and one that holds everything.
fn cache_bytes() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0), Just(300), Just(1 << 20)]
}

type ModelRows<K> = BTreeMap<K, (i64, i64)>;

fn bytes(rows: &ModelRows<i64>) -> Vec<(Vec<u8>, Vec<u8>)> {
    rows.iter().map(|(key, (value, time))| (key.to_be_bytes().to_vec(), row_bytes(*time, *value))).collect()
}

fn row_bytes(time: i64, value: i64) -> Vec<u8> {
    [time.to_be_bytes(), value.to_be_bytes()].concat()
}

fn restored(kind: &dyn StoreKind, logged: Vec<Logged>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = BTreeMap::new();
    for (key, value, timestamp) in logged {
        let record = ChangelogRecord { key: &key, value: value.as_deref(), timestamp: Timestamp(timestamp) };
        match kind.to_store(record).expect("our own changelog") {
            (key, Some(row)) => rows.insert(key, row),
            (key, None) => rows.remove(&key),
        };
    }
    rows.into_iter().collect()
}

/// Applies changes and checks that each one's old value is the previous new value of its key.
fn follow<K: Ord + Clone + std::fmt::Debug>(
    seen: &mut ModelRows<K>,
    changes: Vec<Record<K, Change<Num>>>,
) -> Result<(), TestCaseError> {
    for Record { key, value: Change { old, new, .. }, timestamp, .. } in changes {
        prop_assert_eq!(old.map(|old| old.0), seen.get(&key).map(|(value, _)| *value), "old of {:?}", &key);
        match new {
            Some(new) => seen.insert(key, (new.0, timestamp.0)),
            None => seen.remove(&key),
        };
    }
    Ok(())
}

fn run<V>(
    mut chain: Chain<Num, V, Num, Change<Num>>,
    steps: Vec<Step>,
    value: impl Fn(Option<i64>) -> V,
    mut model: impl FnMut(&mut ModelRows<i64>, i64, i64, Option<i64>),
) -> Result<(), TestCaseError>
where
    V: 'static,
{
    let mut rows = ModelRows::new();
    let mut seen = ModelRows::new();
    for step in steps {
        match step {
            Step::Record(key, timestamp, changed) => {
                chain.send(at(timestamp, Num(key), value(changed)));
                model(&mut rows, key, timestamp, changed);
            }
            Step::Flush => chain.flush(),
            Step::Commit => chain.commit(),
        }
        follow(&mut seen, chain.received())?;
    }
    chain.flush();
    follow(&mut seen, chain.received())?;
    prop_assert_eq!(seen.into_iter().map(|(key, row)| (key.0, row)).collect::<ModelRows<_>>(), rows.clone());
    prop_assert_eq!(chain.stored(0), bytes(&rows));
    prop_assert_eq!(restored(&Table, chain.logged(0)), bytes(&rows));
    Ok(())
}

proptest! {
    #[test]
    fn an_aggregation_is_what_a_map_would_be(steps in steps(), cache_bytes in cache_bytes()) {
        let sum = stream_aggregate::recipe::<Num, Num, Num>(StoreId(0), |_, value: Num, sum: Option<Num>| {
            (value.0 >= 0).then(|| Num(sum.map_or(0, |sum| sum.0) + value.0))
        });
        let chain = Chain::with(Setup { cache_bytes, old_values: true, ..Setup::default() }, &sum);
        run(chain, steps, |value| Num(value.unwrap_or(-1)), |rows, key, timestamp, value| {
            match value {
                Some(value) => {
                    let (sum, time) = rows.get(&key).copied().unwrap_or((0, timestamp));
                    rows.insert(key, (sum + value, time.max(timestamp)));
                }
                None => {
                    rows.remove(&key);
                }
            }
        })?;
    }

    #[test]
    fn a_table_is_what_a_map_would_be(steps in steps(), cache_bytes in cache_bytes()) {
        let table = table_source::recipe::<Num, Option<Num>>(Some(StoreId(0)), true);
        let chain = Chain::with(Setup { cache_bytes, old_values: true, ..Setup::default() }, &table);
        run(chain, steps, |value| value.map(Num), |rows, key, timestamp, value| {
            match value {
                Some(value) => rows.insert(key, (value, timestamp)),
                None => rows.remove(&key),
            };
        })?;
    }

    #[test]
    fn a_windowed_aggregation_is_what_a_map_would_be(
        steps in steps(),
        cache_bytes in cache_bytes(),
        advance in 1_i64..12,
        overlap in 0_i64..20,
        grace in 0_i64..30,
        extra_retention in 0_i64..100,
    ) {
        let ms = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap());
        let size = advance + overlap;
        let windows = Hopping::of(ms(size)).advance_by(ms(advance)).grace(ms(grace));
        let retention = size + grace + extra_retention;
        let sum = window_aggregate::recipe::<Num, Num, Num>(StoreId(0), windows, Emission::OnUpdate, |_, value, sum| {
            let value: Num = value?;
            (value.0 >= 0).then(|| Num(sum.map_or(0, |sum: Num| sum.0) + value.0))
        });
        let setup = Setup { cache_bytes, old_values: true, ..Setup::default() }.windowed(windows, ms(retention));
        let mut chain: Chain<Num, Num, Windowed<Num>, Change<Num>> = Chain::with(setup, &sum);
        let mut rows: ModelRows<(i64, i64)> = ModelRows::new();
        let mut seen = ModelRows::new();
        let (mut stream_time, mut newest, mut late) = (-1, i64::MIN, 0);
        for step in steps {
            match step {
                Step::Record(key, timestamp, value) => {
                    chain.send(at(timestamp, Num(key), Num(value.unwrap_or(-1))));
                    stream_time = stream_time.max(timestamp);
                    for start in (0..=timestamp).filter(|start| start % advance == 0 && timestamp < start + size) {
                        if start + size <= stream_time - grace {
                            late += 1;
                            continue;
                        }
                        newest = newest.max(start);
                        match value {
                            Some(value) => {
                                let (sum, time) = rows.get(&(start, key)).copied().unwrap_or((0, timestamp));
                                rows.insert((start, key), (sum + value, time.max(timestamp)));
                            }
                            None => {
                                rows.remove(&(start, key));
                            }
                        }
                    }
                }
                Step::Flush => chain.flush(),
                Step::Commit => chain.commit(),
            }
            follow(&mut seen, chain.received())?;
        }
        chain.flush();
        follow(&mut seen, chain.received())?;
        let seen: ModelRows<_> = seen.into_iter().map(|(key, row)| ((key.window.start.0, key.key.0), row)).collect();
        prop_assert_eq!(&seen, &rows);
        prop_assert_eq!(chain.context.dropped(DropReason::Late), late);

        let key_bytes = |(start, key): (i64, i64)| {
            let mut bytes = Vec::new();
            window_key::write_start(Timestamp(start), &mut bytes);
            bytes.extend_from_slice(&key.to_be_bytes());
            bytes
        };
        let all: BTreeMap<_, _> = rows.iter().map(|(key, (sum, time))| (key_bytes(*key), row_bytes(*time, *sum))).collect();
        let stored: BTreeMap<_, _> = chain.stored(0).into_iter().collect();
        for (key, row) in &stored {
            prop_assert_eq!(Some(row), all.get(key), "what is stored is right");
        }
        for (key, row) in all.iter().filter(|_| newest > i64::MIN) {
            let (start, _) = window_key::split(key).expect("a window's key");
            if start.0 > newest - retention {
                prop_assert_eq!(Some(row), stored.get(key), "what is not over is stored");
            }
            if start.0 < newest - retention - retention / 16 {
                prop_assert_eq!(None, stored.get(key), "what is long over is not");
            }
        }
        prop_assert_eq!(restored(&Windows { size: WindowSize::Millis(0), retention: Duration::ZERO }, chain.logged(0)), all.into_iter().collect::<Vec<_>>());
    }
}

/// `Word` keys take the same path as numbers. This checks that a key's hash is not its identity.
#[test]
fn many_keys_in_a_small_cache_do_not_mix_up() {
    let last = stream_aggregate::recipe::<Word, Word, Word>(StoreId(0), |_, value, _| Some(value));
    let setup = Setup { cache_bytes: 2_000, old_values: true, ..Setup::default() };
    let mut chain: Chain<Word, Word, Word, Change<Word>> = Chain::with(setup, &last);
    for round in 0..20 {
        for key in 0..200 {
            let key = Word(format!("{}", key * 7 % 200));
            let value = Word(format!("{}-{round}", key.0));
            chain.send(at(round, key, value));
        }
        if round % 3 == 0 {
            chain.commit();
        }
    }
    chain.flush();
    for (key, row) in chain.stored(0) {
        assert_eq!(&row[8..], [&key[..], b"-19"].concat());
    }
    assert_eq!(chain.stored(0).len(), 200);
}
