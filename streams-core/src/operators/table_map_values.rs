//! `map_values` of a table: a new value for every row.

use std::sync::Arc;

use super::stored_table::StoredTable;
use super::{BuiltNode, Context, Next, OperatorError, Outputs, Placed, Recipe, StoreId, TableView, TableViewRecipe};
use crate::record::{Change, Record, Timestamp};
use crate::state::rows::Row;
use crate::wire::{Key, Value};

/// Takes `Change<V>` by key, forwards `Change<V2>`. A deletion stays a deletion; the mapper is not called for it. A row that
/// it makes `None` of is deleted.
///
/// `V2` needs a format only if the result is kept in a store; see [`stored`].
pub(crate) fn recipe<K, V, V2>(
    mapper: impl Fn(&K, V) -> Option<V2> + Send + Sync + 'static,
    placed: impl Into<Placed>,
) -> Recipe
where
    K: Key,
    V: Value,
    V2: Value,
{
    let placed = placed.into();
    match placed.store {
        Some(store) => stored(mapper, store),
        None => passing(mapper, placed),
    }
}

/// [`recipe`] with a store.
pub(crate) fn stored<K, V, V2>(mapper: impl Fn(&K, V) -> Option<V2> + Send + Sync + 'static, store: StoreId) -> Recipe
where
    K: Key,
    V: Value,
    V2: Value,
{
    let mapper = Arc::new(mapper);
    Recipe::new(move |builder| {
        let node = Stored { mapper: Arc::clone(&mapper), table: StoredTable::<K, V2>::new(builder, store)? };
        Ok(BuiltNode::link::<K, Change<V>>(node))
    })
    .of_store::<K, V2>(store)
}

/// [`recipe`] without a store.
fn passing<K, V, V2>(mapper: impl Fn(&K, V) -> Option<V2> + Send + Sync + 'static, placed: Placed) -> Recipe
where
    K: Clone + 'static,
    V: 'static,
    V2: Clone + 'static,
{
    let mapper = Arc::new(mapper);
    Recipe::new(move |builder| {
        let (sends_old, outputs) = (builder.sends_old_values(), builder.outputs::<K, Change<V2>>()?);
        Ok(BuiltNode::link::<K, Change<V>>(Passing { mapper: Arc::clone(&mapper), placed, sends_old, outputs }))
    })
}

/// The rows of a mapped table without a store: its parent's rows, mapped on lookup.
pub(crate) fn view<K, V, V2>(
    parent: TableViewRecipe<K, V>,
    mapper: impl Fn(&K, V) -> Option<V2> + Send + Sync + 'static,
) -> TableViewRecipe<K, V2>
where
    K: 'static,
    V: 'static,
    V2: 'static,
{
    let mapper = Arc::new(mapper);
    TableViewRecipe::new(move |builder| {
        Ok(Box::new(MappedView { parent: parent.make(builder)?, mapper: Arc::clone(&mapper) }))
    })
}

struct Passing<K, V2, F> {
    mapper: Arc<F>,
    placed: Placed,
    sends_old: bool,
    outputs: Outputs<K, Change<V2>>,
}

impl<K: Clone, V, V2: Clone, F: Fn(&K, V) -> Option<V2>> Next<K, Change<V>> for Passing<K, V2, F> {
    fn process(&mut self, context: &mut Context, record: Record<K, Change<V>>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        let new = value.new.and_then(|value| (self.mapper)(&key, value));
        let old = value.old.filter(|_| self.sends_old).and_then(|value| (self.mapper)(&key, value));
        let value = Change { old, new, is_latest: self.placed.is_latest(value.is_latest) };
        self.outputs.forward(context, Record { key, value, timestamp, headers })
    }
}

struct Stored<K: Key, V2: Value, F> {
    mapper: Arc<F>,
    table: StoredTable<K, V2>,
}

impl<K: Key, V: Value, V2: Value, F: Fn(&K, V) -> Option<V2>> Next<K, Change<V>> for Stored<K, V2, F> {
    fn process(&mut self, context: &mut Context, record: Record<K, Change<V>>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        let value = value.new.and_then(|value| (self.mapper)(&key, value));
        self.table.set(context, Record { key, value, timestamp, headers })
    }
}

struct MappedView<K, V, F> {
    parent: Box<dyn TableView<K, V>>,
    mapper: Arc<F>,
}

impl<K, V, F> MappedView<K, V, F> {
    fn row<V2>(&self, key: &K, row: Option<Row<V>>) -> Option<Row<V2>>
    where
        F: Fn(&K, V) -> Option<V2>,
    {
        let (value, timestamp) = row?;
        Some(((self.mapper)(key, value)?, timestamp))
    }
}

impl<K, V, V2, F: Fn(&K, V) -> Option<V2>> TableView<K, V2> for MappedView<K, V, F> {
    fn get(&mut self, key: &K) -> Result<Option<Row<V2>>, OperatorError> {
        let row = self.parent.get(key)?;
        Ok(self.row(key, row))
    }

    fn get_forwarded(&mut self, key: &K) -> Result<Option<Row<V2>>, OperatorError> {
        let row = self.parent.get_forwarded(key)?;
        Ok(self.row(key, row))
    }

    fn get_as_of(&mut self, key: &K, timestamp: Timestamp) -> Result<Option<Row<V2>>, OperatorError> {
        let row = self.parent.get_as_of(key, timestamp)?;
        Ok(self.row(key, row))
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::{Chain, Num, Setup, Word, at};
    use crate::operators::{Placed, StoreId};
    use crate::record::{Change, Record};

    fn mapped(
        store: Option<u32>,
        old_values: bool,
        cache_bytes: usize,
    ) -> Chain<Word, Change<Num>, Word, Change<Word>> {
        let recipe = super::recipe(
            |key: &Word, value: Num| (value.0 >= 0).then(|| Word(format!("{}{}", key.0, value.0))),
            store.map(StoreId),
        );
        Chain::with(Setup { old_values, cache_bytes, ..Setup::default() }, &recipe)
    }

    fn input(timestamp: i64, old: Option<i64>, new: Option<i64>) -> Record<Word, Change<Num>> {
        at(timestamp, "a".into(), Change::latest(old.map(Num), new.map(Num)))
    }

    fn output(timestamp: i64, old: Option<&str>, new: Option<&str>) -> Record<Word, Change<Word>> {
        at(timestamp, "a".into(), Change::latest(old.map(Word::from), new.map(Word::from)))
    }

    #[test]
    fn rows_are_mapped_deletions_are_not_and_old_rows_come_along_if_wanted() {
        let timeline =
            [input(1, None, Some(1)), input(2, Some(1), Some(2)), input(3, Some(2), None), input(4, None, None)];
        let with_old = [
            output(1, None, Some("a1")),
            output(2, Some("a1"), Some("a2")),
            output(3, Some("a2"), None),
            output(4, None, None),
        ];
        for store in [None, Some(0)] {
            for old_values in [false, true] {
                let mut mapped = mapped(store, old_values, 0);
                timeline.iter().for_each(|record| mapped.send(record.clone()));
                let expected = with_old.clone().map(|mut record| {
                    record.value.old = record.value.old.filter(|_| old_values);
                    record
                });
                assert_eq!(mapped.received(), expected, "store: {store:?}, old values: {old_values}");
            }
        }
    }

    #[test]
    fn a_row_that_is_mapped_to_nothing_is_deleted() {
        for store in [None, Some(0)] {
            let mut mapped = mapped(store, true, 0);
            [
                input(1, None, Some(1)),
                input(2, Some(1), Some(-2)),
                input(3, Some(-2), Some(-3)),
                input(4, Some(-3), Some(4)),
            ]
            .into_iter()
            .for_each(|record| mapped.send(record));
            let expected = [
                output(1, None, Some("a1")),
                output(2, Some("a1"), None),
                output(3, None, None),
                output(4, None, Some("a4")),
            ];
            assert_eq!(mapped.received(), expected, "store: {store:?}");
        }
    }

    #[test]
    fn an_earlier_version_stays_one_if_the_result_has_versions() {
        for gives_versions in [true, false] {
            let placed = Placed { takes_versions: true, gives_versions, store: None };
            let recipe = super::recipe(|key: &Word, value: Num| Some(Word(format!("{}{}", key.0, value.0))), placed);
            let mut mapped: Chain<Word, Change<Num>, Word, Change<Word>> = Chain::new(&recipe);
            let (sent, expected) = (input(1, None, Some(1)), output(1, None, Some("a1")));
            mapped.send(Record { value: Change { is_latest: false, ..sent.value }, ..sent });
            let value = Change { is_latest: !gives_versions, ..expected.value };
            assert_eq!(mapped.received(), [Record { value, ..expected }]);
        }
    }

    #[test]
    fn with_a_cache_the_stored_result_is_forwarded_on_flush() {
        let mut mapped = mapped(Some(0), true, 1 << 20);
        mapped.send(input(1, None, Some(1)));
        mapped.flush();
        mapped.send(input(2, Some(1), Some(2)));
        mapped.send(input(3, Some(2), Some(3)));
        mapped.flush();
        assert_eq!(mapped.received(), [output(1, None, Some("a1")), output(3, Some("a1"), Some("a3"))]);
    }
}
