//! Stream-table joins: every record is joined with the table's current row for its key, or with the row at the record's
//! time if the table keeps versions.

use std::marker::PhantomData;
use std::sync::Arc;

use super::{
    BuildError, BuiltNode, Context, DropReason, Next, NodeBuilder, OperatorError, Outputs, Recipe, TableView,
    TableViewRecipe,
};
use crate::record::Record;
use crate::wire::{Nullable, NullableKey, Value};

/// Takes `Record<K, V>`, forwards `Record<K, R>` with the same key, timestamp and headers.
///
/// Only stream records trigger the join; changes of the table do not. A record with a null value is dropped and
/// counted. So is one with a null key, unless the join is `left`: it is then joined with `None` (KIP-962). If the
/// joiner returns `None`, as an inner join's does without a row, nothing is forwarded.
pub(crate) fn recipe<K, V, T, R>(
    table: TableViewRecipe<K::Inner, T>,
    left: bool,
    joiner: impl Fn(&K, V::Inner, Option<T>) -> Option<R> + Send + Sync + 'static,
) -> Recipe
where
    K: NullableKey,
    V: Nullable,
    T: Value,
    R: Clone + 'static,
{
    let joiner = Arc::new(joiner);
    Recipe::new(move |builder| Ok(BuiltNode::link::<K, V>(Join::<K, V, T, R, _>::new(builder, &table, left, &joiner)?)))
}

pub(super) struct Join<K: NullableKey, V, T, R, F> {
    node: Arc<str>,
    table: Box<dyn TableView<K::Inner, T>>,
    left: bool,
    joiner: Arc<F>,
    outputs: Outputs<K, R>,
    value: PhantomData<fn(V)>,
}

impl<K: NullableKey, V, T: Value, R: Clone + 'static, F> Join<K, V, T, R, F> {
    pub(super) fn new(
        builder: &mut NodeBuilder<'_>,
        table: &TableViewRecipe<K::Inner, T>,
        left: bool,
        joiner: &Arc<F>,
    ) -> Result<Self, BuildError> {
        Ok(Self {
            node: Arc::clone(builder.name()),
            table: table.make(builder)?,
            left,
            joiner: Arc::clone(joiner),
            outputs: builder.outputs()?,
            value: PhantomData,
        })
    }
}

