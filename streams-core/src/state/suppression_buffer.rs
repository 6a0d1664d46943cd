//! The changes that a suppression holds back: one per key, in the order in which they are sent on.
//!
//! All of them are in memory, as in Kafka Streams; the store and the changelog get those that changed when the task
//! commits. So a change that is replaced a thousand times between two commits is written once.
//!
//! A change waits from the time of the first one of its key, whatever replaces it. It keeps what was sent on before it,
//! which those downstream still see, and which is the old value of the change that they get in the end.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::sync::Arc;

use hashbrown::HashMap;

use super::held_record::{self, HeldContext, HeldRecord, HeldValues};
use super::rows::RowError;
use super::small_bytes::KeyBytes;
use super::{FreshRows, KeyRange, StoreAccess, StoreError, StoreErrorKind, StoreView};
use crate::record::{Change, Headers, Timestamp};
use crate::wire::{EncodeError, Key, Value};

/// The changes that are held back.
pub(crate) struct SuppressionBuffer<K, V> {
    access: StoreAccess,
    rows: HashMap<KeyBytes, Held<V>>,
    /// Every row's time and key.
    order: BinaryHeap<Reverse<(Timestamp, KeyBytes)>>,
    /// Keys of rows that the store has not got yet, or still has; some more than once.
    unwritten: Vec<KeyBytes>,
    /// Whether the unwritten keys are in descending order, each once.
    is_sorted: bool,
    /// Whether the rows in the store have been read.
    is_loaded: bool,
    measures: bool,
    bytes: usize,
    key: Vec<u8>,
    encoder: Encoder,
    types: PhantomData<fn() -> K>,
}

/// A change that is held back.
struct Held<V> {
    time: Timestamp,
    context: HeldContext,
    prior: Option<V>,
    old: Old<V>,
    new: Option<V>,
    /// Java's estimate, if somebody wants to know.
    bytes: usize,
    is_unwritten: bool,
}

/// The old value of the last change.
enum Old<V> {
    /// There was only one change since something was sent on.
    SameAsPrior,
    Other(Option<V>),
}

/// A change on its way.
pub(crate) struct Sending<K, V> {
    pub(crate) key: K,
    pub(crate) change: Change<V>,
    pub(crate) context: HeldContext,
}

/// The header that tells the layout of a changelog record, and the layout.
const LAYOUT_HEADER: &str = "v";
const LAYOUT: &[u8] = &[3];

impl<K: Key, V: Value> SuppressionBuffer<K, V> {
    /// The changes in `access`.
    #[must_use]
    pub(crate) fn new(access: StoreAccess) -> Self {
        Self {
            access,
            rows: HashMap::new(),
            order: BinaryHeap::new(),
            unwritten: Vec::new(),
            is_sorted: true,
            is_loaded: false,
            measures: false,
            bytes: 0,
            key: Vec::new(),
            encoder: Encoder::default(),
            types: PhantomData,
        }
    }

    /// Has the changes' sizes counted. Call this before anything else.
    pub(crate) const fn count_bytes(&mut self) {
        self.measures = true;
    }

    /// How many changes are held back.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many bytes they have by Java's estimate, if that is counted.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many keys have to be written.
    pub(crate) const fn unwritten(&self) -> usize {
        self.unwritten.len()
    }

    /// Holds a change back, from `time` on if its key has none yet.
    ///
    /// # Errors
    /// When a key or value cannot be encoded, or the store failed.
    pub(crate) fn put(
        &mut self,
        time: Timestamp,
        key: &K,
        change: Change<V>,
        context: HeldContext,
    ) -> Result<(), RowError> {
        self.load()?;
        self.key.clear();
        key.encode(&mut self.key)?;
        let Change { old, new, .. } = change;
        if let Some(held) = self.rows.get_mut(self.key.as_slice()) {
            (held.old, held.new, held.context) = (Old::Other(old), new, context);
            self.bytes -= held.bytes;
        } else {
            let key = KeyBytes::from_slice(&self.key);
            self.order.push(Reverse((time, key.clone())));
            let (old, prior) = (Old::SameAsPrior, old);
            self.rows.insert(key, Held { time, context, prior, old, new, bytes: 0, is_unwritten: false });
        }
        let Some(held) = self.rows.get_mut(self.key.as_slice()) else { return Ok(()) };
        if self.measures {
            let values = self.encoder.values(held)?;
            held.bytes = java_size(&self.key, &held.context, &values);
            self.bytes += held.bytes;
        }
        if !std::mem::replace(&mut held.is_unwritten, true) {
            self.unwritten.push(KeyBytes::from_slice(&self.key));
            self.is_sorted = false;
        }
        Ok(())
    }

