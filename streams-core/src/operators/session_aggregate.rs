//! `count`, `reduce` and `aggregate` of a grouped stream in session windows: one row per key and session.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::cached::flush_at_commit;
use super::open_rows::OpenRows;
use super::presence::{Count, counting};
use super::{
    BuildError, BuiltNode, Context, DropReason, Emission, Next, NodeBuilder, OperatorError, Outputs, Recipe, StoreId,
    TableView, TableViewRecipe,
};
use crate::record::{Change, Headers, Record, Timestamp};
use crate::state::rows::{Cause, Changed, Row, RowError};
use crate::state::runs::RunId;
use crate::state::session_rows::{BySession, SessionPlace, SessionRows};
use crate::windows::{Session, SessionWindows, Windowed};
use crate::wire::encoded_key::AsKey;
use crate::wire::{Key, Nullable, NullableKey, Value};

/// Takes `Record<K, V>`, forwards `Change<A>` by key and session.
///
/// Records with a null key are dropped and counted; null values reach `update`. A record joins the sessions of its key that
/// end no earlier than the gap before it and start no later than the gap after it. If the session that they make together
/// with it ended more than the gap and the grace before the node's stream time, the record is late: it is dropped and
/// counted, and nothing changes. Otherwise each of the sessions is deleted, in the order of their ends, a tombstone with its
/// end as timestamp is forwarded, and the new session is put in their place, with its end as timestamp. Only a session of the
/// record's own moment is updated instead, if there is no other. `merge` combines the aggregate so far, which is `None` at
/// first, with the next session's; then `update` takes the record in.
///
/// The stream's headers are not forwarded, except by a cache, as in Java.
///
/// On close, changes are not forwarded. Instead each session is forwarded as soon as it ended more than the gap and the
/// grace before stream time, in the order of end, start and key, with the headers of the record that has closed it. As
/// stream time is kept with the state, none is forwarded again after a restart.
pub(crate) fn recipe<K, V, A>(
    store: StoreId,
    windows: SessionWindows,
    emission: Emission,
    update: impl Fn(&K::Inner, Option<V::Inner>, Option<A>) -> Option<A> + Send + Sync + 'static,
    merge: impl Fn(&K::Inner, Option<A>, A) -> Option<A> + Send + Sync + 'static,
) -> Recipe
where
    K: NullableKey,
    V: Nullable,
    A: Value,
{
    let (update, merge) = (Arc::new(update), Arc::new(merge));
    Recipe::new(move |builder| {
        let table = SessionTable::new(builder, store, windows, emission)?;
        let (update, merge) = (Arc::clone(&update), Arc::clone(&merge));
        Ok(BuiltNode::link::<K, V>(SessionAggregate::<K, A, _, _> { table, update, merge }))
    })
    .of_store::<K::Inner, A>(store)
}

/// As [`recipe`], for a count, which never reads the values.
pub(crate) fn counting_recipe<K: NullableKey, V: Nullable>(
    store: StoreId,
    windows: SessionWindows,
    emission: Emission,
) -> Recipe {
    Recipe::new(move |builder| {
        Ok(counting::<K, V>(SessionTable::<K::Inner, i64>::new(builder, store, windows, emission)?))
    })
    .of_store::<K::Inner, i64>(store)
}

/// The rows of a session table, for nodes that look them up.
#[must_use]
pub(crate) fn view<K: Key, A: Value>(store: StoreId) -> TableViewRecipe<Windowed<K, Session>, A> {
    TableViewRecipe::new(move |builder| {
        let rows = builder.cached_store(store, SessionRows::<K, A>::new)?;
        Ok(Box::new(SessionView { node: Arc::clone(builder.name()), rows }))
    })
}

struct SessionView<K: Key, A: Value> {
    node: Arc<str>,
    rows: Rc<RefCell<SessionRows<K, A>>>,
}

