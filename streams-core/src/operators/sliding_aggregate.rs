//! `count`, `reduce` and `aggregate` of a grouped stream in sliding windows: one row per key and window.

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
use crate::record::{Change, Record, Timestamp};
use crate::state::rows::{Cause, Changed, Row, RowError};
use crate::state::runs::RunId;
use crate::state::sliding_rows::{BySlidingWindow, SlidingPlace, SlidingRows};
use crate::windows::{SlidingWindows, Window, Windowed};
use crate::wire::encoded_key::AsKey;
use crate::wire::{Key, Nullable, NullableKey, Value};

use plan::{Near, Plan, Step};

mod plan;
#[cfg(test)]
mod tests;

/// Takes `Record<K, V>`, forwards `Change<A>` by key and window (KIP-450).
///
/// Records with a null key or a null value are dropped and counted. So are those whose right window, the one that would
/// begin with them, ended before the node's stream time minus the grace. Otherwise each window that includes the record is
/// updated, from the latest to the earliest one, as Kafka Streams does where its store can be read backwards. Then windows
/// are created: the one that begins just after the record before it, the one that ends with the record, and the one that
/// begins just after it if there are records in it. Which records there are is seen from the rows, because a row's timestamp
/// is that of the latest record in its window. Each window that has closed already counts as a drop.
///
/// No window starts before 0: records earlier than the difference share the window that starts there.
///
/// On close, changes are not forwarded. Instead each row is forwarded as soon as its window ended more than the grace before
/// stream time, in the order of start and key, with the headers of the record that has closed it.
pub(crate) fn recipe<K, V, A>(
    store: StoreId,
    windows: SlidingWindows,
    emission: Emission,
    update: impl Fn(&K::Inner, V::Inner, Option<A>) -> Option<A> + Send + Sync + 'static,
) -> Recipe
where
    K: NullableKey,
    V: Nullable,
    A: Value,
{
    let update = Arc::new(update);
    Recipe::new(move |builder| {
        let table = SlidingTable::new(builder, store, windows, emission)?;
        Ok(BuiltNode::link::<K, V>(SlidingAggregate::<K, A, _> { table, update: Arc::clone(&update) }))
    })
    .of_store::<K::Inner, A>(store)
}

/// As [`recipe`], for a count, which never reads the values.
pub(crate) fn counting_recipe<K: NullableKey, V: Nullable>(
    store: StoreId,
    windows: SlidingWindows,
    emission: Emission,
) -> Recipe {
    Recipe::new(move |builder| {
        Ok(counting::<K, V>(SlidingTable::<K::Inner, i64>::new(builder, store, windows, emission)?))
    })
    .of_store::<K::Inner, i64>(store)
}

/// The rows of a table with sliding windows, for nodes that look them up.
#[must_use]
pub(crate) fn view<K: Key, A: Value>(store: StoreId) -> TableViewRecipe<Windowed<K>, A> {
    TableViewRecipe::new(move |builder| {
        let rows = builder.cached_store(store, SlidingRows::<K, A>::new)?;
        Ok(Box::new(SlidingView { node: Arc::clone(builder.name()), rows }))
    })
}

struct SlidingView<K: Key, A: Value> {
    node: Arc<str>,
    rows: Rc<RefCell<SlidingRows<K, A>>>,
}

impl<K: Key, A: Value> TableView<Windowed<K>, A> for SlidingView<K, A> {
    fn get(&mut self, key: &Windowed<K>) -> Result<Option<Row<A>>, OperatorError> {
        let row = self.rows.borrow_mut().peek(&key.key, SlidingPlace(key.window.start));
        row.map_err(|error| OperatorError::rows(&self.node, error))
    }

    fn get_forwarded(&mut self, key: &Windowed<K>) -> Result<Option<Row<A>>, OperatorError> {
        let row = self.rows.borrow_mut().peek_flushed(&key.key, SlidingPlace(key.window.start));
        row.map_err(|error| OperatorError::rows(&self.node, error))
    }
}