impl<K, V, T, R, F> Next<K, V> for Join<K, V, T, R, F>
where
    K: NullableKey,
    V: Nullable,
    T: Value,
    R: Clone,
    F: Fn(&K, V::Inner, Option<T>) -> Option<R>,
{
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        let Some(value) = value.into_option() else {
            context.drop_record(&self.node, DropReason::NullValue);
            return Ok(());
        };
        let row = match key.as_option() {
            Some(key) => self.table.get_as_of(key, timestamp)?.map(|(row, _)| row),
            None if self.left => None,
            None => {
                context.drop_record(&self.node, DropReason::NullKey);
                return Ok(());
            }
        };
        let Some(value) = (self.joiner)(&key, value, row) else { return Ok(()) };
        self.outputs.forward(context, Record { key, value, timestamp, headers })
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::{Chain, Num, Setup, Word, at};
    use crate::operators::{
        DropReason, OperatorError, StoreId, TableView, TableViewRecipe, stored_table, stream_aggregate, table_filter,
        table_map_values,
    };
    use crate::record::{Change, Timestamp};

    type Joined = Chain<Option<Word>, Option<Word>, Option<Word>, String>;

    fn show(value: Word, row: Option<Num>) -> String {
        format!("{}/{}", value.0, row.map_or_else(|| "-".to_owned(), |row| row.0.to_string()))
    }

    /// The table has a = 1 and b = 2, and is joined through a filtered and mapped view if asked for.
    fn joined(left: bool, cache_bytes: usize, filtered_and_mapped: bool) -> Joined {
        let fill = stream_aggregate::recipe::<Word, Num, Num>(StoreId(0), |_, value, _| Some(value));
        let setup = Setup { cache_bytes, ..Setup::default() };
        let mut table: Chain<Word, Num, Word, Change<Num>> = Chain::with(setup, &fill);
        table.send(at(100, "a".into(), Num(1)));
        table.send(at(100, "b".into(), Num(2)));
        table.commit();
        let mut view = stored_table::view::<Word, Num>(StoreId(0));
        if filtered_and_mapped {
            view = table_filter::view(view, false, |key: &Word, _: &Num| key.0 == "b");
            view = table_map_values::view(view, |_: &Word, value: Num| Some(Num(value.0 * 10)));
        }
        let joiner = move |_: &Option<Word>, value, row: Option<Num>| (left || row.is_some()).then(|| show(value, row));
        table.retyped(&super::recipe::<Option<Word>, Option<Word>, Num, String>(view, left, joiner))
    }

    /// Timestamp, key and result.
    type Seen = (i64, Option<&'static str>, String);

    /// The output, and how many records were dropped for a null key and for a null value.
    fn run(mut joined: Joined) -> (Vec<Seen>, [u64; 2]) {
        for (timestamp, key, value) in
            [(1, Some("a"), Some("x")), (2, Some("z"), Some("y")), (3, Some("b"), Some("z")), (4, None, Some("n"))]
        {
            joined.send(at(timestamp, key.map(Word::from), value.map(Word::from)));
        }
        joined.send(at(5, Some("a".into()), None));
        joined.send(at(6, None, None));
        let keys = ["a", "b", "z"];
        let received = joined.received().into_iter().map(|record| {
            let key = record.key.map(|key| *keys.iter().find(|known| **known == key.0).unwrap());
            (record.timestamp.0, key, record.value)
        });
        let dropped = [DropReason::NullKey, DropReason::NullValue].map(|reason| joined.context.dropped(reason));
        (received.collect(), dropped)
    }

    #[test]
    fn an_inner_join_needs_key_value_and_row() {
        for cache_bytes in [0, 1 << 20] {
            let (received, dropped) = run(joined(false, cache_bytes, false));
            assert_eq!(received, [(1, Some("a"), "x/1".to_owned()), (3, Some("b"), "z/2".to_owned())]);
            assert_eq!(dropped, [1, 2]);
        }
    }

    #[test]
    fn a_left_join_needs_a_value() {
        let (received, dropped) = run(joined(true, 0, false));
        let expected = [(1, Some("a"), "x/1"), (2, Some("z"), "y/-"), (3, Some("b"), "z/2"), (4, None, "n/-")];
        assert_eq!(received, expected.map(|(time, key, value)| (time, key, value.to_owned())));
        assert_eq!(dropped, [0, 2]);
    }

    #[test]
    fn filtered_and_mapped_tables_are_computed_from_the_stored_one() {
        let (received, _) = run(joined(true, 0, true));
        let values: Vec<_> = received.into_iter().map(|(_, _, value)| value).collect();
        assert_eq!(values, ["x/10", "y/-", "z/-", "n/-"]);
    }

    /// A table that keeps versions: at each time, the row is that time.
    struct Versions;

    impl TableView<Word, Num> for Versions {
        fn get(&mut self, _: &Word) -> Result<Option<(Num, Timestamp)>, OperatorError> {
            Ok(Some((Num(100), Timestamp(100))))
        }

        fn get_forwarded(&mut self, key: &Word) -> Result<Option<(Num, Timestamp)>, OperatorError> {
            self.get(key)
        }

        fn get_as_of(&mut self, _: &Word, timestamp: Timestamp) -> Result<Option<(Num, Timestamp)>, OperatorError> {
            Ok((timestamp.0 > 1).then_some((Num(timestamp.0), timestamp)))
        }
    }

    #[test]
    fn a_record_is_joined_with_the_row_at_its_own_time_through_every_view() {
        let mut view = TableViewRecipe::new(|_| Ok(Box::new(Versions)));
        view = table_filter::view(view, true, |_: &Word, row: &Num| row.0 != 3);
        view = table_map_values::view(view, |_: &Word, row: Num| Some(Num(row.0 * 10)));
        let join = super::recipe::<Option<Word>, Option<Word>, Num, String>(view, true, |_, value, row| {
            Some(show(value, row))
        });
        let mut joined = Joined::new(&join);
        for time in [1, 2, 3, 4, 2] {
            joined.send(at(time, Some("a".into()), Some("x".into())));
        }
        let values: Vec<_> = joined.received().into_iter().map(|record| record.value).collect();
        assert_eq!(values, ["x/-", "x/20", "x/-", "x/40", "x/20"]);
    }
}
