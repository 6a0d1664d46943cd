//! One side of a join: looks for matches of its records among those that the other side has kept.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::Unjoined;
use crate::operators::{BuiltNode, Context, DropReason, JoinKind, Next, OperatorError, Outputs, Recipe, StoreId};
use crate::record::{Headers, Record, Timestamp};
use crate::state::join_rows::JoinRows;
use crate::state::kinds::{JoinBuffer, Side, WaitingAt};
use crate::state::rows::RowError;
use crate::state::unmatched_rows::{ClosedBelow, ClosedRow};
use crate::state::{StoreError, StoreErrorKind};
use crate::windows::JoinSpan;
use crate::wire::{DecodeError, Nullable, NullableKey, Value};

/// A side's place in its join.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) side: Side,
    /// The other side's buffer.
    pub(super) other: StoreId,
    /// As this side sees it.
    pub(super) span: JoinSpan,
    pub(super) layout: JoinBuffer,
    pub(super) kind: JoinKind,
    pub(super) unmatched: Option<StoreId>,
}

/// Takes `Record<K, V>`, and forwards `Record<K2, R>` for each match with a value `W` of the other side.
///
/// Records with a null key or value are dropped and counted. But if the join keeps this side's records without a match,
/// one with a null key is joined with nothing at once (KIP-962). Others without a match wait for one until stream time is
/// past their window and grace; those whose window stream time has already passed do not wait, even if it is within
/// the grace.
pub(super) fn recipe<K, K2, V, W, R, F>(place: Place, rekey: fn(K) -> Option<K2>, joiner: Arc<F>) -> Recipe
where
    K: NullableKey,
    K2: NullableKey<Inner = K::Inner>,
    V: Nullable,
    W: Value,
    R: Clone + 'static,
    F: Fn(&K2, Option<V::Inner>, Option<W>) -> Option<R> + Send + Sync + 'static,
{
    Recipe::new(move |builder| {
        let Place { side, other, span, layout, kind, unmatched } = place;
        let unjoined = unmatched.map(|store| Unjoined::of(builder, store)).transpose()?;
        if let (Some(unjoined), Side::Left) = (&unjoined, side) {
            unjoined.borrow_mut().keep_time_in(builder.stream_time());
        }
        Ok(BuiltNode::link::<K, V>(JoinSide::<K, K2, V, W, R, F> {
            node: Arc::clone(builder.name()),
            side,
            span,
            keeps_unmatched: match side {
                Side::Left => !kind.needs_right(),
                Side::Right => !kind.needs_left(),
            },
            other: builder.store(other, |access| JoinRows::new(access, layout))?,
            unjoined,
            rekey,
            joiner: Arc::clone(&joiner),
            outputs: builder.outputs()?,
            key: Vec::new(),
            found: Vec::new(),
            value: PhantomData,
        }))
    })
    .of_store_if_any::<K::Inner, Bytes>(place.unmatched)
}

struct JoinSide<K, K2, V, W, R, F> {
    node: Arc<str>,
    side: Side,
    span: JoinSpan,
    keeps_unmatched: bool,
    other: Rc<RefCell<JoinRows>>,
    unjoined: Option<Rc<RefCell<Unjoined>>>,
    rekey: fn(K) -> Option<K2>,
    joiner: Arc<F>,
    outputs: Outputs<K2, R>,
    /// The record's key in bytes.
    key: Vec<u8>,
    /// Its matches.
    found: Vec<(Timestamp, W)>,
    value: PhantomData<fn(V)>,
}

/// The time and the headers of the record that is being processed.
#[derive(Clone, Copy)]
struct Cause<'a> {
    timestamp: Timestamp,
    headers: &'a Headers,
}

/// How many records are joined with nothing before the next ones are read.
const CLOSED_AT_ONCE: usize = 256;

