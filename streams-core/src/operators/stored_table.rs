//! How nodes access the stores that hold tables.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::cached::flush_at_commit;
use super::expiry::expire;
use super::{
    BuildError, Context, DropReason, NodeBuilder, OperatorError, Outputs, StoreId, TableView, TableViewRecipe,
};
use crate::record::{Change, Headers, Record, Timestamp};
use crate::state::Version;
use crate::state::expiring_rows::ExpiringRows;
use crate::state::rows::{Cause, Changed, Row};
use crate::state::table_store::TableStore;
use crate::state::versioned_rows::VersionedRows;
use crate::wire::encoded_key::AsKey;
use crate::wire::{Key, Value};

/// The rows of a table with a store, for nodes that look them up. All nodes of a task share one view of the store, so
/// that lookups see cached rows that are not yet written.
#[must_use]
pub(crate) fn view<K: Key, V: Value>(store: StoreId) -> TableViewRecipe<K, V> {
    TableViewRecipe::new(move |builder| {
        let node = Arc::clone(builder.name());
        Ok(match open(builder, store)? {
            KeptRows::Current(rows) => Box::new(StoreView { node, rows }),
            KeptRows::Versioned(rows) => Box::new(VersionedView { node, rows }),
            KeptRows::Expiring(rows) => Box::new(ExpiringView { node, rows }),
        })
    })
}

/// A table's rows in its store: for good, with the versions that they had, or for some time.
enum KeptRows<K: Key, V: Value> {
    Current(Rc<RefCell<TableStore<K, V>>>),
    Versioned(Rc<RefCell<VersionedRows<K, V>>>),
    Expiring(Rc<RefCell<ExpiringRows<K, V>>>),
}

/// The task's only view of a table's store.
fn open<K: Key, V: Value>(builder: &mut NodeBuilder<'_>, store: StoreId) -> Result<KeptRows<K, V>, BuildError> {
    if builder.history(store)?.is_some() {
        return builder.store(store, VersionedRows::new).map(KeptRows::Versioned);
    }
    match builder.expires_after(store)? {
        None => builder.cached_store(store, TableStore::new).map(KeptRows::Current),
        Some(_) => builder.store(store, ExpiringRows::new).map(KeptRows::Expiring),
    }
}

struct StoreView<K: Key, V: Value> {
    node: Arc<str>,
    rows: Rc<RefCell<TableStore<K, V>>>,
}

impl<K: Key, V: Value> TableView<K, V> for StoreView<K, V> {
    fn get(&mut self, key: &K) -> Result<Option<Row<V>>, OperatorError> {
        self.rows.borrow_mut().get(key).map_err(|error| OperatorError::rows(&self.node, error))
    }

    fn get_forwarded(&mut self, key: &K) -> Result<Option<Row<V>>, OperatorError> {
        self.rows.borrow_mut().get_forwarded(key).map_err(|error| OperatorError::rows(&self.node, error))
    }
}

struct VersionedView<K: Key, V: Value> {
    node: Arc<str>,
    rows: Rc<RefCell<VersionedRows<K, V>>>,
}

impl<K: Key, V: Value> TableView<K, V> for VersionedView<K, V> {
    fn get(&mut self, key: &K) -> Result<Option<Row<V>>, OperatorError> {
        let version = self.rows.borrow_mut().get(key).map_err(|error| OperatorError::rows(&self.node, error))?;
        Ok(version.map(Version::row))
    }

    /// There is no cache, so everything is forwarded.
    fn get_forwarded(&mut self, key: &K) -> Result<Option<Row<V>>, OperatorError> {
        self.get(key)
    }

    fn get_as_of(&mut self, key: &K, timestamp: Timestamp) -> Result<Option<Row<V>>, OperatorError> {
        let version = self.rows.borrow_mut().get_as_of(key, timestamp);
        Ok(version.map_err(|error| OperatorError::rows(&self.node, error))?.map(Version::row))
    }
}

struct ExpiringView<K: Key, V: Value> {
    node: Arc<str>,
    rows: Rc<RefCell<ExpiringRows<K, V>>>,
}

impl<K: Key, V: Value> TableView<K, V> for ExpiringView<K, V> {
    fn get(&mut self, key: &K) -> Result<Option<Row<V>>, OperatorError> {
        self.rows.borrow_mut().get(key).map_err(|error| OperatorError::rows(&self.node, error))
    }

    /// There is no cache, so everything is forwarded.
    fn get_forwarded(&mut self, key: &K) -> Result<Option<Row<V>>, OperatorError> {
        self.get(key)
    }
}

/// A node's own table: its rows, and the children that get the changes. With caching, changes are forwarded when the
/// cache is flushed.
pub(super) struct StoredTable<K: Key, V: Value> {
    pub(super) node: Arc<str>,
    rows: KeptRows<K, V>,
    outputs: Outputs<K, Change<V>>,
}

