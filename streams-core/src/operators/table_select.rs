//! `group_by` of a table: moves every row under the key of its group.

use std::sync::Arc;

use super::{BuiltNode, Context, Next, OperatorError, Outputs, Recipe};
use crate::record::{Change, Record};
use crate::wire::{Key, Value};

/// Takes `Change<V>` by key, forwards `Change<V2>` by group.
///
/// If a row stays in its group, one change carries both old and new row (KIP-904). If it moves, a change for the old
/// group removes it first, then a change for the new group adds it. A row of which the mapper makes `None` is in no group.
/// The input's changes must carry old rows. An aggregate is of the rows as they are now, so a change of a table with
/// versions that is not of the latest one is left out (KIP-914).
pub(crate) fn recipe<K, V, K2, V2>(mapper: impl Fn(&K, V) -> Option<(K2, V2)> + Send + Sync + 'static) -> Recipe
where
    K: 'static,
    V: 'static,
    K2: Key,
    V2: Value,
{
    let mapper = Arc::new(mapper);
    Recipe::new(move |builder| {
        let select = Select { mapper: Arc::clone(&mapper), outputs: builder.outputs::<K2, Change<V2>>()? };
        Ok(BuiltNode::link::<K, Change<V>>(select))
    })
}

struct Select<K2, V2, F> {
    mapper: Arc<F>,
    outputs: Outputs<K2, Change<V2>>,
}

impl<K, V, K2: Key, V2: Value, F: Fn(&K, V) -> Option<(K2, V2)>> Next<K, Change<V>> for Select<K2, V2, F> {
    fn process(&mut self, context: &mut Context, record: Record<K, Change<V>>) -> Result<(), OperatorError> {
        let Record { key, value: change, timestamp, headers } = record;
        if !change.is_latest {
            return Ok(());
        }
        let mut send = |key: K2, old: Option<V2>, new: Option<V2>| {
            let value = Change::latest(old, new);
            self.outputs.forward(context, Record { key, value, timestamp, headers: headers.clone() })
        };
        let new = change.new.and_then(|value| (self.mapper)(&key, value));
        let old = change.old.and_then(|value| (self.mapper)(&key, value));
        match (old, new) {
            (Some((old_key, old)), Some((new_key, new))) if old_key == new_key => send(new_key, Some(old), Some(new)),
            (old, new) => {
                if let Some((key, old)) = old {
                    send(key, Some(old), None)?;
                }
                new.map_or(Ok(()), |(key, new)| send(key, None, Some(new)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::{Chain, Num, Word, at};
    use crate::record::{Change, Record};

    fn group(timestamp: i64, key: &str, old: Option<i64>, new: Option<i64>) -> Record<Word, Change<Num>> {
        at(timestamp, key.into(), Change::latest(old.map(Num), new.map(Num)))
    }

    #[test]
    fn an_earlier_version_of_a_row_is_in_no_group() {
        let even = |_: &i32, value: i64| Some((Word::from(if value % 2 == 0 { "even" } else { "odd" }), Num(value)));
        let mut chain = Chain::<i32, Change<i64>, Word, Change<Num>>::new(&super::recipe(even));
        chain.send(at(1, 7, Change { is_latest: false, ..Change::latest(Some(1), Some(2)) }));
        assert_eq!(chain.received(), []);
    }

    #[test]
    fn a_row_that_moves_leaves_its_old_group_before_it_joins_the_new_one() {
        let even = |_: &i32, value: i64| Some((Word::from(if value % 2 == 0 { "even" } else { "odd" }), Num(value)));
        let mut chain = Chain::<i32, Change<i64>, Word, Change<Num>>::new(&super::recipe(even));
        for (timestamp, old, new) in
            [(1, None, Some(1)), (2, Some(1), Some(2)), (3, Some(2), Some(4)), (4, Some(4), None), (5, None, None)]
        {
            chain.send(at(timestamp, 7, Change::latest(old, new)));
        }
        let expected = [
            group(1, "odd", None, Some(1)),
            group(2, "odd", Some(1), None),
            group(2, "even", None, Some(2)),
            group(3, "even", Some(2), Some(4)),
            group(4, "even", Some(4), None),
        ];
        assert_eq!(chain.received(), expected);
    }

    #[test]
    fn a_row_may_be_in_no_group() {
        let positive = |_: &i32, value: i64| (value > 0).then(|| (Word::from("all"), Num(value)));
        let mut chain = Chain::<i32, Change<i64>, Word, Change<Num>>::new(&super::recipe(positive));
        let rows = [None, Some(1), Some(-2), Some(-3), Some(4), None, Some(-5), None];
        for (timestamp, row) in (1..).zip(rows.windows(2)) {
            chain.send(at(timestamp, 7, Change::latest(row[0], row[1])));
        }
        let expected = [
            group(1, "all", None, Some(1)),
            group(2, "all", Some(1), None),
            group(4, "all", None, Some(4)),
            group(5, "all", Some(4), None),
        ];
        assert_eq!(chain.received(), expected);
    }
}