    /// The time of the first change.
    ///
    /// # Errors
    /// When the store failed.
    pub(crate) fn first_time(&mut self) -> Result<Option<Timestamp>, RowError> {
        self.load()?;
        Ok(self.order.peek().map(|Reverse((time, _))| *time))
    }

    /// The first change, as it is sent on: its old value is what was sent on before. The buffer still has it until
    /// [`SuppressionBuffer::sent`].
    ///
    /// # Errors
    /// When the store failed, or the key cannot be decoded.
    pub(crate) fn send(&mut self) -> Result<Option<Sending<K, V>>, RowError> {
        self.load()?;
        let Some(Reverse((_, bytes))) = self.order.peek() else { return Ok(None) };
        let Some(held) = self.rows.get_mut(bytes) else { return Ok(None) };
        let mut key = K::decode(bytes).map_err(|error| unreadable(self.access.name(), "key", &error.to_string()))?;
        key.set_window_sizes(self.access.windows().as_slice());
        let old = match &held.old {
            Old::Other(old) if self.access.repeats_flaws() => old.clone(),
            _ => held.prior.clone(),
        };
        let change = Change::latest(old, held.new.take());
        Ok(Some(Sending { key, change, context: held.context.clone() }))
    }

    /// Drops the first change, which was sent on.
    pub(crate) fn sent(&mut self) {
        let Some(Reverse((_, key))) = self.order.pop() else { return };
        let Some(held) = self.rows.remove(&key) else { return };
        self.bytes -= held.bytes;
        if !held.is_unwritten {
            self.unwritten.push(key);
            self.is_sorted = false;
        }
    }

    /// What was sent on before the change that is held back for a key; `None` if none is.
    ///
    /// # Errors
    /// When the store failed, or the key cannot be encoded.
    pub(crate) fn prior(&mut self, key: &K) -> Result<Option<Option<V>>, RowError> {
        self.load()?;
        self.key.clear();
        key.encode(&mut self.key)?;
        Ok(self.rows.get(self.key.as_slice()).map(|held| held.prior.clone()))
    }

    /// Writes and logs at most `rows_max` rows that have changed or gone since they were written, and returns whether
    /// there are more. `now` is the time of the changelog's records.
    ///
    /// # Errors
    /// When the store or the changelog fails, or a value cannot be encoded.
    pub(crate) fn write(&mut self, rows_max: usize, now: Timestamp) -> Result<bool, RowError> {
        if !std::mem::replace(&mut self.is_sorted, true) {
            self.unwritten.sort_unstable_by(|left, right| right.cmp(left));
            self.unwritten.dedup();
        }
        for _ in 0..rows_max {
            let Some(key) = self.unwritten.pop() else { break };
            match self.rows.get_mut(&key) {
                Some(held) => {
                    held.is_unwritten = false;
                    let mut headers = Headers::new();
                    headers.push(LAYOUT_HEADER, LAYOUT);
                    let row = self.encoder.row(held)?;
                    self.access.log(&key, Some(row), now, &headers)?;
                    self.access.put(&key, Some(row));
                }
                None => {
                    self.access.log(&key, None, now, &Headers::new())?;
                    self.access.put(&key, None);
                }
            }
        }
        Ok(!self.unwritten.is_empty())
    }

    fn load(&mut self) -> Result<(), RowError> {
        if self.is_loaded { Ok(()) } else { self.load_now() }
    }

    #[cold]
    fn load_now(&mut self) -> Result<(), RowError> {
        self.is_loaded = true;
        let (access, mut outcome) = (self.access.clone(), Ok(()));
        access.scan(KeyRange::ALL, &mut |key, row| {
            outcome = self.take_stored(key, row);
            outcome.is_ok()
        })?;
        outcome
    }

