//! The last node of a join of two tables: makes the results of both of its sides one table.

use super::stored_table::StoredTable;
use super::{BuiltNode, Context, Next, OperatorError, Recipe, StoreId, merge};
use crate::record::{Change, Record};
use crate::wire::{Key, Value};

/// Takes `Change<V>` by key from both sides and forwards it, kept in a store if there is one.
pub(crate) fn recipe<K: Key, V: Value>(store: Option<StoreId>) -> Recipe {
    let Some(store) = store else { return merge::recipe::<K, Change<V>>() };
    Recipe::new(move |builder| {
        Ok(BuiltNode::link::<K, Change<V>>(Stored { table: StoredTable::<K, V>::of_changes(builder, store)? }))
    })
    .of_store::<K, V>(store)
}

struct Stored<K: Key, V: Value> {
    table: StoredTable<K, V>,
}

impl<K: Key, V: Value> Next<K, Change<V>> for Stored<K, V> {
    fn process(&mut self, context: &mut Context, record: Record<K, Change<V>>) -> Result<(), OperatorError> {
        self.table.take(context, record)
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::StoreId;
    use crate::operators::testing::{Chain, Num, Setup, Word, at};
    use crate::record::{Change, Record};

    fn merged(store: bool, old_values: bool, cache_bytes: usize) -> Chain<Word, Change<Num>, Word, Change<Num>> {
        let recipe = super::recipe::<Word, Num>(store.then_some(StoreId(0)));
        Chain::with(Setup { old_values, cache_bytes, ..Setup::default() }, &recipe)
    }

    fn change(timestamp: i64, old: Option<i64>, new: Option<i64>) -> Record<Word, Change<Num>> {
        at(timestamp, "a".into(), Change::latest(old.map(Num), new.map(Num)))
    }

    #[test]
    fn without_a_cache_a_change_says_what_the_row_was() {
        for store in [false, true] {
            let mut merged = merged(store, true, 0);
            let changes = [change(1, None, Some(1)), change(2, Some(9), Some(2)), change(1, Some(2), None)];
            changes.iter().for_each(|change| merged.send(change.clone()));
            assert_eq!(merged.received(), changes, "store: {store}");
        }
    }

    #[test]
    fn with_a_cache_the_last_flush_says_it() {
        let mut merged = merged(true, true, 1 << 20);
        merged.send(change(1, None, Some(1)));
        merged.flush();
        merged.send(change(2, Some(9), Some(2)));
        merged.send(change(3, Some(9), Some(3)));
        merged.flush();
        assert_eq!(merged.received(), [change(1, None, Some(1)), change(3, Some(1), Some(3))]);
    }

    #[test]
    fn nobody_is_told_what_nobody_asked_for() {
        for (store, cache_bytes) in [(true, 0), (true, 1 << 20)] {
            let mut merged = merged(store, false, cache_bytes);
            merged.send(change(1, None, Some(1)));
            merged.flush();
            merged.send(change(2, None, Some(2)));
            merged.flush();
            assert_eq!(merged.received(), [change(1, None, Some(1)), change(2, None, Some(2))]);
        }
    }
}
