//! `count`, `reduce` and `aggregate` of a grouped stream without windows: one row per key.

use std::sync::Arc;

use super::presence::{Count, counting};
use super::stored_table::StoredTable;
use super::{BuiltNode, Context, DropReason, Next, OperatorError, Recipe, StoreId};
use crate::record::Record;
use crate::wire::encoded_key::AsKey;
use crate::wire::{Key, Nullable, NullableKey, Value};

/// Takes `Record<K, V>`, forwards `Change<A>` by key.
///
/// Records with a null key or value are dropped and counted. `update` gets the row or `None` and returns the new row.
/// If it returns `None`, the row is deleted and a tombstone forwarded; the key's next record starts over. A row's
/// timestamp is the largest of the records aggregated in it.
pub(crate) fn recipe<K, V, A>(
    store: StoreId,
    update: impl Fn(&K::Inner, V::Inner, Option<A>) -> Option<A> + Send + Sync + 'static,
) -> Recipe
where
    K: NullableKey,
    V: Nullable,
    A: Value,
{
    let update = Arc::new(update);
    Recipe::new(move |builder| {
        let aggregate = StreamAggregate { update: Arc::clone(&update), table: StoredTable::new(builder, store)? };
        Ok(BuiltNode::link::<K, V>(aggregate))
    })
    .of_store::<K::Inner, A>(store)
}

/// As [`recipe`], for a count, which never reads the values.
pub(crate) fn counting_recipe<K: NullableKey, V: Nullable>(store: StoreId) -> Recipe {
    Recipe::new(move |builder| Ok(counting::<K, V>(StoredTable::<K::Inner, i64>::new(builder, store)?)))
        .of_store::<K::Inner, i64>(store)
}

struct StreamAggregate<K: NullableKey, A: Value, F> {
    update: Arc<F>,
    table: StoredTable<K::Inner, A>,
}

impl<K, V, A, F> Next<K, V> for StreamAggregate<K, A, F>
where
    K: NullableKey,
    V: Nullable,
    A: Value,
    F: Fn(&K::Inner, V::Inner, Option<A>) -> Option<A>,
{
    #[inline]
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        let record = Record { key: key.into_option(), value: value.into_option(), timestamp, headers };
        take(&self.table, context, record, &*self.update)
    }
}

impl<K: Key> Count<K> for StoredTable<K, i64> {
    #[inline]
    fn count<Q: AsKey<K>>(
        &mut self,
        context: &mut Context,
        record: Record<Option<Q>, Option<()>>,
    ) -> Result<(), OperatorError> {
        take(self, context, record, |_, (), count| Some(count.unwrap_or(0) + 1))
    }
}

