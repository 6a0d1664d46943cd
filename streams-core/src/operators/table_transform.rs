//! `transform_values` of a table: the program's own code makes a value of every row and of every deletion, with stores.

use std::marker::PhantomData;
use std::sync::Arc;

use super::chosen_sink::RecordContext;
use super::processor_stores::{Refs, StoreTuple, StoreUse};
use super::stored_table::StoredTable;
use super::{
    BuildError, BuiltNode, Context, Next, NodeBuilder, OperatorError, Outputs, Placed, Recipe, StoreId, TableView,
    TableViewRecipe,
};
use crate::record::{Change, Headers, Record, Timestamp};
use crate::state::rows::Row;
use crate::wire::{Key, Value};

/// Takes `Change<V>` by key, forwards `Change<V2>`. The code is called for the new row and, if old rows are wanted and the
/// result is not stored, for the old one, in this order, and also if there is none. `ids` are the numbers of its stores.
pub(crate) fn recipe<S, K, V, V2, F>(ids: Vec<StoreId>, code: Arc<F>, placed: impl Into<Placed>) -> Recipe
where
    S: StoreTuple,
    K: Key,
    V: Value,
    V2: Value,
    F: Fn(Refs<'_, S>, &K, Option<V>, &RecordContext<'_>) -> Option<V2> + Send + Sync + 'static,
{
    let placed = placed.into();
    let recipe = Recipe::new(move |builder| {
        let transform = Transform::<S, F>::new(builder, &ids, Arc::clone(&code))?;
        let Some(store) = placed.store else {
            let (sends_old, outputs) = (builder.sends_old_values(), builder.outputs::<K, Change<V2>>()?);
            return Ok(BuiltNode::link::<K, Change<V>>(Passing { transform, placed, sends_old, outputs }));
        };
        let table = StoredTable::<K, V2>::new(builder, store)?;
        Ok(BuiltNode::link::<K, Change<V>>(Stored { transform, table }))
    });
    recipe.of_store_if_any::<K, V2>(placed.store)
}

/// The rows of a transformed table without a store: its parent's rows, transformed on lookup. Where the parent has no row,
/// the code may make one, which has no time.
pub(crate) fn view<S, K, V, V2, F>(
    parent: TableViewRecipe<K, V>,
    ids: Vec<StoreId>,
    code: Arc<F>,
) -> TableViewRecipe<K, V2>
where
    S: StoreTuple,
    K: 'static,
    V: 'static,
    V2: 'static,
    F: Fn(Refs<'_, S>, &K, Option<V>, &RecordContext<'_>) -> Option<V2> + Send + Sync + 'static,
{
    TableViewRecipe::new(move |builder| {
        let parent = parent.make(builder)?;
        let transform = Transform::<S, F>::new(builder, &ids, Arc::clone(&code))?;
        Ok(Box::new(TransformedView { parent, transform }))
    })
}

/// The code, with its stores in a task.
struct Transform<S: StoreTuple, F> {
    node: Arc<str>,
    stores: S::Open,
    code: Arc<F>,
    types: PhantomData<fn() -> S>,
}

impl<S: StoreTuple, F> Transform<S, F> {
    fn new(builder: &mut NodeBuilder<'_>, ids: &[StoreId], code: Arc<F>) -> Result<Self, BuildError> {
        Ok(Self { node: Arc::clone(builder.name()), stores: S::open(builder, ids)?, code, types: PhantomData })
    }

    /// Runs the code on behalf of a record.
    fn run<K, V, V2>(
        &self,
        context: &mut Context,
        key: &K,
        row: Option<V>,
        (timestamp, headers): (Timestamp, &Headers),
    ) -> Result<Option<V2>, OperatorError>
    where
        F: Fn(Refs<'_, S>, &K, Option<V>, &RecordContext<'_>) -> Option<V2>,
    {
        let use_ = StoreUse::new(timestamp, context.stream_time);
        let record = RecordContext { timestamp, headers, position: context.position.as_ref() };
        let value = (self.code)(S::lend(&self.stores, &use_), key, row, &record);
        use_.finish(&self.node, context).map(|()| value)
    }

    /// Runs the code for a row that is looked up.
    fn look_up<K, V, V2>(&self, key: &K, row: Option<Row<V>>) -> Result<Option<Row<V2>>, OperatorError>
    where
        F: Fn(Refs<'_, S>, &K, Option<V>, &RecordContext<'_>) -> Option<V2>,
    {
        let (row, timestamp) = row.map_or((None, NO_TIME), |(row, timestamp)| (Some(row), timestamp));
        let use_ = StoreUse::new(timestamp, timestamp);
        let record = RecordContext { timestamp, headers: &Headers::new(), position: None };
        let value = (self.code)(S::lend(&self.stores, &use_), key, row, &record);
        use_.result(&self.node).map(|()| value.map(|value| (value, timestamp)))
    }
}

/// The time of a row that is not there.
const NO_TIME: Timestamp = Timestamp(-1);