struct SlidingAggregate<K: NullableKey, A: Value, F> {
    table: SlidingTable<K::Inner, A>,
    update: Arc<F>,
}

impl<K, V, A, F> Next<K, V> for SlidingAggregate<K, A, F>
where
    K: NullableKey,
    V: Nullable,
    A: Value,
    F: Fn(&K::Inner, V::Inner, Option<A>) -> Option<A>,
{
    #[inline]
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        let record = Record { key: key.into_option(), value: value.into_option(), timestamp, headers };
        self.table.take(context, record, &*self.update)
    }
}

impl<K: Key> Count<K> for SlidingTable<K, i64> {
    #[inline]
    fn count<Q: AsKey<K>>(
        &mut self,
        context: &mut Context,
        record: Record<Option<Q>, Option<()>>,
    ) -> Result<(), OperatorError> {
        self.take(context, record, |_, (), count| Some(count.unwrap_or(0) + 1))
    }
}

/// A node's own table: its rows, which windows still accept records, and the children that get the changes.
struct SlidingTable<K: Key, A: Value> {
    node: Arc<str>,
    windows: SlidingWindows,
    rows: Rc<RefCell<SlidingRows<K, A>>>,
    stream_time: Rc<Cell<Timestamp>>,
    outputs: Outputs<Windowed<K>, Change<A>>,
    /// The windows near the current record.
    near: Vec<Near>,
    /// The latest start of a window that was written.
    newest: Timestamp,
    /// Those that are still to be forwarded, if that happens when they close.
    open: Option<OpenRows<BySlidingWindow<K>, A>>,
}

/// The record that is being processed.
struct Current<'a, Q, V> {
    run: RunId,
    key: &'a Q,
    value: V,
    cause: Cause<'a>,
}

impl<K: Key, A: Value> SlidingTable<K, A> {
    fn new(
        builder: &mut NodeBuilder<'_>,
        store: StoreId,
        windows: SlidingWindows,
        emission: Emission,
    ) -> Result<Self, BuildError> {
        let rows = builder.cached_store(store, SlidingRows::<K, A>::new)?;
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
        Ok(Self { node, windows, rows, stream_time, outputs, near: Vec::new(), newest: Timestamp::UNKNOWN, open })
    }

    /// Windows that start before this moment take no records: they ended more than the grace before stream time.
    fn open_from(&self) -> Timestamp {
        let SlidingWindows { difference_ms, grace_ms } = self.windows;
        Timestamp(self.stream_time.get().0.saturating_sub(grace_ms).saturating_sub(difference_ms))
    }