impl<K, K2, V, W, R, F> Next<K, V> for JoinSide<K, K2, V, W, R, F>
where
    K: NullableKey,
    K2: NullableKey<Inner = K::Inner>,
    V: Nullable,
    W: Value,
    R: Clone,
    F: Fn(&K2, Option<V::Inner>, Option<W>) -> Option<R>,
{
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        let stream_time = self.unjoined.as_ref().map_or(timestamp, |unjoined| unjoined.borrow().advance(timestamp));
        let (value, cause) = (value.into_option(), Cause { timestamp, headers: &headers });
        let reason = match (key.as_option(), value) {
            (Some(_), Some(value)) => return self.join(context, (key, value), cause, stream_time),
            (None, Some(value)) if self.keeps_unmatched => return self.forward_alone(context, key, value, cause),
            (None, _) => DropReason::NullKey,
            (Some(_), None) => DropReason::NullValue,
        };
        context.drop_record(&self.node, reason);
        Ok(())
    }
}

impl<K, K2, V, W, R, F> JoinSide<K, K2, V, W, R, F>
where
    K: NullableKey,
    K2: NullableKey<Inner = K::Inner>,
    V: Nullable,
    W: Value,
    R: Clone,
    F: Fn(&K2, Option<V::Inner>, Option<W>) -> Option<R>,
{
    fn join(
        &mut self,
        context: &mut Context,
        (key, value): (K, V::Inner),
        cause: Cause<'_>,
        stream_time: Timestamp,
    ) -> Result<(), OperatorError> {
        self.key.clear();
        key.write(&mut self.key).map_err(|error| self.failed(error))?;
        if cause.timestamp == stream_time {
            self.join_closed(context, cause)?;
        }
        let reach = self.span.around(cause.timestamp);
        self.find(reach)?;
        if !self.found.is_empty() {
            return self.join_found(context, (key, value), cause);
        }
        if !self.keeps_unmatched {
            return Ok(());
        }
        if reach.1 < stream_time.0 {
            return self.forward_alone(context, key, value, cause);
        }
        self.wait(&value, cause.timestamp)
    }

    /// Looks for the record's matches.
    fn find(&mut self, reach: (i64, i64)) -> Result<(), OperatorError> {
        let Self { found, other, key, .. } = self;
        let mut decoded = Ok(());
        found.clear();
        let fetched = other.borrow_mut().fetch(key, reach, &mut |timestamp, value| match W::decode(value) {
            Ok(value) => found.push((timestamp, value)),
            Err(error) => decoded = Err(error),
        });
        fetched.map_err(|error| self.failed(error))?;
        decoded.map_err(|error| self.unreadable(&error))
    }

    /// Forwards a result for each match, in the order of time and arrival.
    fn join_found(
        &mut self,
        context: &mut Context,
        (key, value): (K, V::Inner),
        cause: Cause<'_>,
    ) -> Result<(), OperatorError> {
        let Some(key) = (self.rekey)(key) else { return Ok(()) };
        let mut found = std::mem::take(&mut self.found);
        for (timestamp, other) in found.drain(..) {
            if let Some(unjoined) = &self.unjoined {
                let at = WaitingAt { timestamp: timestamp.0, side: self.side.other(), key: &self.key };
                let matched = unjoined.borrow_mut().match_found(at, cause.timestamp);
                matched.map_err(|error| self.failed(error))?;
            }
            let joined = (self.joiner)(&key, Some(value.clone()), Some(other));
            self.forward(context, key.clone(), joined, (timestamp.max(cause.timestamp), cause.headers))?;
        }
        self.found = found;
        Ok(())
    }

    /// Joins the record with nothing.
    fn forward_alone(
        &self,
        context: &mut Context,
        key: K,
        value: V::Inner,
        cause: Cause<'_>,
    ) -> Result<(), OperatorError> {
        let Some(key) = (self.rekey)(key) else {
            context.drop_record(&self.node, DropReason::NullKey);
            return Ok(());
        };
        let joined = (self.joiner)(&key, Some(value), None);
        self.forward(context, key, joined, (cause.timestamp, cause.headers))
    }

    fn wait(&self, value: &V::Inner, timestamp: Timestamp) -> Result<(), OperatorError> {
        let Some(unjoined) = &self.unjoined else { return Ok(()) };
        let mut bytes = Vec::new();
        value.encode(&mut bytes).map_err(|error| self.failed(error))?;
        let at = WaitingAt { timestamp: timestamp.0, side: self.side, key: &self.key };
        unjoined.borrow_mut().wait(at, &bytes).map_err(|error| self.failed(error))
    }

    /// Joins records with nothing that have waited long enough.
    fn join_closed(&self, context: &mut Context, cause: Cause<'_>) -> Result<(), OperatorError> {
        let Some(unjoined) = &self.unjoined else { return Ok(()) };
        let look = unjoined.borrow_mut().look(self.side, self.span);
        match look.map_err(|error| self.failed(error))? {
            Some(closed) => self.join_closed_below(context, unjoined, closed, cause),
            None => Ok(()),
        }
    }

    /// As in Java, a row is deleted after the first value of the next one is forwarded.
    fn join_closed_below(
        &self,
        context: &mut Context,
        unjoined: &RefCell<Unjoined>,
        closed: ClosedBelow,
        cause: Cause<'_>,
    ) -> Result<(), OperatorError> {
        let delete = |row: &ClosedRow| {
            let deleted = unjoined.borrow_mut().joined_with_nothing(row, cause.timestamp);
            deleted.map_err(|error| self.failed(error))
        };
        let mut last: Option<ClosedRow> = None;
        loop {
            let rows = unjoined.borrow_mut().closed(closed, last.as_ref(), CLOSED_AT_ONCE);
            let rows = rows.map_err(|error| self.failed(error))?;
            let are_all = rows.len() < CLOSED_AT_ONCE;
            for row in rows {
                let key = self.key_of(&row, unjoined).map_err(|error| self.unreadable(&error))?;
                for value in &row.values {
                    let joined = self.alone(&key, row.side, value).map_err(|error| self.unreadable(&error))?;
                    let cause = (row.timestamp, cause.headers);
                    context.release(|context| self.forward(context, key.clone(), joined, cause))?;
                    last.take().iter().try_for_each(delete)?;
                }
                last = Some(row);
            }
            if are_all {
                return last.iter().try_for_each(delete);
            }
        }
    }

    fn key_of(&self, row: &ClosedRow, unjoined: &RefCell<Unjoined>) -> Result<K2, DecodeError> {
        let mut key = K::Inner::decode(&row.key)?;
        Value::set_window_sizes(&mut key, unjoined.borrow().windows().as_slice());
        Ok(K2::from_key(key))
    }

    /// A value of either side, joined with nothing.
    fn alone(&self, key: &K2, side: Side, value: &[u8]) -> Result<Option<R>, DecodeError> {
        Ok(if side == self.side {
            (self.joiner)(key, Some(<V::Inner as Value>::decode(value)?), None)
        } else {
            (self.joiner)(key, None, Some(W::decode(value)?))
        })
    }

    fn forward(
        &self,
        context: &mut Context,
        key: K2,
        joined: Option<R>,
        (timestamp, headers): (Timestamp, &Headers),
    ) -> Result<(), OperatorError> {
        let Some(value) = joined else { return Ok(()) };
        self.outputs.forward(context, Record { key, value, timestamp, headers: headers.clone() })
    }

    #[cold]
    fn failed(&self, error: impl Into<RowError>) -> OperatorError {
        OperatorError::rows(&self.node, error.into())
    }

    #[cold]
    fn unreadable(&self, error: &DecodeError) -> OperatorError {
        self.failed(StoreError::new(StoreErrorKind::Decode, unreadable(error)))
    }
}

/// What to say about a stored record that is not one.
pub(super) fn unreadable(error: &DecodeError) -> String {
    format!(
        "a stored record of the join cannot be read: {error}; if the type or its format has changed, give the join's \
         stores a new name or reset the application"
    )
}