impl<K: Key, V: Value> StoredTable<K, V> {
    /// The table that the node being built keeps in `store`.
    pub(super) fn new(builder: &mut NodeBuilder<'_>, store: StoreId) -> Result<Self, BuildError> {
        let (rows, wants_old) = (open(builder, store)?, builder.sends_old_values());
        let outputs = builder.outputs()?;
        match &rows {
            KeptRows::Current(rows) => {
                rows.borrow_mut().rows_mut().want_old_values(wants_old);
                flush_at_commit(builder, rows, &outputs);
            }
            KeptRows::Versioned(rows) => rows.borrow_mut().want_old_values(wants_old),
            KeptRows::Expiring(rows) => {
                rows.borrow_mut().want_old_values(wants_old);
                expire(builder, rows, &outputs);
            }
        }
        Ok(Self { node: Arc::clone(builder.name()), rows, outputs })
    }

    /// As [`StoredTable::new`], for [`StoredTable::take`]: what a row was is looked up only for a cache.
    pub(super) fn of_changes(builder: &mut NodeBuilder<'_>, store: StoreId) -> Result<Self, BuildError> {
        let table = Self::new(builder, store)?;
        match &table.rows {
            KeptRows::Current(rows) => {
                let is_cached = rows.borrow().rows().is_cached();
                rows.borrow_mut().rows_mut().want_old_values(is_cached && builder.sends_old_values());
            }
            KeptRows::Versioned(rows) => rows.borrow_mut().want_old_values(false),
            // Nobody gives such tables a store from which rows expire.
            KeptRows::Expiring(_) => {}
        }
        Ok(table)
    }

    /// Turns the changelog off, for a table that is restored from its source topic.
    pub(super) fn without_changelog(self) -> Self {
        match &self.rows {
            KeptRows::Current(rows) => rows.borrow_mut().rows_mut().log_changes(false),
            KeptRows::Versioned(rows) => rows.borrow_mut().log_changes(false),
            // Its deletions are in no source topic.
            KeptRows::Expiring(_) => {}
        }
        self
    }

    /// Updates a row on behalf of a record with this timestamp and these headers. The change is forwarded now or,
    /// with a cache, later. `update` gets the current row and returns the new one with its timestamp.
    #[inline]
    pub(super) fn update<Q: AsKey<K>>(
        &self,
        context: &mut Context,
        key: Q,
        timestamp: Timestamp,
        headers: Headers,
        update: impl FnOnce(&Q, Option<Row<V>>) -> (Option<V>, Timestamp),
    ) -> Result<(), OperatorError> {
        let changed = match &self.rows {
            KeptRows::Current(rows) => {
                let cause = Cause { timestamp, headers: &headers };
                rows.borrow_mut().update(&key, cause, |row| update(&key, row))
            }
            KeptRows::Versioned(rows) => {
                let written = rows.borrow_mut().update(&key, |row| update(&key, row));
                written.inspect(|written| self.count_refused(context, written.as_ref()))
            }
            KeptRows::Expiring(rows) => {
                let cause = (Cause { timestamp, headers: &headers }, context.stream_time);
                let written = rows.borrow_mut().update(&key, cause, |row| update(&key, row));
                written.inspect(|written| self.count_refused(context, written.as_ref()))
            }
        };
        match changed.map_err(|error| OperatorError::rows(&self.node, error))? {
            Some(changed) => {
                let key = key.into_key().map_err(|error| OperatorError::unmade_key(&self.node, &error))?;
                let record = Record { key, value: changed.change, timestamp: changed.timestamp, headers };
                self.outputs.forward(context, record)
            }
            None => Ok(()),
        }
    }

    /// Sets or deletes a row regardless of its current value. The change is forwarded now or, with a cache, later.
    /// The row gets the record's timestamp.
    #[inline]
    pub(super) fn set(&self, context: &mut Context, record: Record<K, Option<V>>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        match self.set_row(context, &key, value, Cause { timestamp, headers: &headers })? {
            Some(changed) => self.outputs.forward(context, Record { key, value: changed.change, timestamp, headers }),
            None => Ok(()),
        }
    }

    /// As [`StoredTable::set`], for a change that says itself what the row was. Without a cache, that is forwarded with
    /// it, even if the store has something else.
    pub(super) fn take(&self, context: &mut Context, record: Record<K, Change<V>>) -> Result<(), OperatorError> {
        let Record { key, value: Change { old, new, .. }, timestamp, headers } = record;
        match self.set_row(context, &key, new, Cause { timestamp, headers: &headers })? {
            Some(Changed { change, timestamp }) => {
                self.outputs.forward(context, Record { key, value: Change { old, ..change }, timestamp, headers })
            }
            None => Ok(()),
        }
    }