    /// Takes a record into the windows that include it.
    #[inline]
    fn take<Q: AsKey<K>, V: Clone>(
        &mut self,
        context: &mut Context,
        record: Record<Option<Q>, Option<V>>,
        update: impl Fn(&Q, V, Option<A>) -> Option<A>,
    ) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        let (key, value) = match (key, value) {
            (Some(key), Some(value)) if timestamp.0 >= 0 => (key, value),
            (key, value) => {
                let has_both = key.is_some() && value.is_some();
                let missing = if key.is_none() { DropReason::NullKey } else { DropReason::NullValue };
                context.drop_record(&self.node, if has_both { DropReason::NegativeTimestamp } else { missing });
                return Ok(());
            }
        };
        let open_from = self.open_from();
        if let Some(open) = &mut self.open {
            open.complete(open_from).map_err(|error| OperatorError::rows(&self.node, error))?;
        }
        self.stream_time.set(self.stream_time.get().max(timestamp));
        if timestamp < self.open_from() {
            context.drop_record(&self.node, DropReason::Late);
            return Ok(());
        }
        let run = self.look_around(&key, timestamp).map_err(|error| OperatorError::rows(&self.node, error))?;
        let current = Current { run, key: &key, value, cause: Cause { timestamp, headers: &headers } };
        let plan = Plan::of(&self.near, timestamp, self.windows.difference_ms);
        self.follow(context, &plan, &current, update)?;
        let open_from = self.open_from();
        if let Some(open) = &mut self.open {
            open.close_before(context, open_from, &headers)?;
        }
        self.rows.borrow_mut().observe(self.newest);
        Ok(())
    }

    /// Finds the windows of the key that may include the record, or others near it.
    fn look_around<Q: AsKey<K>>(&mut self, key: &Q, timestamp: Timestamp) -> Result<RunId, RowError> {
        let mut rows = self.rows.borrow_mut();
        let run = rows.open(key)?;
        let from = timestamp.0.saturating_sub(self.windows.difference_ms.saturating_mul(2)).max(0);
        let near = rows.rows(run, Timestamp(from)).map(|(SlidingPlace(start), _, latest)| Near { start, latest });
        self.near.clear();
        self.near.extend(near.take_while(|near| near.start.0 <= timestamp.0.saturating_add(1)));
        Ok(run)
    }

    /// Updates and creates windows as planned.
    fn follow<Q: AsKey<K>, V: Clone>(
        &mut self,
        context: &mut Context,
        plan: &Plan,
        current: &Current<'_, Q, V>,
        update: impl Fn(&Q, V, Option<A>) -> Option<A>,
    ) -> Result<(), OperatorError> {
        // What new windows begin with is what others were before the record.
        let right = plan.right_of.and_then(|start| self.row(current.run, start));
        let mut left = plan.left_of.and_then(|start| self.row(current.run, start)).map(|(value, _)| value);
        let timestamp = current.cause.timestamp;
        let apply = |row| update(current.key, current.value.clone(), row);
        let take = |row: Option<Row<A>>| match row {
            Some((aggregate, latest)) => (apply(Some(aggregate)), latest.max(timestamp)),
            None => (apply(None), timestamp),
        };
        for step in &plan.steps {
            match *step {
                Step::CreateRight(start) => {
                    let Some((value, latest)) = right.clone() else { continue };
                    self.change(context, current, start, |_| (Some(value), latest))?;
                }
                Step::Update(start) | Step::Create(start) | Step::CreateLeft(start) if start < self.open_from() => {
                    context.drop_record(&self.node, DropReason::Late);
                }
                Step::Update(start) | Step::Create(start) => self.change(context, current, start, take)?,
                Step::CreateLeft(start) => {
                    let left = left.take();
                    self.change(context, current, start, |_| (apply(left), timestamp))?;
                }
            }
        }
        Ok(())
    }

    /// A row of the key, if it can be found.
    fn row(&self, run: RunId, start: Timestamp) -> Option<Row<A>> {
        let rows = self.rows.borrow();
        let (place, value, latest) = rows.rows(run, start).next()?;
        (place.0 == start).then(|| (value.clone(), latest))
    }

    /// Changes the row of a window, and forwards the change.
    fn change<Q: AsKey<K>, V>(
        &mut self,
        context: &mut Context,
        current: &Current<'_, Q, V>,
        start: Timestamp,
        update: impl FnOnce(Option<Row<A>>) -> (Option<A>, Timestamp),
    ) -> Result<(), OperatorError> {
        let Current { run, key, cause, .. } = *current;
        self.newest = self.newest.max(start);
        let changed = self.rows.borrow_mut().update(run, SlidingPlace(start), cause, update);
        let changed = changed.map_err(|error| OperatorError::rows(&self.node, error))?;
        // Another group of several may be so far ahead that the row is over.
        if self.rows.borrow().refuses(start) {
            context.drop_record(&self.node, DropReason::Expired);
        }
        if let Some(open) = &mut self.open {
            open.add(run, SlidingPlace(start));
            return Ok(());
        }
        let Some(Changed { change: value, timestamp }) = changed else { return Ok(()) };
        let key = key.clone().into_key().map_err(|error| OperatorError::unmade_key(&self.node, &error))?;
        let window = Window { start, end: Timestamp(start.0.saturating_add(self.windows.difference_ms)) };
        let (key, headers) = (Windowed { key, window }, cause.headers.clone());
        self.outputs.forward(context, Record { key, value, timestamp, headers })
    }
}
