//! `suppress`: holds a table's changes back, and sends on only the last one of each key.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::process::PunctuationId;
use super::{
    BuildError, BuiltNode, Context, Flush, Next, NodeBuilder, OperatorError, Outputs, Punctuate, Punctuation,
    PunctuationTime, Recipe, StoreId, TableView, TableViewRecipe,
};
use crate::record::{Change, Record, Timestamp};
use crate::state::held_record::HeldContext;
use crate::state::rows::{Row, RowError};
use crate::state::suppression_buffer::SuppressionBuffer;
use crate::wire::{Key, Value};

/// How long changes are held back, and how many.
#[derive(Debug)]
pub(crate) struct Suppression<K> {
    pub(crate) until: Until<K>,
    pub(crate) limits: Limits,
}

/// When changes are sent on.
#[derive(Debug)]
pub(crate) enum Until<K> {
    /// When stream time is `grace_ms` after the end of the key's window. What was never sent need not be deleted, so
    /// deletions are left out.
    WindowCloses {
        /// The end of a key's window.
        end: fn(&K) -> Timestamp,
        grace_ms: i64,
    },
    /// When stream time is so many milliseconds after the time of the key's first change.
    TimeLimit(i64),
    /// When so many milliseconds have passed on the wall clock since the key's first change arrived.
    WallClock(i64),
}

// A derive would demand `Copy` of the keys.
impl<K> Clone for Suppression<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Suppression<K> {}

impl<K> Clone for Until<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Until<K> {}

/// How much is held back at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The number of keys.
    pub(crate) records: usize,
    /// By Java's estimate.
    pub(crate) bytes: usize,
    pub(crate) when_full: WhenFull,
}

/// What is done when a limit is exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// The changes that have waited longest are sent on.
    EmitEarly,
    /// The application ends.
    ShutDown,
}

impl Limits {
    pub(crate) const NONE: Self = Self { records: usize::MAX, bytes: usize::MAX, when_full: WhenFull::ShutDown };
}

/// A wall-clock suppression looks so often while a change waits, but not more often than each millisecond and not less
/// often than each second.
const LOOKS_PER_WAIT: i64 = 10;

/// After this many changed keys a commit is asked for, so that a buffer that sends at commits does not grow for as long
/// as a commit interval.
const UNWRITTEN_MAX: usize = 100_000;

/// Takes and forwards `Change<V>` by key, whose input must carry old values.
///
/// A change that replaces another one waits only as long as that would have. What is sent on has the timestamp, headers
/// and position of the last change of its key, and as its old value what was sent on before. Stream time is the largest
/// timestamp among the changes that this node has seen. Changes are sent in the order of the times from which they wait,
/// and of their keys' bytes.
///
/// With caches upstream, several changes arrive at each flush in an order that has nothing to do with time. Then final
/// results of windows (`behind_caches`) are sent only when all of them have arrived, so that none is sent twice.
pub(crate) fn recipe<K: Key, V: Value>(store: StoreId, suppression: Suppression<K>, behind_caches: bool) -> Recipe {
    Recipe::new(move |builder| {
        let node = Rc::new(RefCell::new(Suppress::<K, V>::new(builder, store, suppression, behind_caches)?));
        builder.flush_at_commit(Rc::clone(&node) as _);
        if let Until::WallClock(wait_ms) = suppression.until {
            let interval = (wait_ms / LOOKS_PER_WAIT).clamp(1, 1_000).unsigned_abs();
            let (time, interval) = (PunctuationTime::WallClock, Duration::from_millis(interval));
            let id = builder.schedule_book().new_id();
            builder.punctuate(Punctuation { id, time, interval, start: None, target: Rc::clone(&node) as _ });
        }
        Ok(BuiltNode::shared::<K, Change<V>, _>(&node))
    })
    .of_store::<K, Bytes>(store)
}

/// The rows of the table that suppression makes: those that were sent on. A key whose change is held back has its row
/// from before, whose timestamp is not known; any other has its row in the parent.
pub(crate) fn view<K: Key, V: Value>(store: StoreId, parent: TableViewRecipe<K, V>) -> TableViewRecipe<K, V> {
    TableViewRecipe::new(move |builder| {
        let buffer = open(builder, store)?;
        Ok(Box::new(SuppressedView { node: Arc::clone(builder.name()), buffer, parent: parent.make(builder)? }))
    })
}

fn open<K: Key, V: Value>(
    builder: &mut NodeBuilder<'_>,
    store: StoreId,
) -> Result<Rc<RefCell<SuppressionBuffer<K, V>>>, BuildError> {
    builder.store(store, SuppressionBuffer::new)
}

struct Suppress<K, V> {
    node: Arc<str>,
    suppression: Suppression<K>,
    /// Whether what is due is sent on only when the task commits.
    sends_at_commits: bool,
    buffer: Rc<RefCell<SuppressionBuffer<K, V>>>,
    stream_time: Rc<Cell<Timestamp>>,
    outputs: Outputs<K, Change<V>>,
}

impl<K: Key, V: Value> Suppress<K, V> {
    fn new(
        builder: &mut NodeBuilder<'_>,
        store: StoreId,
        suppression: Suppression<K>,
        behind_caches: bool,
    ) -> Result<Self, BuildError> {
        let buffer = open::<K, V>(builder, store)?;
        if suppression.limits.bytes < usize::MAX {
            buffer.borrow_mut().count_bytes();
        }
        let is_final = matches!(suppression.until, Until::WindowCloses { .. });
        Ok(Self {
            node: Arc::clone(builder.name()),
            suppression,
            sends_at_commits: is_final && behind_caches && !builder.caches_are_off(),
            buffer,
            stream_time: builder.stream_time(),
            outputs: builder.outputs()?,
        })
    }

