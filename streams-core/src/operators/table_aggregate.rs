//! `count`, `reduce` and `aggregate` of a grouped table: one row per group, updated as rows join, change and leave.

use std::sync::Arc;

use super::stored_table::StoredTable;
use super::{BuiltNode, Context, Next, OperatorError, Recipe, StoreId};
use crate::record::{Change, Record};
use crate::wire::{Key, Value};

/// Takes `Change<V>` by group, forwards `Change<A>` by group.
///
/// A change's old row is subtracted first, then its new row is added. The subtraction is skipped if there is no
/// aggregate; if it returns `None`, adding starts over. A row's timestamp is the largest of the records that
/// contributed to it.
pub(crate) fn recipe<K: Key, V: Value, A: Value>(
    store: StoreId,
    add: impl Fn(&K, V, Option<A>) -> Option<A> + Send + Sync + 'static,
    subtract: impl Fn(&K, V, A) -> Option<A> + Send + Sync + 'static,
) -> Recipe {
    let functions = Arc::new((add, subtract));
    Recipe::new(move |builder| {
        let aggregate =
            TableAggregate { functions: Arc::clone(&functions), table: StoredTable::<K, A>::new(builder, store)? };
        Ok(BuiltNode::link::<K, Change<V>>(aggregate))
    })
    .of_store::<K, A>(store)
}

struct TableAggregate<K: Key, A: Value, F> {
    functions: Arc<F>,
    table: StoredTable<K, A>,
}

impl<K, V, A, Add, Subtract> Next<K, Change<V>> for TableAggregate<K, A, (Add, Subtract)>
where
    K: Key,
    V: Value,
    A: Value,
    Add: Fn(&K, V, Option<A>) -> Option<A>,
    Subtract: Fn(&K, V, A) -> Option<A>,
{
    fn process(&mut self, context: &mut Context, record: Record<K, Change<V>>) -> Result<(), OperatorError> {
        let (add, subtract) = &*self.functions;
        let Record { key, value: Change { old, new, .. }, timestamp, headers } = record;
        self.table.update(context, key, timestamp, headers, |key, row| {
            let Some((aggregate, time)) = row else {
                return (new.and_then(|new| add(key, new, None)), timestamp);
            };
            // A change without rows leaves the aggregate as it is but, as in Java, gives it the record's timestamp,
            // which may be earlier.
            let result_time = if old.is_some() || new.is_some() { time.max(timestamp) } else { timestamp };
            let rest = match old {
                Some(old) => subtract(key, old, aggregate),
                None => Some(aggregate),
            };
            let result = match new {
                Some(new) => add(key, new, rest),
                None => rest,
            };
            (result, result_time)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::{Chain, Num, Setup, Word, at};
    use crate::operators::{Recipe, StoreId};
    use crate::record::{Change, Record};

    /// Joins the rows' values with spaces. Subtracting a missing value adds it with a `!`; an empty aggregate is
    /// deleted.
    fn members() -> Recipe {
        super::recipe::<Word, Num, Word>(
            StoreId(0),
            |_, value, all: Option<Word>| {
                Some(Word(all.map_or_else(|| value.0.to_string(), |all| format!("{} {}", all.0, value.0))))
            },
            |_, value, all| {
                let mut rest: Vec<String> = all.0.split(' ').map(str::to_owned).collect();
                match rest.iter().position(|member| *member == value.0.to_string()) {
                    Some(position) => drop(rest.remove(position)),
                    None => rest.push(format!("!{}", value.0)),
                }
                (!rest.is_empty()).then(|| Word(rest.join(" ")))
            },
        )
    }

    fn chain(cache_bytes: usize) -> Chain<Word, Change<Num>, Word, Change<Word>> {
        Chain::with(Setup { cache_bytes, old_values: true, ..Setup::default() }, &members())
    }

    fn input(timestamp: i64, old: Option<i64>, new: Option<i64>) -> Record<Word, Change<Num>> {
        at(timestamp, "g".into(), Change::latest(old.map(Num), new.map(Num)))
    }

    fn output(timestamp: i64, old: Option<&str>, new: Option<&str>) -> Record<Word, Change<Word>> {
        at(timestamp, "g".into(), Change::latest(old.map(Word::from), new.map(Word::from)))
    }

    #[test]
    fn old_rows_are_subtracted_before_new_ones_are_added() {
        let mut chain = chain(0);
        for record in [
            input(10, Some(9), None),
            input(11, Some(9), Some(1)),
            input(20, None, Some(2)),
            input(15, Some(1), Some(3)),
            input(30, Some(2), None),
            input(5, Some(3), Some(4)),
            input(40, Some(4), None),
            input(7, None, Some(5)),
        ] {
            chain.send(record);
        }
        let expected = [
            output(10, None, None),
            output(11, None, Some("1")),
            output(20, Some("1"), Some("1 2")),
            output(20, Some("1 2"), Some("2 3")),
            output(30, Some("2 3"), Some("3")),
            output(30, Some("3"), Some("4")),
            output(40, Some("4"), None),
            output(7, None, Some("5")),
        ];
        assert_eq!(chain.received(), expected);
    }

    #[test]
    fn with_a_cache_a_group_is_forwarded_once_per_flush() {
        let mut chain = chain(1 << 20);
        for record in [input(10, Some(9), None), input(20, None, Some(2)), input(15, Some(2), Some(3))] {
            chain.send(record);
        }
        chain.flush();
        chain.send(input(16, Some(3), None));
        chain.flush();
        assert_eq!(chain.received(), [output(20, None, Some("3")), output(16, Some("3"), None)]);
        chain.send(input(17, Some(3), None));
        chain.flush();
        assert_eq!(chain.received(), [], "nothing to subtract from: nothing forwarded");
    }
}
