//! `distinct`: lets the first record with an id through, and drops those that repeat it within a time.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::{BuiltNode, Context, DropReason, Next, OperatorError, Outputs, Recipe, StoreId};
use crate::record::{Headers, Record, Timestamp};
use crate::state::join_rows::{Buffered, JoinRows};
use crate::state::kinds::Distinct;
use crate::state::rows::RowError;
use crate::windows::DistinctSpan;
use crate::wire::{EncodeError, Field, Key, NullableKey};

/// Takes `Record<K, V>`, and forwards it unless one with the same key was forwarded that is less than the span's size away
/// in time. Records with a null key are dropped and counted, and so are those that are late.
pub(crate) fn by_key<K: NullableKey, V: Field>(store: StoreId, span: DistinctSpan) -> Recipe {
    recipe::<K, V>(store, span, |_, _, _| Ok(())).of_store::<K::Inner, Bytes>(store)
}

/// As [`by_key`], but the records must also have the same id.
pub(crate) fn by_id<K: NullableKey, V: Field, I: Key>(
    store: StoreId,
    span: DistinctSpan,
    id: impl Fn(&K, &V) -> I + Send + Sync + 'static,
) -> Recipe {
    recipe::<K, V>(store, span, move |key, value, out| {
        let of_key = out.len();
        id(key, value).encode(out)?;
        // Keys and ids may be of any length: this tells where one ends and the other begins.
        out.extend_from_slice(&u64::try_from(of_key).unwrap_or(u64::MAX).to_be_bytes());
        Ok(())
    })
}

fn recipe<K: NullableKey, V: Field>(
    store: StoreId,
    span: DistinctSpan,
    write_id: impl Fn(&K, &V, &mut Vec<u8>) -> Result<(), EncodeError> + Send + Sync + 'static,
) -> Recipe {
    let write_id = Arc::new(write_id);
    Recipe::new(move |builder| {
        let rows = builder.store(store, |access| JoinRows::new(access, Distinct::of(span).layout()))?;
        rows.borrow_mut().keep_newest_in(builder.stream_time());
        let (node, outputs) = (Arc::clone(builder.name()), builder.outputs::<K, V>()?);
        let write_id = Arc::clone(&write_id);
        Ok(BuiltNode::link::<K, V>(OnlyFirst { node, span, rows, write_id, outputs, id: Vec::new() }))
    })
}

struct OnlyFirst<K, V, F> {
    node: Arc<str>,
    span: DistinctSpan,
    rows: Rc<RefCell<JoinRows>>,
    write_id: Arc<F>,
    outputs: Outputs<K, V>,
    id: Vec<u8>,
}

/// What becomes of a record.
enum Verdict {
    First,
    Repeated,
    Late,
}

impl<K, V, F> Next<K, V> for OnlyFirst<K, V, F>
where
    K: NullableKey,
    V: Field,
    F: Fn(&K, &V, &mut Vec<u8>) -> Result<(), EncodeError>,
{
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        self.id.clear();
        if !record.key.write(&mut self.id).map_err(|error| self.failed(error))? {
            context.drop_record(&self.node, DropReason::NullKey);
            return Ok(());
        }
        (self.write_id)(&record.key, &record.value, &mut self.id).map_err(|error| self.failed(error))?;
        match self.verdict(record.timestamp).map_err(|error| self.failed(error))? {
            Verdict::First => self.outputs.forward(context, record)?,
            Verdict::Repeated => {}
            Verdict::Late => context.drop_record(&self.node, DropReason::Late),
        }
        Ok(())
    }
}

impl<K, V, F> OnlyFirst<K, V, F> {
    /// Remembers the id, unless it was there.
    fn verdict(&self, timestamp: Timestamp) -> Result<Verdict, RowError> {
        let mut rows = self.rows.borrow_mut();
        let mut is_there = false;
        // First, because after a restart this finds out the newest time.
        rows.fetch(&self.id, self.span.around(timestamp), &mut |_, _| is_there = true)?;
        if self.span.is_late(timestamp, rows.advance(timestamp)) {
            return Ok(Verdict::Late);
        }
        if is_there {
            return Ok(Verdict::Repeated);
        }
        rows.put(Buffered { key: &self.id, value: Some(&[]), timestamp, headers: &Headers::new() })?;
        Ok(Verdict::First)
    }

    #[cold]
    fn failed(&self, error: impl Into<RowError>) -> OperatorError {
        OperatorError::rows(&self.node, error.into())
    }
}
