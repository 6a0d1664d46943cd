//! Joins a stream with itself, looking for matches in a single buffer (`single.store.self.join`).
//!
//! The results are those of two sides in the same order, with one exception, which Kafka Streams makes, too: the record that
//! is the next to expire is not joined with itself.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use crate::operators::{BuiltNode, Context, DropReason, Next, OperatorError, Outputs, Recipe, StoreId};
use crate::record::{Headers, Record, Timestamp};
use crate::state::join_rows::JoinRows;
use crate::state::kinds::JoinBuffer;
use crate::state::rows::RowError;
use crate::state::{StoreError, StoreErrorKind};
use crate::windows::JoinSpan;
use crate::wire::{DecodeError, Nullable, NullableKey, Value};

/// Takes `Record<K, V>`, and forwards `Record<K, R>` for each record in the buffer that it matches, and for itself. `W` is the
/// type of the same values as the right side has them.
///
/// Records with a null key or value are dropped and counted, once, although they come from both sides.
pub(super) fn recipe<K, V, W, R, F>(store: StoreId, (layout, span): (JoinBuffer, JoinSpan), joiner: Arc<F>) -> Recipe
where
    K: NullableKey,
    V: Nullable,
    W: Value,
    R: Clone + 'static,
    F: Fn(&K, Option<V::Inner>, Option<W>) -> Option<R> + Send + Sync + 'static,
{
    Recipe::new(move |builder| {
        Ok(BuiltNode::link::<K, V>(SelfJoin::<K, V, W, R, F> {
            node: Arc::clone(builder.name()),
            layout,
            span,
            rows: builder.store(store, |access| JoinRows::new(access, layout))?,
            newest: builder.stream_time(),
            joiner: Arc::clone(&joiner),
            outputs: builder.outputs()?,
            key: Vec::new(),
            value: Vec::new(),
            types: std::marker::PhantomData,
        }))
    })
}

struct SelfJoin<K, V, W, R, F> {
    node: Arc<str>,
    layout: JoinBuffer,
    span: JoinSpan,
    rows: Rc<RefCell<JoinRows>>,
    /// The newest record's timestamp.
    newest: Rc<Cell<Timestamp>>,
    joiner: Arc<F>,
    outputs: Outputs<K, R>,
    /// The record's key in bytes.
    key: Vec<u8>,
    /// The record's value in bytes.
    value: Vec<u8>,
    types: std::marker::PhantomData<fn(V) -> W>,
}

impl<K, V, W, R, F> Next<K, V> for SelfJoin<K, V, W, R, F>
where
    K: NullableKey,
    V: Nullable,
    W: Value,
    R: Clone,
    F: Fn(&K, Option<V::Inner>, Option<W>) -> Option<R>,
{
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        let reason = match (key.as_option(), value.into_option()) {
            (Some(_), Some(value)) => return self.join(context, (key, value), (timestamp, &headers)),
            (None, _) => DropReason::NullKey,
            (Some(_), None) => DropReason::NullValue,
        };
        context.drop_record(&self.node, reason);
        Ok(())
    }
}

impl<K, V, W, R, F> SelfJoin<K, V, W, R, F>
where
    K: NullableKey,
    V: Nullable,
    W: Value,
    R: Clone,
    F: Fn(&K, Option<V::Inner>, Option<W>) -> Option<R>,
{
    fn join(
        &mut self,
        context: &mut Context,
        (key, value): (K, V::Inner),
        cause: (Timestamp, &Headers),
    ) -> Result<(), OperatorError> {
        let (timestamp, headers) = cause;
        self.key.clear();
        key.write(&mut self.key).map_err(|error| self.failed(error))?;
        self.value.clear();
        value.encode(&mut self.value).map_err(|error| self.failed(error))?;
        let on_the_right = W::decode(&self.value).map_err(|error| self.unreadable(&error))?;
        self.newest.set(self.newest.get().max(timestamp));

        for (time, other) in self.find::<W>(self.span.around(timestamp))? {
            let joined = (self.joiner)(&key, Some(value.clone()), Some(other));
            self.forward(context, &key, joined, (time.max(timestamp), headers))?;
        }
        // Its place among the others is that of its time.
        let mut itself = self.meets_itself(timestamp).then(|| value.clone());
        for (time, other) in self.find::<V::Inner>(self.span.reversed().around(timestamp))? {
            if time > timestamp && itself.is_some() {
                let joined = (self.joiner)(&key, itself.take(), Some(on_the_right.clone()));
                self.forward(context, &key, joined, cause)?;
            }
            let joined = (self.joiner)(&key, Some(other), Some(on_the_right.clone()));
            self.forward(context, &key, joined, (time.max(timestamp), headers))?;
        }
        if itself.is_some() {
            let joined = (self.joiner)(&key, itself, Some(on_the_right));
            self.forward(context, &key, joined, cause)?;
        }
        Ok(())
    }

    /// Whether the record is not too late to be its own match.
    fn meets_itself(&self, timestamp: Timestamp) -> bool {
        timestamp.0 > self.layout.oldest(self.newest.get().0)
    }

    fn find<T: Value>(&self, reach: (i64, i64)) -> Result<Vec<(Timestamp, T)>, OperatorError> {
        let (mut found, mut decoded) = (Vec::new(), Ok(()));
        let fetched = self.rows.borrow_mut().fetch(&self.key, reach, &mut |timestamp, value| match T::decode(value) {
            Ok(value) => found.push((timestamp, value)),
            Err(error) => decoded = Err(error),
        });
        fetched.map_err(|error| self.failed(error))?;
        decoded.map_err(|error| self.unreadable(&error))?;
        Ok(found)
    }

    fn forward(
        &self,
        context: &mut Context,
        key: &K,
        joined: Option<R>,
        (timestamp, headers): (Timestamp, &Headers),
    ) -> Result<(), OperatorError> {
        let Some(value) = joined else { return Ok(()) };
        self.outputs.forward(context, Record { key: key.clone(), value, timestamp, headers: headers.clone() })
    }

    #[cold]
    fn failed(&self, error: impl Into<RowError>) -> OperatorError {
        OperatorError::rows(&self.node, error.into())
    }

    #[cold]
    fn unreadable(&self, error: &DecodeError) -> OperatorError {
        self.failed(StoreError::new(StoreErrorKind::Decode, super::side::unreadable(error)))
    }
}