    #[inline]
    fn set_row(
        &self,
        context: &mut Context,
        key: &K,
        row: Option<V>,
        cause: Cause<'_>,
    ) -> Result<Option<Changed<V>>, OperatorError> {
        let changed = match &self.rows {
            KeptRows::Current(rows) => rows.borrow_mut().set(key, cause, row),
            KeptRows::Versioned(rows) => {
                let written = rows.borrow_mut().set(key, row, cause.timestamp);
                written.inspect(|written| self.count_refused(context, written.as_ref()))
            }
            KeptRows::Expiring(rows) => {
                let written = rows.borrow_mut().update(key, (cause, context.stream_time), |_| (row, cause.timestamp));
                written.inspect(|written| self.count_refused(context, written.as_ref()))
            }
        };
        changed.map_err(|error| OperatorError::rows(&self.node, error))
    }

    /// Counts a write that a store has refused because it is too old.
    fn count_refused(&self, context: &mut Context, written: Option<&Changed<V>>) {
        if written.is_none() {
            context.drop_record(&self.node, DropReason::Expired);
        }
    }

    /// A row, including changes that are not flushed yet.
    pub(super) fn get(&self, key: &K) -> Result<Option<Row<V>>, OperatorError> {
        let row = match &self.rows {
            KeptRows::Current(rows) => rows.borrow_mut().get(key),
            KeptRows::Versioned(rows) => rows.borrow_mut().get(key).map(|version| version.map(Version::row)),
            KeptRows::Expiring(rows) => rows.borrow_mut().get(key),
        };
        row.map_err(|error| OperatorError::rows(&self.node, error))
    }
}

#[cfg(test)]
mod versions;

#[cfg(test)]
mod tests {
    use crate::operators::testing::{Chain, Num, Setup, Word, at};
    use crate::operators::{StoreId, stream_table_join, table_source, table_to_stream};

    type Joined = Chain<Word, Num, Word, i64>;

    #[test]
    fn a_join_sees_the_tables_latest_rows_flushed_or_not() {
        for cache_bytes in [0, 300, 1 << 20] {
            let join = stream_table_join::recipe::<Word, Num, Num, i64>(
                super::view(StoreId(0)),
                true,
                |_, value: Num, row: Option<Num>| Some(value.0 * 1_000 + row.map_or(0, |row| row.0)),
            );
            let fill = table_source::recipe::<Word, Option<Num>>(Some(StoreId(0)), true);
            let setup = Setup { cache_bytes, ..Setup::default() };
            let (mut joined, table) = Joined::with_neighbour::<Word, Option<Num>>(setup, &join, &fill);
            let fill = |joined: &mut Joined, key: &str, row: Option<i64>| {
                table.borrow_mut().process(&mut joined.context, at(1, key.into(), row.map(Num))).unwrap();
            };
            joined.send(at(1, "a".into(), Num(1)));
            fill(&mut joined, "a", Some(5));
            joined.send(at(1, "a".into(), Num(2)));
            joined.commit();
            joined.send(at(1, "a".into(), Num(3)));
            fill(&mut joined, "a", Some(6));
            fill(&mut joined, "b", Some(7));
            joined.send(at(1, "b".into(), Num(4)));
            joined.send(at(1, "a".into(), Num(5)));
            fill(&mut joined, "a", None);
            joined.send(at(1, "a".into(), Num(6)));
            joined.commit();
            joined.send(at(1, "a".into(), Num(7)));
            let values: Vec<_> = joined.received().into_iter().map(|record| record.value).collect();
            assert_eq!(values, [1_000, 2_005, 3_005, 4_007, 5_006, 6_000, 7_000], "cache: {cache_bytes}");
        }
    }

    /// A flushed change may be joined with the very table it comes from: `table.to_stream().join(table)`.
    #[test]
    fn a_table_can_be_looked_up_while_it_is_flushed() {
        for cache_bytes in [0, 1 << 20] {
            let join = stream_table_join::recipe::<Word, Option<Num>, Num, (i64, Option<i64>)>(
                super::view(StoreId(0)),
                true,
                |_, value: Num, row: Option<Num>| Some((value.0, row.map(|row| row.0))),
            );
            let table = table_source::recipe::<Word, Option<Num>>(Some(StoreId(0)), true);
            let to_stream = table_to_stream::recipe::<Word, Num>();
            let setup = Setup { cache_bytes, ..Setup::default() };
            let mut chain: Chain<Word, Option<Num>, Word, (i64, Option<i64>)> =
                Chain::in_a_row(setup, &[&table, &to_stream, &join]);
            for (key, row) in [("a", 1), ("b", 2)] {
                chain.send(at(1, key.into(), Some(Num(row))));
            }
            chain.flush();
            let received = chain.received();
            assert_eq!(received, [at(1, "a".into(), (1, Some(1))), at(1, "b".into(), (2, Some(2)))]);
        }
    }
}