    /// Sends on what is due and, if there is too much then, what has waited longest.
    fn enforce(&mut self, context: &mut Context) -> Result<(), OperatorError> {
        self.send_due(context, usize::MAX)?;
        while self.is_full() {
            match self.suppression.limits.when_full {
                WhenFull::EmitEarly => self.send_first(context)?,
                WhenFull::ShutDown => return Err(self.full()),
            }
        }
        Ok(())
    }

    /// Sends on at most `rows_max` changes that are due, and returns whether there may be more.
    fn send_due(&mut self, context: &mut Context, rows_max: usize) -> Result<bool, OperatorError> {
        let due = match self.suppression.until {
            Until::WindowCloses { grace_ms, .. } => self.stream_time.get().0.saturating_sub(grace_ms),
            Until::TimeLimit(limit_ms) => self.stream_time.get().0.saturating_sub(limit_ms),
            Until::WallClock(wait_ms) => context.wall_clock.0.saturating_sub(wait_ms),
        };
        for _ in 0..rows_max {
            match self.with_buffer(SuppressionBuffer::first_time)? {
                Some(first) if first.0 <= due => self.send_first(context)?,
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The buffer is let go before anything is forwarded, because nodes downstream may look the key up: they see what it
    /// was before.
    fn send_first(&mut self, context: &mut Context) -> Result<(), OperatorError> {
        let Some(sending) = self.with_buffer(SuppressionBuffer::send)? else { return Ok(()) };
        let HeldContext { timestamp, position, headers } = sending.context;
        let is_final = matches!(self.suppression.until, Until::WindowCloses { .. });
        if sending.change.new.is_some() || !is_final {
            let position = std::mem::replace(&mut context.position, position);
            let record = Record { key: sending.key, value: sending.change, timestamp, headers };
            let forwarded = context.release(|context| self.outputs.forward(context, record));
            context.position = position;
            forwarded?;
        }
        self.buffer.borrow_mut().sent();
        Ok(())
    }

    fn is_full(&self) -> bool {
        let buffer = self.buffer.borrow();
        let Limits { records, bytes, .. } = self.suppression.limits;
        buffer.len() > records || buffer.bytes() > bytes
    }

    #[cold]
    fn full(&self) -> OperatorError {
        let buffer = self.buffer.borrow();
        let Limits { records, bytes, .. } = self.suppression.limits;
        let (what, held, limit) =
            if buffer.len() > records { ("records", buffer.len(), records) } else { ("bytes", buffer.bytes(), bytes) };
        OperatorError::BufferFull { node: self.node.to_string(), what, held, limit }
    }

    fn with_buffer<R>(
        &self,
        action: impl FnOnce(&mut SuppressionBuffer<K, V>) -> Result<R, RowError>,
    ) -> Result<R, OperatorError> {
        action(&mut self.buffer.borrow_mut()).map_err(|error| OperatorError::rows(&self.node, error))
    }
}

impl<K: Key, V: Value> Next<K, Change<V>> for Suppress<K, V> {
    fn process(&mut self, context: &mut Context, record: Record<K, Change<V>>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        self.stream_time.set(self.stream_time.get().max(timestamp));
        let time = match self.suppression.until {
            Until::WindowCloses { end, .. } => end(&key),
            Until::TimeLimit(_) => timestamp,
            Until::WallClock(_) => context.wall_clock,
        };
        let held = HeldContext { timestamp, position: context.position.clone(), headers };
        self.with_buffer(|buffer| buffer.put(time, &key, value, held))?;
        if !self.sends_at_commits {
            return self.enforce(context);
        }
        context.commit_requested |= self.is_full() || self.buffer.borrow().unwritten() > UNWRITTEN_MAX;
        Ok(())
    }
}

impl<K: Key, V: Value> Flush for Suppress<K, V> {
    fn flush(&mut self, context: &mut Context, rows_max: usize) -> Result<bool, OperatorError> {
        if self.sends_at_commits {
            if self.send_due(context, rows_max)? {
                return Ok(true);
            }
            self.enforce(context)?;
        }
        let now = context.wall_clock;
        self.with_buffer(|buffer| buffer.write(rows_max, now))
    }

    /// What is held back is no copy of anything.
    fn make_room(&mut self, _context: &mut Context, _rows_max: usize) -> Result<bool, OperatorError> {
        Ok(true)
    }

    fn drop_clean(&mut self, _rows_max: usize) -> bool {
        true
    }
}

impl<K: Key, V: Value> Punctuate for Suppress<K, V> {
    fn punctuate(&mut self, context: &mut Context, _: PunctuationId, _now: Timestamp) -> Result<(), OperatorError> {
        self.send_due(context, usize::MAX).map(drop)
    }
}

struct SuppressedView<K, V> {
    node: Arc<str>,
    buffer: Rc<RefCell<SuppressionBuffer<K, V>>>,
    parent: Box<dyn TableView<K, V>>,
}

impl<K: Key, V: Value> TableView<K, V> for SuppressedView<K, V> {
    fn get(&mut self, key: &K) -> Result<Option<Row<V>>, OperatorError> {
        self.get_forwarded(key)
    }

    /// What still waits in the parent's cache has not even arrived here.
    fn get_forwarded(&mut self, key: &K) -> Result<Option<Row<V>>, OperatorError> {
        let prior = self.buffer.borrow_mut().prior(key);
        match prior.map_err(|error| OperatorError::rows(&self.node, error))? {
            Some(prior) => Ok(prior.map(|value| (value, Timestamp::UNKNOWN))),
            None => self.parent.get_forwarded(key),
        }
    }
}

#[cfg(test)]
mod tests;