impl<K: Key, A: Value> SessionView<K, A> {
    fn row(&self, window: Session, row: Result<Option<Row<A>>, RowError>) -> Result<Option<Row<A>>, OperatorError> {
        let row = row.map_err(|error| OperatorError::rows(&self.node, error))?;
        Ok(row.map(|(value, _)| (value, window.end)))
    }
}

impl<K: Key, A: Value> TableView<Windowed<K, Session>, A> for SessionView<K, A> {
    fn get(&mut self, key: &Windowed<K, Session>) -> Result<Option<Row<A>>, OperatorError> {
        let row = self.rows.borrow_mut().peek(&key.key, key.window.into());
        self.row(key.window, row)
    }

    fn get_forwarded(&mut self, key: &Windowed<K, Session>) -> Result<Option<Row<A>>, OperatorError> {
        let row = self.rows.borrow_mut().peek_flushed(&key.key, key.window.into());
        self.row(key.window, row)
    }
}

struct SessionAggregate<K: NullableKey, A: Value, F, M> {
    table: SessionTable<K::Inner, A>,
    update: Arc<F>,
    merge: Arc<M>,
}

impl<K, V, A, F, M> Next<K, V> for SessionAggregate<K, A, F, M>
where
    K: NullableKey,
    V: Nullable,
    A: Value,
    F: Fn(&K::Inner, Option<V::Inner>, Option<A>) -> Option<A>,
    M: Fn(&K::Inner, Option<A>, A) -> Option<A>,
{
    #[inline]
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        let record = Record { key: key.into_option(), value: value.into_option(), timestamp, headers };
        self.table.take(context, record, &*self.update, &*self.merge)
    }
}

impl<K: Key> Count<K> for SessionTable<K, i64> {
    #[inline]
    fn count<Q: AsKey<K>>(
        &mut self,
        context: &mut Context,
        record: Record<Option<Q>, Option<()>>,
    ) -> Result<(), OperatorError> {
        let count = |_: &Q, _, count: Option<i64>| Some(count.unwrap_or(0) + 1);
        self.take(context, record, count, |_, one, other| Some(one.unwrap_or(0) + other))
    }
}

/// A node's own session table: its rows, which sessions still accept records, and the children that get the changes.
struct SessionTable<K: Key, A: Value> {
    node: Arc<str>,
    windows: SessionWindows,
    rows: Rc<RefCell<SessionRows<K, A>>>,
    stream_time: Rc<Cell<Timestamp>>,
    outputs: Outputs<Windowed<K, Session>, Change<A>>,
    /// The sessions that the current record joins.
    joined: Vec<SessionPlace>,
    /// Those that are still to be forwarded, if that happens when they close.
    open: Option<OpenRows<BySession<K>, A>>,
}

impl<K: Key, A: Value> SessionTable<K, A> {
    fn new(
        builder: &mut NodeBuilder<'_>,
        store: StoreId,
        windows: SessionWindows,
        emission: Emission,
    ) -> Result<Self, BuildError> {
        let rows = builder.cached_store(store, SessionRows::<K, A>::new)?;
        let outputs = builder.outputs()?;
        flush_at_commit(builder, &rows, &emission.of_changes(&outputs));
        let (node, stream_time) = (Arc::clone(builder.name()), builder.stream_time());
        let open = match emission {
            Emission::OnUpdate => {
                rows.borrow_mut().want_old_values(builder.sends_old_values());
                None
            }
            Emission::OnClose => Some(OpenRows::new(Arc::clone(&node), &rows, &outputs)),
        };
        Ok(Self { node, windows, rows, stream_time, outputs, joined: Vec::new(), open })
    }

