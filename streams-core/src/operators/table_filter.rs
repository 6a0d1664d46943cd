//! `filter` and `filter_not` of a table: the result has only the rows that satisfy the predicate, or only those that
//! do not.

use std::sync::Arc;

use super::stored_table::StoredTable;
use super::{BuiltNode, Context, Next, OperatorError, Outputs, Placed, Recipe, TableView, TableViewRecipe};
use crate::record::{Change, Record, Timestamp};
use crate::state::rows::Row;
use crate::wire::{Key, Value};

/// Takes and forwards `Change<V>` by key; rows that fail the predicate become deletions.
///
/// If old rows are known, nothing is forwarded when neither the old nor the new row is in the result. If they are
/// not, a row outside the result is forwarded as a deletion each time it changes. So are those of a table with versions:
/// the versions of the row may be in the result at other times.
pub(crate) fn recipe<K: Key, V: Value>(
    keep: bool,
    predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
    placed: impl Into<Placed>,
) -> Recipe {
    let (filter, placed) = (RowFilter { keep, predicate: Arc::new(predicate) }, placed.into());
    let recipe = Recipe::new(move |builder| {
        let (filter, sends_old) = (filter.clone(), builder.sends_old_values());
        let leaves_out = sends_old && !placed.takes_versions;
        Ok(match placed.store {
            Some(store) => {
                let table = StoredTable::new(builder, store)?;
                BuiltNode::link::<K, Change<V>>(Stored { filter, leaves_out, table })
            }
            None => {
                let outputs = builder.outputs()?;
                BuiltNode::link::<K, Change<V>>(Passing { filter, placed, sends_old, leaves_out, outputs })
            }
        })
    });
    recipe.of_store_if_any::<K, V>(placed.store)
}

/// The rows of a filtered table without a store: its parent's rows, filtered on lookup.
pub(crate) fn view<K: Key, V: Value>(
    parent: TableViewRecipe<K, V>,
    keep: bool,
    predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
) -> TableViewRecipe<K, V> {
    let filter = RowFilter { keep, predicate: Arc::new(predicate) };
    TableViewRecipe::new(move |builder| {
        Ok(Box::new(FilteredView { parent: parent.make(builder)?, filter: filter.clone() }))
    })
}

struct RowFilter<F> {
    keep: bool,
    predicate: Arc<F>,
}

impl<F> Clone for RowFilter<F> {
    fn clone(&self) -> Self {
        Self { keep: self.keep, predicate: Arc::clone(&self.predicate) }
    }
}

impl<F> RowFilter<F> {
    fn apply<K, V>(&self, key: &K, row: Option<V>) -> Option<V>
    where
        F: Fn(&K, &V) -> bool,
    {
        row.filter(|row| (self.predicate)(key, row) == self.keep)
    }

    fn row<K, V>(&self, key: &K, row: Option<Row<V>>) -> Option<Row<V>>
    where
        F: Fn(&K, &V) -> bool,
    {
        row.filter(|(value, _)| (self.predicate)(key, value) == self.keep)
    }
}

struct Passing<K, V, F> {
    filter: RowFilter<F>,
    placed: Placed,
    sends_old: bool,
    /// Whether nothing is forwarded when neither the old nor the new row is in the result.
    leaves_out: bool,
    outputs: Outputs<K, Change<V>>,
}

impl<K: Key, V: Value, F: Fn(&K, &V) -> bool> Next<K, Change<V>> for Passing<K, V, F> {
    fn process(&mut self, context: &mut Context, record: Record<K, Change<V>>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        let new = self.filter.apply(&key, value.new);
        let old = if self.sends_old { self.filter.apply(&key, value.old) } else { None };
        if self.leaves_out && old.is_none() && new.is_none() {
            return Ok(());
        }
        let value = Change { old, new, is_latest: self.placed.is_latest(value.is_latest) };
        self.outputs.forward(context, Record { key, value, timestamp, headers })
    }
}

struct Stored<K: Key, V: Value, F> {
    filter: RowFilter<F>,
    leaves_out: bool,
    table: StoredTable<K, V>,
}

impl<K: Key, V: Value, F: Fn(&K, &V) -> bool> Next<K, Change<V>> for Stored<K, V, F> {
    fn process(&mut self, context: &mut Context, record: Record<K, Change<V>>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        let value = self.filter.apply(&key, value.new);
        if self.leaves_out && value.is_none() && self.table.get(&key)?.is_none() {
            return Ok(());
        }
        self.table.set(context, Record { key, value, timestamp, headers })
    }
}

struct FilteredView<K, V, F> {
    parent: Box<dyn TableView<K, V>>,
    filter: RowFilter<F>,
}

impl<K, V, F: Fn(&K, &V) -> bool> TableView<K, V> for FilteredView<K, V, F> {
    fn get(&mut self, key: &K) -> Result<Option<Row<V>>, OperatorError> {
        let row = self.parent.get(key)?;
        Ok(self.filter.row(key, row))
    }