struct Passing<S: StoreTuple, K, V2, F> {
    transform: Transform<S, F>,
    placed: Placed,
    sends_old: bool,
    outputs: Outputs<K, Change<V2>>,
}

impl<S, K, V, V2, F> Next<K, Change<V>> for Passing<S, K, V2, F>
where
    S: StoreTuple,
    K: Clone,
    V2: Clone,
    F: Fn(Refs<'_, S>, &K, Option<V>, &RecordContext<'_>) -> Option<V2>,
{
    fn process(&mut self, context: &mut Context, record: Record<K, Change<V>>) -> Result<(), OperatorError> {
        let Record { key, value: Change { old, new, is_latest }, timestamp, headers } = record;
        let new = self.transform.run(context, &key, new, (timestamp, &headers))?;
        let old = if self.sends_old { self.transform.run(context, &key, old, (timestamp, &headers))? } else { None };
        let value = Change { old, new, is_latest: self.placed.is_latest(is_latest) };
        self.outputs.forward(context, Record { key, value, timestamp, headers })
    }
}

struct Stored<S: StoreTuple, K: Key, V2: Value, F> {
    transform: Transform<S, F>,
    table: StoredTable<K, V2>,
}

impl<S, K, V, V2, F> Next<K, Change<V>> for Stored<S, K, V2, F>
where
    S: StoreTuple,
    K: Key,
    V2: Value,
    F: Fn(Refs<'_, S>, &K, Option<V>, &RecordContext<'_>) -> Option<V2>,
{
    fn process(&mut self, context: &mut Context, record: Record<K, Change<V>>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        let value = self.transform.run(context, &key, value.new, (timestamp, &headers))?;
        self.table.set(context, Record { key, value, timestamp, headers })
    }
}

struct TransformedView<S: StoreTuple, K, V, F> {
    parent: Box<dyn TableView<K, V>>,
    transform: Transform<S, F>,
}

impl<S, K, V, V2, F> TableView<K, V2> for TransformedView<S, K, V, F>
where
    S: StoreTuple,
    F: Fn(Refs<'_, S>, &K, Option<V>, &RecordContext<'_>) -> Option<V2>,
{
    fn get(&mut self, key: &K) -> Result<Option<Row<V2>>, OperatorError> {
        let row = self.parent.get(key)?;
        self.transform.look_up(key, row)
    }

    fn get_forwarded(&mut self, key: &K) -> Result<Option<Row<V2>>, OperatorError> {
        let row = self.parent.get_forwarded(key)?;
        self.transform.look_up(key, row)
    }

    fn get_as_of(&mut self, key: &K, timestamp: Timestamp) -> Result<Option<Row<V2>>, OperatorError> {
        let row = self.parent.get_as_of(key, timestamp)?;
        self.transform.look_up(key, row)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::operators::StoreId;
    use crate::operators::chosen_sink::RecordContext;
    use crate::operators::testing::{Chain, Num, Setup, Word, at};
    use crate::record::{Change, Record};

    fn transformed(store: Option<u32>, old_values: bool) -> Chain<Word, Change<Num>, Word, Change<Word>> {
        let recipe = super::recipe::<(), Word, Num, Word, _>(
            Vec::new(),
            Arc::new(|(): (), key: &Word, row: Option<Num>, record: &RecordContext<'_>| match row {
                Some(Num(number)) => (number >= 0).then(|| Word(format!("{}{number}@{}", key.0, record.timestamp.0))),
                None => Some("none".into()),
            }),
            store.map(StoreId),
        );
        Chain::with(Setup { old_values, ..Setup::default() }, &recipe)
    }

    fn input(timestamp: i64, old: Option<i64>, new: Option<i64>) -> Record<Word, Change<Num>> {
        at(timestamp, "a".into(), Change::latest(old.map(Num), new.map(Num)))
    }

    fn output(timestamp: i64, old: Option<&str>, new: Option<&str>) -> Record<Word, Change<Word>> {
        at(timestamp, "a".into(), Change::latest(old.map(Word::from), new.map(Word::from)))
    }

    fn outputs(store: Option<u32>, old_values: bool) -> Vec<Record<Word, Change<Word>>> {
        let mut chain = transformed(store, old_values);
        [input(1, None, Some(1)), input(2, Some(1), Some(-2)), input(3, Some(-2), None)]
            .into_iter()
            .for_each(|record| chain.send(record));
        chain.received()
    }

    #[test]
    fn deletions_are_transformed_too_and_old_rows_anew_unless_they_are_kept() {
        let without_old = [output(1, None, Some("a1@1")), output(2, None, None), output(3, None, Some("none"))];
        assert_eq!(outputs(None, false), without_old);
        assert_eq!(outputs(Some(0), false), without_old);
        let computed =
            [output(1, Some("none"), Some("a1@1")), output(2, Some("a1@2"), None), output(3, None, Some("none"))];
        assert_eq!(outputs(None, true), computed);
        let kept = [output(1, None, Some("a1@1")), output(2, Some("a1@1"), None), output(3, None, Some("none"))];
        assert_eq!(outputs(Some(0), true), kept);
    }
}
