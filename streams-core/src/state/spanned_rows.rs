//! Rows that expire by whole spans of time, as processors' window and session stores keep them.
//!
//! A row's key is the number of its span and then the changelog's key. Spans are as long as Kafka Streams' segments, so a
//! read over several keys meets rows in Kafka Streams' order: span by span, by the bytes of the key in each.

use std::cell::Cell;
use std::ops::Bound;
use std::rc::Rc;
use std::time::Duration;

use super::key_range::behind;
use super::spans::{Spans, rows_of};
use super::{KeyOrder, KeyRange, StoreAccess, StoreError};
use crate::record::Timestamp;

/// Rows of one store.
pub(crate) struct SpannedRows {
    access: StoreAccess,
    /// The time of the newest row that was ever written. It is kept for the store.
    newest: Rc<Cell<Timestamp>>,
    retention_ms: i64,
    spans: Spans,
    /// Spans before this one were deleted.
    first_span: i64,
}

/// What is left of a read: the bounds of the keys in the store.
pub(crate) type Rest = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// Which rows a read visits.
pub(crate) struct SpannedRead {
    /// The bounds of the changelog's keys in every span.
    pub(crate) keys: (Bound<Vec<u8>>, Bound<Vec<u8>>),
    pub(crate) order: KeyOrder,
    /// The first and the last time whose spans are read.
    pub(crate) times: (Timestamp, Timestamp),
}

impl SpannedRows {
    /// Rows in `access`, of which the newest is of that time.
    pub(crate) fn new(access: StoreAccess, newest: Rc<Cell<Timestamp>>) -> Self {
        let retention = access.kind().retention().unwrap_or(Duration::MAX);
        let retention_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
        let mut rows = Self { access, newest, retention_ms, spans: Spans::of(retention), first_span: i64::MIN };
        rows.first_span = rows.first_live_span();
        rows
    }

    /// The first span that is not over.
    fn first_live_span(&self) -> i64 {
        self.span(Timestamp(self.newest.get().0.saturating_sub(self.retention_ms)))
    }

    pub(crate) const fn access(&self) -> &StoreAccess {
        &self.access
    }

    pub(crate) const fn access_mut(&mut self) -> &mut StoreAccess {
        &mut self.access
    }

    pub(crate) fn newest(&self) -> Timestamp {
        self.newest.get()
    }

    /// The oldest time whose rows can be seen.
    pub(crate) fn oldest(&self) -> Timestamp {
        Timestamp(self.newest.get().0.saturating_sub(self.retention_ms).saturating_add(1))
    }

    fn span(&self, time: Timestamp) -> i64 {
        self.spans.number(time)
    }

    fn key(&self, time: Timestamp, logged: &[u8]) -> Vec<u8> {
        [&rows_of(self.span(time))[..], logged].concat()
    }

    /// Sets or deletes a row, given its changelog key and its time. Returns whether its span is still kept; if not,
    /// nothing has changed.
    pub(crate) fn put(&mut self, time: Timestamp, logged: &[u8], row: Option<&[u8]>) -> bool {
        self.newest.set(self.newest.get().max(time));
        let first = self.first_live_span();
        if first > self.first_span {
            self.first_span = first;
            self.access.delete_below(&rows_of(first));
        }
        if self.span(time) < first {
            return false;
        }
        self.access.put(&self.key(time, logged), row);
        true
    }

    /// A row that can be seen.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn get(&self, time: Timestamp, logged: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if time < self.oldest() {
            return Ok(None);
        }
        self.access.get(&self.key(time, logged))
    }

    /// All that a read visits.
    pub(crate) fn start(&self, read: &SpannedRead) -> Rest {
        let (from, to) = read.times;
        if from > to {
            return (Bound::Excluded(Vec::new()), Bound::Included(Vec::new()));
        }
        (Bound::Included(rows_of(self.span(from)).to_vec()), behind(&rows_of(self.span(to))))
    }

    /// Calls `each` with the changelog keys and rows of what is left of a read, until it returns `false`. Returns what is
    /// left then. `each` must not write to the task's state. Spans without such rows cost nothing.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn page(
        &self,
        read: &SpannedRead,
        (mut from, mut to): Rest,
        each: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<Option<Rest>, StoreError> {
        while let Some(span) = self.first_span_between(&from, &to, read.order)? {
            let of_span = |bound: &Bound<Vec<u8>>| bound.as_ref().map(|key| [&span[..], key].concat());
            let (first, last) = (of_span(&read.keys.0), of_span(&read.keys.1));
            let lower = if first == Bound::Unbounded { Bound::Included(span.clone()) } else { first };
            let upper = if last == Bound::Unbounded { behind(&span) } else { last };
            let range = KeyRange::between(bytes(later(&from, &lower)), bytes(earlier(&to, &upper)));
            let mut stopped = None;
            self.access.scan(range.in_order(read.order), &mut |key, row| {
                let goes_on = key.get(span.len()..).is_none_or(|logged| each(logged, row));
                if !goes_on {
                    stopped = Some(Bound::Excluded(key.to_vec()));
                }
                goes_on
            })?;
            match (read.order, stopped) {
                (KeyOrder::Ascending, Some(here)) => return Ok(Some((here, to))),
                (KeyOrder::Descending, Some(here)) => return Ok(Some((from, here))),
                (KeyOrder::Ascending, None) => match behind(&span) {
                    Bound::Excluded(next) => from = Bound::Included(next),
                    _ => return Ok(None),
                },
                (KeyOrder::Descending, None) => to = Bound::Excluded(span),
            }
        }
        Ok(None)
    }

    /// The prefix of the first span that has rows between the bounds.
    fn first_span_between(
        &self,
        from: &Bound<Vec<u8>>,
        to: &Bound<Vec<u8>>,
        order: KeyOrder,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let mut span = None;
        self.access.scan(KeyRange::between(bytes(from), bytes(to)).in_order(order), &mut |key, _| {
            span = key.first_chunk::<{ size_of::<i64>() }>().map(|span| span.to_vec());
            false
        })?;
        Ok(span)
    }
}

fn bytes(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}

/// The narrower of two lower bounds.
fn later<'a>(left: &'a Bound<Vec<u8>>, right: &'a Bound<Vec<u8>>) -> &'a Bound<Vec<u8>> {
    match (left, right) {
        (Bound::Unbounded, _) => right,
        (_, Bound::Unbounded) => left,
        (Bound::Included(l) | Bound::Excluded(l), Bound::Included(r) | Bound::Excluded(r)) => {
            if l > r || (l == r && matches!(left, Bound::Excluded(_))) { left } else { right }
        }
    }
}

/// The narrower of two upper bounds.
fn earlier<'a>(left: &'a Bound<Vec<u8>>, right: &'a Bound<Vec<u8>>) -> &'a Bound<Vec<u8>> {
    match (left, right) {
        (Bound::Unbounded, _) => right,
        (_, Bound::Unbounded) => left,
        (Bound::Included(l) | Bound::Excluded(l), Bound::Included(r) | Bound::Excluded(r)) => {
            if l < r || (l == r && matches!(left, Bound::Excluded(_))) { left } else { right }
        }
    }
}