    fn get_forwarded(&mut self, key: &K) -> Result<Option<Row<V>>, OperatorError> {
        let row = self.parent.get_forwarded(key)?;
        Ok(self.filter.row(key, row))
    }

    fn get_as_of(&mut self, key: &K, timestamp: Timestamp) -> Result<Option<Row<V>>, OperatorError> {
        let row = self.parent.get_as_of(key, timestamp)?;
        Ok(self.filter.row(key, row))
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::{Chain, Num, Setup, Word, at};
    use crate::operators::{Placed, StoreId};
    use crate::record::{Change, Record};

    type Filtered = Chain<Word, Change<Num>, Word, Change<Num>>;

    fn even(keep: bool, store: Option<u32>, old_values: bool, cache_bytes: usize) -> Filtered {
        let recipe = super::recipe::<Word, Num>(keep, |_, value| value.0 % 2 == 0, store.map(StoreId));
        Chain::with(Setup { old_values, cache_bytes, ..Setup::default() }, &recipe)
    }

    fn change(timestamp: i64, old: Option<i64>, new: Option<i64>) -> Record<Word, Change<Num>> {
        at(timestamp, "a".into(), Change::latest(old.map(Num), new.map(Num)))
    }

    /// One key's rows: 1, 2, 4, 5, 7, then deleted.
    fn timeline(old_values: bool) -> Vec<Record<Word, Change<Num>>> {
        let rows = [None, Some(1), Some(2), Some(4), Some(5), Some(7), None];
        (1..).zip(rows.windows(2)).map(|(time, row)| change(time, row[0].filter(|_| old_values), row[1])).collect()
    }

    #[test]
    fn without_old_rows_each_row_outside_is_a_deletion_each_time() {
        for store in [None, Some(0)] {
            let mut filtered = even(true, store, false, 0);
            timeline(false).into_iter().for_each(|record| filtered.send(record));
            let expected = [None, Some(2), Some(4), None, None, None];
            let expected: Vec<_> = (1..).zip(expected).map(|(time, new)| change(time, None, new)).collect();
            assert_eq!(filtered.received(), expected, "store: {store:?}");
        }
    }

    #[test]
    fn with_old_rows_what_was_and_is_outside_is_not_forwarded() {
        for (store, parent_sends_old) in [(None, true), (Some(0), true), (Some(0), false)] {
            let mut filtered = even(true, store, true, 0);
            timeline(parent_sends_old).into_iter().for_each(|record| filtered.send(record));
            let expected = [change(2, None, Some(2)), change(3, Some(2), Some(4)), change(4, Some(4), None)];
            assert_eq!(filtered.received(), expected, "store: {store:?}");
        }
    }

    /// Of a table with versions: Java's `KTableFilter` with `useVersionedSemantics`.
    #[test]
    fn of_versions_all_changes_are_forwarded_and_earlier_ones_stay_that() {
        for gives_versions in [true, false] {
            let placed = Placed { takes_versions: true, gives_versions, store: None };
            let recipe = super::recipe::<Word, Num>(true, |_, value| value.0 % 2 == 0, placed);
            let mut filtered: Filtered = Chain::with(Setup { old_values: true, ..Setup::default() }, &recipe);
            let earlier = |record: Record<Word, Change<Num>>, is_latest| {
                let value = Change { is_latest, ..record.value.clone() };
                record.with("a".into(), value)
            };
            filtered.send(change(5, None, Some(1)));
            filtered.send(earlier(change(3, Some(1), Some(2)), false));
            filtered.send(earlier(change(4, Some(1), Some(3)), false));
            let expected = [
                change(5, None, None),
                earlier(change(3, None, Some(2)), !gives_versions),
                earlier(change(4, None, None), !gives_versions),
            ];
            assert_eq!(filtered.received(), expected);
        }
    }

    #[test]
    fn filter_not_is_the_rest() {
        let mut filtered = even(false, None, true, 0);
        timeline(true).into_iter().for_each(|record| filtered.send(record));
        let expected = [
            change(1, None, Some(1)),
            change(2, Some(1), None),
            change(4, None, Some(5)),
            change(5, Some(5), Some(7)),
            change(6, Some(7), None),
        ];
        assert_eq!(filtered.received(), expected);
    }

    #[test]
    fn with_a_cache_the_stored_result_is_forwarded_on_flush() {
        let mut filtered = even(true, Some(0), true, 1 << 20);
        timeline(true).into_iter().take(3).for_each(|record| filtered.send(record));
        assert_eq!(filtered.received(), []);
        filtered.flush();
        assert_eq!(filtered.received(), [change(3, None, Some(4))]);
        timeline(true).into_iter().skip(3).for_each(|record| filtered.send(record));
        filtered.flush();
        assert_eq!(filtered.received(), [change(4, Some(4), None)], "deleted by the first row outside");
    }
}
