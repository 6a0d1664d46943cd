//! How other operators look up a table's rows: in the table's own store, or computed from its parent's rows.
//!
//! Which tables have a store is known only when the program is complete, so a lookup is resolved then.

use std::rc::Rc;

use crate::operators::{StoreId, TableViewRecipe, suppress};
use crate::topology::program::{CallId, StoreOf};
use crate::wire::{Key, Value};

/// How to look up the rows of one table.
pub(in crate::dsl) struct Lookup<K, V>(Rc<Find<K, V>>);

type Find<K, V> = dyn Fn(&StoreOf<'_>) -> Option<TableViewRecipe<K, V>>;

/// Makes the view of a store that contains such rows.
pub(in crate::dsl) type ViewOfStore<K, V> = fn(StoreId) -> TableViewRecipe<K, V>;

impl<K: 'static, V: 'static> Lookup<K, V> {
    /// For a table that gets a store as soon as its rows are needed.
    pub(in crate::dsl) fn stored(table: CallId, stored: ViewOfStore<K, V>) -> Self {
        Self(Rc::new(move |store_of| store_of(table).map(stored)))
    }

    /// For a table whose rows are computed from those of `parent`, unless it has a store itself.
    pub(super) fn computed<P: 'static>(
        table: CallId,
        stored: ViewOfStore<K, V>,
        parent: Option<Lookup<K, P>>,
        compute: impl Fn(TableViewRecipe<K, P>) -> TableViewRecipe<K, V> + 'static,
    ) -> Self {
        Self(Rc::new(move |store_of| match store_of(table) {
            Some(store) => Some(stored(store)),
            None => parent.as_ref()?.view(store_of).map(&compute),
        }))
    }

    /// For the join of two tables, whose rows are computed from both, unless it has a store itself.
    pub(super) fn joined<L: 'static, R: 'static>(
        table: CallId,
        stored: ViewOfStore<K, V>,
        left: Option<Lookup<K, L>>,
        right: Option<Lookup<K, R>>,
        join: impl Fn(TableViewRecipe<K, L>, TableViewRecipe<K, R>) -> TableViewRecipe<K, V> + 'static,
    ) -> Self {
        Self(Rc::new(move |store_of| match store_of(table) {
            Some(store) => Some(stored(store)),
            None => Some(join(left.as_ref()?.view(store_of)?, right.as_ref()?.view(store_of)?)),
        }))
    }

    /// For a table whose rows are those of `parent`, except where a change is held back in its own buffer.
    pub(super) fn suppressed(table: CallId, parent: Option<Self>) -> Self
    where
        K: Key,
        V: Value,
    {
        Self(Rc::new(move |store_of| {
            let parent = parent.as_ref()?.view(store_of)?;
            Some(suppress::view(store_of(table)?, parent))
        }))
    }

    /// The table's view, once it is known which tables have stores; `None` if neither this table nor those that it is
    /// computed from have one.
    pub(in crate::dsl) fn view(&self, store_of: &StoreOf<'_>) -> Option<TableViewRecipe<K, V>> {
        (self.0)(store_of)
    }
}

impl<K, V> Clone for Lookup<K, V> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}
