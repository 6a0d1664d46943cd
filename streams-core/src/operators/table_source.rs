//! `table`: turns a topic's records into rows.

use std::sync::Arc;

use super::stored_table::StoredTable;
use super::{BuiltNode, Context, DropReason, Next, OperatorError, Outputs, Recipe, StoreId};
use crate::record::{Change, Record};
use crate::wire::{Nullable, NullableKey};

/// Takes `Record<K, V>`, forwards `Change<V>` by key.
///
/// Records with a null key are dropped and counted; a null value deletes the row. Every record is forwarded, even if
/// it changes nothing (in Java, emit-on-change of KIP-557 is not active here either). A key's last record wins,
/// whatever its timestamp. Without a store, changes carry no old row. `changelog` is `false` for a table that is
/// restored from its source topic.
#[must_use]
pub(crate) fn recipe<K: NullableKey, V: Nullable>(store: Option<StoreId>, changelog: bool) -> Recipe {
    let recipe = Recipe::new(move |builder| match store {
        Some(store) => {
            let table = StoredTable::<K::Inner, V::Inner>::new(builder, store)?;
            let table = if changelog { table } else { table.without_changelog() };
            Ok(BuiltNode::link::<K, V>(Stored { table }))
        }
        None => {
            let (node, outputs) = (Arc::clone(builder.name()), builder.outputs::<K::Inner, Change<V::Inner>>()?);
            Ok(BuiltNode::link::<K, V>(Passing { node, outputs }))
        }
    });
    recipe.of_store_if_any::<K::Inner, V::Inner>(store)
}

/// A table with a store.
struct Stored<K: NullableKey, V: Nullable> {
    table: StoredTable<K::Inner, V::Inner>,
}

impl<K: NullableKey, V: Nullable> Next<K, V> for Stored<K, V> {
    #[inline]
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        match row(record) {
            Some(row) => self.table.set(context, row),
            None => {
                context.drop_record(&self.table.node, DropReason::NullKey);
                Ok(())
            }
        }
    }
}

/// A table without a store.
struct Passing<K: NullableKey, V: Nullable> {
    node: Arc<str>,
    outputs: Outputs<K::Inner, Change<V::Inner>>,
}

impl<K: NullableKey, V: Nullable> Next<K, V> for Passing<K, V> {
    #[inline]
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        match row(record) {
            Some(Record { key, value: new, timestamp, headers }) => {
                self.outputs.forward(context, Record { key, value: Change::latest(None, new), timestamp, headers })
            }
            None => {
                context.drop_record(&self.node, DropReason::NullKey);
                Ok(())
            }
        }
    }
}

fn row<K: NullableKey, V: Nullable>(record: Record<K, V>) -> Option<Record<K::Inner, Option<V::Inner>>> {
    let Record { key, value, timestamp, headers } = record;
    Some(Record { key: key.into_option()?, value: value.into_option(), timestamp, headers })
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::{Chain, Num, Setup, Word, at};
    use crate::operators::{DropReason, StoreId};
    use crate::record::{Change, Record};

    type Table = Chain<Option<Word>, Option<Num>, Word, Change<Num>>;

    fn table(cache_bytes: usize, store: Option<u32>, changelog: bool) -> Table {
        let recipe = super::recipe::<Option<Word>, Option<Num>>(store.map(StoreId), changelog);
        Chain::with(Setup { cache_bytes, old_values: store.is_some(), ..Setup::default() }, &recipe)
    }

    fn put(timestamp: i64, key: &str, value: i64) -> Record<Option<Word>, Option<Num>> {
        at(timestamp, Some(key.into()), Some(Num(value)))
    }

    fn delete(timestamp: i64, key: &str) -> Record<Option<Word>, Option<Num>> {
        at(timestamp, Some(key.into()), None)
    }

    fn change(timestamp: i64, key: &str, old: Option<i64>, new: Option<i64>) -> Record<Word, Change<Num>> {
        at(timestamp, key.into(), Change::latest(old.map(Num), new.map(Num)))
    }

    fn timeline() -> Vec<Record<Option<Word>, Option<Num>>> {
        vec![put(10, "a", 1), put(5, "a", 2), put(5, "a", 2), delete(7, "a"), delete(8, "a"), at(9, None, Some(Num(1)))]
    }

    #[test]
    fn every_record_is_a_change_and_the_last_wins_whatever_its_time() {
        let mut table = table(0, Some(0), true);
        timeline().into_iter().for_each(|record| table.send(record));
        let expected = [
            change(10, "a", None, Some(1)),
            change(5, "a", Some(1), Some(2)),
            change(5, "a", Some(2), Some(2)),
            change(7, "a", Some(2), None),
            change(8, "a", None, None),
        ];
        assert_eq!(table.received(), expected);
        let logged: Vec<_> = table.logged(0).into_iter().map(|(_, value, time)| (value.is_some(), time)).collect();
        assert_eq!(logged, [(true, 10), (true, 5), (true, 5), (false, 7), (false, 8)]);
        assert_eq!(table.stored(0), []);
        assert_eq!(table.context.dropped(DropReason::NullKey), 1);
    }

    #[test]
    fn with_a_cache_the_rows_of_a_flush_are_compared_with_those_of_the_flush_before() {
        let mut table = table(1 << 20, Some(0), true);
        timeline().into_iter().for_each(|record| table.send(record));
        table.flush();
        assert_eq!(table.received(), [], "it came and went");
        for record in [put(1, "a", 1), put(2, "b", 2)] {
            table.send(record);
        }
        table.commit();
        for record in [delete(3, "b"), put(4, "a", 3), put(5, "a", 4), delete(6, "c")] {
            table.send(record);
        }
        table.flush();
        let expected = [
            change(1, "a", None, Some(1)),
            change(2, "b", None, Some(2)),
            change(3, "b", Some(2), None),
            change(5, "a", Some(1), Some(4)),
        ];
        assert_eq!(table.received(), expected);
    }

    #[test]
    fn after_a_restart_old_rows_are_looked_up_in_the_store() {
        let recipe = super::recipe::<Option<Word>, Option<Num>>(Some(StoreId(0)), true);
        let mut table = table(1 << 20, Some(0), true);
        table.send(put(1, "a", 1));
        table.send(put(1, "b", 1));
        table.commit();
        let mut table: Table = table.restarted(&recipe);
        table.send(delete(2, "b"));
        table.send(put(3, "a", 2));
        table.send(delete(4, "c"));
        table.flush();
        assert_eq!(table.received(), [change(2, "b", Some(1), None), change(3, "a", Some(1), Some(2))]);
    }

    #[test]
    fn without_a_store_everything_passes_and_old_rows_are_unknown() {
        for cache_bytes in [0, 1 << 20] {
            let mut table = table(cache_bytes, None, true);
            timeline().into_iter().for_each(|record| table.send(record));
            let expected = [
                change(10, "a", None, Some(1)),
                change(5, "a", None, Some(2)),
                change(5, "a", None, Some(2)),
                change(7, "a", None, None),
                change(8, "a", None, None),
            ];
            assert_eq!(table.received(), expected);
            assert_eq!(table.context.dropped(DropReason::NullKey), 1);
        }
    }

    #[test]
    fn a_table_that_is_restored_from_its_topic_writes_no_changelog() {
        for cache_bytes in [0, 1 << 20] {
            let mut table = table(cache_bytes, Some(0), false);
            table.send(put(1, "a", 1));
            table.flush();
            assert_eq!((table.logged(0), table.stored(0).len()), (vec![], 1));
        }
    }
}