    /// Takes a record into its key's sessions.
    #[inline]
    fn take<Q: AsKey<K>, V>(
        &mut self,
        context: &mut Context,
        record: Record<Option<Q>, Option<V>>,
        update: impl Fn(&Q, Option<V>, Option<A>) -> Option<A>,
        merge: impl Fn(&Q, Option<A>, A) -> Option<A>,
    ) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        let Some(key) = key else {
            context.drop_record(&self.node, DropReason::NullKey);
            return Ok(());
        };
        if timestamp.0 < 0 {
            context.drop_record(&self.node, DropReason::NegativeTimestamp);
            return Ok(());
        }
        // After a restart, the store does not know yet what is over.
        self.rows.borrow_mut().observe(self.stream_time.get());
        if let Some(open) = &mut self.open {
            let open_from = self.stream_time.get().0.saturating_sub(self.windows.retention_min_ms());
            open.complete(Timestamp(open_from)).map_err(|error| OperatorError::rows(&self.node, error))?;
        }
        let stream_time = self.stream_time.get().max(timestamp);
        self.stream_time.set(stream_time);
        let (run, session) = self.join(&key, timestamp).map_err(|error| OperatorError::rows(&self.node, error))?;
        if session.end.0 < stream_time.0.saturating_sub(self.windows.retention_min_ms()) {
            context.drop_record(&self.node, DropReason::Late);
            return Ok(());
        }
        let cause = Cause { timestamp, headers: &headers };
        let mut aggregate = None;
        if session.start < session.end {
            for place in &self.joined {
                let taken = self.rows.borrow_mut().take(run, *place, cause);
                let (old, changed) = taken.map_err(|error| OperatorError::rows(&self.node, error))?;
                if let Some(old) = old {
                    aggregate = merge(&key, aggregate, old);
                }
                self.forward(context, &key, (*place).into(), changed)?;
            }
        }
        let changed = self.rows.borrow_mut().update(run, session.into(), cause, |row| {
            let aggregate = row.map_or(aggregate, |(old, _)| merge(&key, None, old));
            (update(&key, value, aggregate), timestamp)
        });
        let changed = changed.map_err(|error| OperatorError::rows(&self.node, error))?;
        self.close(context, (run, session), &headers)?;
        self.rows.borrow_mut().observe(session.end);
        if self.rows.borrow().refuses(session.end) {
            context.drop_record(&self.node, DropReason::Expired);
        }
        self.forward(context, &key, session, changed)
    }

    /// If sessions are forwarded on close: notes that one has taken the place of those that the record joins, and forwards
    /// what closes.
    fn close(
        &mut self,
        context: &mut Context,
        (run, session): (RunId, Session),
        headers: &Headers,
    ) -> Result<(), OperatorError> {
        let Some(open) = &mut self.open else { return Ok(()) };
        self.joined.iter().for_each(|place| open.remove(run, *place));
        open.add(run, session.into());
        let open_from = self.stream_time.get().0.saturating_sub(self.windows.retention_min_ms());
        open.close_before(context, Timestamp(open_from), headers)
    }

    /// Finds the sessions that a record joins, and the session that they make with it.
    fn join<Q: AsKey<K>>(&mut self, key: &Q, timestamp: Timestamp) -> Result<(RunId, Session), RowError> {
        let mut rows = self.rows.borrow_mut();
        let run = rows.open(key)?;
        let gap = self.windows.gap_ms;
        let (from, to) = (timestamp.0.saturating_sub(gap), timestamp.0.saturating_add(gap));
        let mut session = Session { start: timestamp, end: timestamp };
        self.joined.clear();
        for (place, ..) in rows.rows(run, Timestamp(from)).filter(|(place, ..)| place.start.0 <= to) {
            session.start = session.start.min(place.start);
            session.end = session.end.max(place.end);
            self.joined.push(place);
        }
        Ok((run, session))
    }

    #[inline]
    fn forward<Q: AsKey<K>>(
        &self,
        context: &mut Context,
        key: &Q,
        window: Session,
        changed: Option<Changed<A>>,
    ) -> Result<(), OperatorError> {
        let Some(Changed { change, timestamp }) = changed.filter(|_| self.open.is_none()) else { return Ok(()) };
        let key = key.clone().into_key().map_err(|error| OperatorError::unmade_key(&self.node, &error))?;
        let key = Windowed { key, window };
        self.outputs.forward(context, Record { key, value: change, timestamp, headers: Headers::new() })
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