    fn take_stored(&mut self, key: &[u8], row: &[u8]) -> Result<(), RowError> {
        let unreadable = |reason: &str| unreadable(self.access.name(), "row", reason);
        let HeldRecord { context, values, time } =
            held_record::read(row).ok_or_else(|| unreadable("it is no change that is held back"))?;
        let value = |bytes: Option<&[u8]>| bytes.map(V::decode).transpose();
        let decoded = || Ok((value(values.prior)?, value(values.old)?, value(values.new)?));
        let (prior, old, new) = decoded().map_err(|error: crate::wire::DecodeError| unreadable(&error.to_string()))?;
        let old = if values.old == values.prior { Old::SameAsPrior } else { Old::Other(old) };
        let bytes = if self.measures { java_size(key, &context, &values) } else { 0 };
        let key = KeyBytes::from_slice(key);
        self.bytes += bytes;
        self.order.push(Reverse((time, key.clone())));
        self.rows.insert(key, Held { time, context, prior, old, new, bytes, is_unwritten: false });
        Ok(())
    }
}

fn java_size(key: &[u8], context: &HeldContext, values: &HeldValues<'_>) -> usize {
    size_of::<i64>() + key.len() + values.java_size() + context.java_size()
}

#[cold]
fn unreadable(store: &str, what: &str, reason: &str) -> RowError {
    let message = format!(
        "store {store} holds a {what} that cannot be read: {reason}; if the type or its format has changed, reset the \
         application, or name the suppression differently"
    );
    StoreError::new(StoreErrorKind::Decode, message).into()
}

/// Encodes changes that are held back, one after the other.
#[derive(Default)]
struct Encoder {
    prior: Vec<u8>,
    old: Vec<u8>,
    new: Vec<u8>,
    row: Vec<u8>,
}

impl Encoder {
    fn values<V: Value>(&mut self, held: &Held<V>) -> Result<HeldValues<'_>, EncodeError> {
        let Self { prior, old, new, .. } = self;
        let prior = encode(held.prior.as_ref(), prior)?;
        let old = match &held.old {
            Old::SameAsPrior => prior,
            Old::Other(value) => encode(value.as_ref(), old)?,
        };
        Ok(HeldValues { prior, old, new: encode(held.new.as_ref(), new)? })
    }

    fn row<V: Value>(&mut self, held: &Held<V>) -> Result<&[u8], EncodeError> {
        let mut row = std::mem::take(&mut self.row);
        row.clear();
        held_record::write(&held.context, &self.values(held)?, held.time, &mut row)?;
        self.row = row;
        Ok(&self.row)
    }
}

fn encode<'a, V: Value>(value: Option<&V>, out: &'a mut Vec<u8>) -> Result<Option<&'a [u8]>, EncodeError> {
    out.clear();
    let Some(value) = value else { return Ok(None) };
    value.encode(out)?;
    Ok(Some(out))
}

impl<K: Key, V: Value> StoreView for SuppressionBuffer<K, V> {
    fn fresh_rows(&mut self) -> &mut dyn FreshRows {
        self
    }
}

impl<K: Key, V: Value> FreshRows for SuppressionBuffer<K, V> {
    fn name(&self) -> &Arc<str> {
        self.access.name()
    }

    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, RowError> {
        self.load()?;
        let Some(held) = self.rows.get(key) else { return Ok(None) };
        Ok(Some(self.encoder.row(held)?.to_vec()))
    }

    fn scan(&mut self, range: KeyRange<'_>, each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), RowError> {
        self.load()?;
        if range.is_empty() {
            return Ok(());
        }
        let sorted: BTreeMap<&[u8], &Held<V>> = self.rows.iter().map(|(key, held)| (key.as_slice(), held)).collect();
        let in_range = sorted.range::<[u8], _>((range.from, range.to));
        let mut visit = |(key, held): (&&[u8], &&Held<V>)| -> ControlFlow<Result<(), RowError>> {
            match self.encoder.row(held) {
                Ok(row) if each(key, row) => ControlFlow::Continue(()),
                Ok(_) => ControlFlow::Break(Ok(())),
                Err(error) => ControlFlow::Break(Err(error.into())),
            }
        };
        let visited = match range.order {
            super::KeyOrder::Ascending => in_range.into_iter().try_for_each(&mut visit),
            super::KeyOrder::Descending => in_range.rev().try_for_each(&mut visit),
        };
        visited.break_value().unwrap_or(Ok(()))
    }
}