/// Takes a record into its key's row.
#[inline]
fn take<K: Key, Q: AsKey<K>, V, A: Value>(
    table: &StoredTable<K, A>,
    context: &mut Context,
    record: Record<Option<Q>, Option<V>>,
    update: impl FnOnce(&Q, V, Option<A>) -> Option<A>,
) -> Result<(), OperatorError> {
    let Record { key, value, timestamp, headers } = record;
    let Some(key) = key else {
        context.drop_record(&table.node, DropReason::NullKey);
        return Ok(());
    };
    let Some(value) = value else {
        context.drop_record(&table.node, DropReason::NullValue);
        return Ok(());
    };
    table.update(context, key, timestamp, headers, |key, row| match row {
        Some((aggregate, time)) => (update(key, value, Some(aggregate)), time.max(timestamp)),
        None => (update(key, value, None), timestamp),
    })
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::{Chain, Num, Setup, Word, at, headers};
    use crate::operators::{DropReason, Recipe, StoreId};
    use crate::record::{Change, Record};

    type Sums = Chain<Option<Word>, Option<Num>, Word, Change<Num>>;

    /// Adds values up; a negative value deletes the row.
    fn sums() -> Recipe {
        super::recipe::<Option<Word>, Option<Num>, Num>(StoreId(0), |_, value, sum: Option<Num>| {
            (value.0 >= 0).then(|| Num(sum.map_or(0, |sum| sum.0) + value.0))
        })
    }

    fn chain(cache_bytes: usize, old_values: bool) -> Sums {
        Chain::with(Setup { cache_bytes, old_values, ..Setup::default() }, &sums())
    }

    fn input(timestamp: i64, key: &str, value: i64) -> Record<Option<Word>, Option<Num>> {
        at(timestamp, Some(key.into()), Some(Num(value)))
    }

    fn output(timestamp: i64, key: &str, old: Option<i64>, new: Option<i64>) -> Record<Word, Change<Num>> {
        at(timestamp, key.into(), Change::latest(old.map(Num), new.map(Num)))
    }

    fn logged(key: &str, value: Option<i64>, timestamp: i64) -> (Vec<u8>, Option<Vec<u8>>, i64) {
        (key.into(), value.map(|value| value.to_be_bytes().to_vec()), timestamp)
    }

    fn stored(key: &str, timestamp: i64, value: i64) -> (Vec<u8>, Vec<u8>) {
        (key.into(), [timestamp.to_be_bytes(), value.to_be_bytes()].concat())
    }

    #[test]
    fn without_a_cache_every_record_is_stored_logged_and_forwarded() {
        let mut chain = chain(0, true);
        for record in [input(10, "a", 1), input(30, "a", 2), input(20, "a", 4), input(5, "b", 7)] {
            chain.send(record);
        }
        let expected = [
            output(10, "a", None, Some(1)),
            output(30, "a", Some(1), Some(3)),
            output(30, "a", Some(3), Some(7)),
            output(5, "b", None, Some(7)),
        ];
        assert_eq!(chain.received(), expected);
        let expected =
            [logged("a", Some(1), 10), logged("a", Some(3), 30), logged("a", Some(7), 30), logged("b", Some(7), 5)];
        assert_eq!(chain.logged(0), expected);
        assert_eq!(chain.stored(0), [stored("a", 30, 7), stored("b", 5, 7)]);
    }

    #[test]
    fn with_a_cache_each_changed_row_is_stored_logged_and_forwarded_once_per_flush() {
        let mut chain = chain(1 << 20, true);
        for record in [input(10, "b", 1), input(30, "a", 2), input(20, "a", 4), input(5, "b", 7)] {
            chain.send(record);
        }
        assert_eq!((chain.received(), chain.logged(0), chain.stored(0)), (vec![], vec![], vec![]));
        chain.flush();
        assert_eq!(
            chain.received(),
            [output(30, "a", None, Some(6)), output(10, "b", None, Some(8))],
            "by last change"
        );
        assert_eq!(chain.logged(0), [logged("a", Some(6), 30), logged("b", Some(8), 10)]);
        assert_eq!(chain.stored(0), [stored("a", 30, 6), stored("b", 10, 8)]);

        chain.send(input(40, "a", 1));
        chain.send(input(50, "a", 1));
        chain.flush();
        assert_eq!(chain.received(), [output(50, "a", Some(6), Some(8))], "old is what was forwarded last");
        chain.flush();
        assert_eq!(chain.received(), [], "nothing changed");
    }

    #[test]
    fn old_values_are_sent_only_if_somebody_needs_them() {
        for cache_bytes in [0, 1 << 20] {
            let mut chain = chain(cache_bytes, false);
            chain.send(input(1, "a", 1));
            chain.flush();
            chain.send(input(2, "a", 1));
            chain.flush();
            assert_eq!(chain.received(), [output(1, "a", None, Some(1)), output(2, "a", None, Some(2))]);
        }
    }

    #[test]
    fn records_without_key_or_value_are_dropped_and_counted() {
        for cache_bytes in [0, 1 << 20] {
            let mut chain = chain(cache_bytes, false);
            chain.send(at(1, None, Some(Num(1))));
            chain.send(at(2, Some("a".into()), None));
            chain.send(at(3, None, None));
            chain.flush();
            assert_eq!((chain.received(), chain.logged(0)), (vec![], vec![]));
            assert_eq!(chain.context.dropped(DropReason::NullKey), 2);
            assert_eq!(chain.context.dropped(DropReason::NullValue), 1);
        }
    }

    #[test]
    fn a_deleted_row_forwards_a_tombstone_and_begins_anew() {
        let mut chain = chain(0, true);
        for record in [input(30, "a", 5), input(20, "a", -1), input(10, "a", 3)] {
            chain.send(record);
        }
        let expected = [output(30, "a", None, Some(5)), output(30, "a", Some(5), None), output(10, "a", None, Some(3))];
        assert_eq!(chain.received(), expected, "the tombstone has the larger time, the new row its own");
        assert_eq!(chain.logged(0), [logged("a", Some(5), 30), logged("a", None, 20), logged("a", Some(3), 10)]);
        chain.send(input(40, "z", -1));
        assert_eq!(chain.received(), [output(40, "z", None, None)], "an idempotent tombstone");
        assert_eq!(chain.logged(0), [logged("z", None, 40)]);
    }

    #[test]
    fn with_a_cache_a_row_that_comes_and_goes_between_flushes_is_never_seen() {
        let mut chain = chain(1 << 20, true);
        for record in [input(1, "a", 5), input(2, "a", -1), input(3, "z", -1), input(4, "b", 1)] {
            chain.send(record);
        }
        chain.flush();
        assert_eq!(chain.received(), [output(4, "b", None, Some(1))]);
        assert_eq!(chain.logged(0), [logged("b", Some(1), 4)]);

        for record in [input(5, "b", -1), input(6, "a", 1), input(3, "b", 2)] {
            chain.send(record);
        }
        chain.flush();
        let expected = [output(6, "a", None, Some(1)), output(3, "b", Some(1), Some(2))];
        assert_eq!(chain.received(), expected, "deleted and added again: one change");

        chain.send(input(7, "b", -1));
        chain.flush();
        assert_eq!(chain.received(), [output(7, "b", Some(2), None)], "a tombstone's time is its record's");
        assert_eq!(chain.logged(0)[2], logged("b", None, 7));
        assert_eq!(chain.stored(0), [stored("a", 6, 1)]);
    }

    #[test]
    fn headers_are_the_last_records() {
        for cache_bytes in [0, 1 << 20] {
            let mut chain = chain(cache_bytes, false);
            for (time, value) in [(1, "x"), (2, "y")] {
                let mut record = input(time, "a", 1);
                record.headers = headers("trace", value);
                chain.send(record);
            }
            chain.flush();
            assert_eq!(chain.received().pop().map(|record| record.headers), Some(headers("trace", "y")));
        }
    }

    #[test]
    fn a_restarted_task_goes_on_from_what_was_committed() {
        for cache_bytes in [0, 1 << 20] {
            let mut chain = chain(cache_bytes, true);
            chain.send(input(10, "a", 5));
            chain.commit();
            let mut chain: Sums = chain.restarted(&sums());
            chain.send(input(5, "a", 1));
            chain.flush();
            assert_eq!(chain.received(), [output(10, "a", Some(5), Some(6))]);
        }
    }

    #[test]
    fn a_cache_that_is_too_small_for_its_rows_still_counts_right() {
        let mut chain = chain(500, true);
        let mut last = std::collections::BTreeMap::new();
        for round in 0..5 {
            for key in 0..20 {
                chain.send(input(round, &format!("key-{key}"), key));
                assert!(chain.cached_bytes() <= 500, "room is made after each record");
            }
        }
        chain.flush();
        for record in chain.received() {
            let Change { old, new, .. } = record.value;
            assert_eq!(last.insert(record.key.clone(), new), old.map(Some), "old is what {:?} was", record.key);
        }
        for key in 0..20 {
            assert_eq!(last[&Word(format!("key-{key}"))], Some(Num(5 * key)));
        }
    }

    #[test]
    fn a_stored_row_that_cannot_be_read_is_an_error_that_names_the_store() {
        let words = super::recipe::<Word, Word, Word>(StoreId(0), |_, value, _| Some(value));
        let mut chain: Chain<Word, Word, Word, Change<Word>> = Chain::with(Setup::default(), &words);
        chain.send(at(1, "a".into(), "not a number".into()));
        chain.commit();
        let numbers = super::recipe::<Word, Num, Num>(StoreId(0), |_, value, _| Some(value));
        let mut chain = chain.retyped::<Word, Num, Word, Change<Num>>(&numbers);
        let error = chain.try_send(at(1, "a".into(), Num(1))).unwrap_err().to_string();
        assert!(error.contains("NODE: store store holds a row that cannot be read"), "{error}");
    }

    #[test]
    fn a_value_that_cannot_be_encoded_is_an_error_that_names_the_node() {
        let words = super::recipe::<Word, Word, Word>(StoreId(0), |_, value, _| Some(value));
        let mut chain: Chain<Word, Word, Word, Change<Word>> = Chain::with(Setup::default(), &words);
        let error = chain.try_send(at(1, "a".into(), "unencodable".into())).unwrap_err().to_string();
        assert!(error.starts_with("NODE: cannot encode"), "{error}");
    }
}
