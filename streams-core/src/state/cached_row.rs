//! A row in a cache, and what the cache knows about it.

use super::row_key::RowKey;
use crate::record::{Headers, Timestamp};

/// A row in the cache, found by its `key`. Small, because caches are full of them.
pub(super) struct CachedRow<V, K = RowKey> {
    pub(super) key: K,
    /// The row, or `None` for "there is none".
    pub(super) row: Option<V>,
    /// The row's timestamp; for a deleted row, the deleting record's.
    pub(super) timestamp: Timestamp,
    /// What few rows have.
    aside: Option<Box<Aside<V>>>,
    /// The number of the last change, while the row is dirty.
    pub(super) changed: u32,
    /// How many bytes the row had when it was last encoded, as far as they do not lie in the row itself.
    value_bytes: u32,
    pub(super) hash: u32,
    /// How many changes are left until the row is measured again.
    measure_in: u16,
    /// The logarithm of how many changes lie between two measurements.
    measure_every: u8,
    flags: u8,
}

/// What a dirty row has beside its latest state.
struct Aside<V> {
    /// What the store holds, if somebody wants to know.
    old: Option<V>,
    /// The headers of the last record that changed the row, if it had any.
    headers: Headers,
    bytes: usize,
}

/// What the store held when a row became dirty, and still holds until the row is flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// Nobody has looked.
    Unknown,
    /// No row.
    Absent,
    /// A row.
    Exists,
}

const ABSENT_BEFORE: u8 = 1;
const EXISTED_BEFORE: u8 = 1 << 1;
const DIRTY: u8 = 1 << 2;
const USED: u8 = 1 << 3;

/// What an allocation costs beside its bytes.
const ALLOCATION: usize = 16;
/// Rows of usual sizes are measured at least every so many changes (as a logarithm).
const MEASURE_EVERY_USUALLY: u8 = 4;
/// Measuring a row takes as long as its bytes: one of this many bytes more is measured half as often.
const BYTES_PER_CHANGE: u32 = 64;

/// What a row is found by in a cache.
pub(crate) trait Identity {
    /// How many bytes are stored outside of it.
    fn allocated(&self) -> usize {
        0
    }
}

impl Identity for RowKey {
    fn allocated(&self) -> usize {
        Self::allocated(self)
    }
}

impl<V, K: Identity> CachedRow<V, K> {
    /// A clean row whose encoded value has so many bytes; it counts as not used.
    pub(super) fn new(key: K, hash: u32, row: Option<V>, timestamp: Timestamp, value_bytes: usize) -> Self {
        Self {
            key,
            row,
            timestamp,
            aside: None,
            changed: 0,
            value_bytes: small(value_bytes),
            hash,
            measure_in: 0,
            measure_every: 0,
            flags: 0,
        }
    }

    /// How many bytes the row has outside of itself.
    pub(super) fn bytes(&self) -> usize {
        let key = self.key.allocated();
        let key = if key > 0 { key + ALLOCATION } else { 0 };
        let value = if Self::values_allocate() { self.value_bytes as usize + ALLOCATION } else { 0 };
        key + value + self.aside.as_ref().map_or(0, |aside| aside.bytes)
    }

    /// Whether values may have bytes outside of the row itself.
    const fn values_allocate() -> bool {
        std::mem::needs_drop::<V>()
    }

    pub(super) const fn is_dirty(&self) -> bool {
        self.flags & DIRTY != 0
    }

    pub(super) const fn set_dirty(&mut self, dirty: bool) {
        self.set(DIRTY, dirty);
    }

    /// Notes that the row is used.
    pub(super) const fn touch(&mut self) {
        self.flags |= USED;
    }

    /// Whether the row was used since this was last asked.
    pub(super) const fn take_used(&mut self) -> bool {
        let used = self.flags & USED != 0;
        self.flags &= !USED;
        used
    }

    /// What the store held when the row became dirty.
    pub(super) const fn before(&self) -> Before {
        match self.flags & (ABSENT_BEFORE | EXISTED_BEFORE) {
            0 => Before::Unknown,
            ABSENT_BEFORE => Before::Absent,
            _ => Before::Exists,
        }
    }

    /// Notes what the store held when the row became dirty, and which row that was if somebody wants to know.
    pub(super) fn set_before(&mut self, before: Before, old: Option<V>) {
        self.set(ABSENT_BEFORE, before == Before::Absent);
        self.set(EXISTED_BEFORE, before == Before::Exists);
        if old.is_some() || self.aside.is_some() {
            self.aside_mut().old = old;
            self.weigh_aside();
        }
    }

    /// Forgets all about what was before, and returns the row of [`CachedRow::set_before`] and the last headers.
    pub(super) fn take_aside(&mut self) -> (Option<V>, Headers) {
        self.flags &= !(ABSENT_BEFORE | EXISTED_BEFORE);
        self.aside.take().map_or_else(|| (None, Headers::new()), |aside| (aside.old, aside.headers))
    }

    /// Whether the row has more than its state: only then do its bytes change with its headers.
    #[inline]
    pub(super) const fn has_aside(&self) -> bool {
        self.aside.is_some()
    }

    /// Notes the headers of the last record that changed the row.
    pub(super) fn set_headers(&mut self, headers: &Headers) {
        self.aside_mut().headers.clone_from(headers);
        self.weigh_aside();
    }

    fn aside_mut(&mut self) -> &mut Aside<V> {
        self.aside.get_or_insert_with(|| Box::new(Aside { old: None, headers: Headers::new(), bytes: 0 }))
    }

    fn weigh_aside(&mut self) {
        let value_bytes = self.value_bytes as usize;
        if let Some(aside) = &mut self.aside {
            let old = if aside.old.is_some() && Self::values_allocate() { value_bytes + ALLOCATION } else { 0 };
            let header = |header: &crate::record::Header| {
                size_of_val(header) + header.name.len() + header.value.as_ref().map_or(0, bytes::Bytes::len)
            };
            aside.bytes = size_of::<Aside<V>>() + ALLOCATION + old + aside.headers.iter().map(header).sum::<usize>();
        }
    }

    /// Notes that the row has changed. Returns whether it is to be measured.
    #[inline]
    pub(super) const fn note_change(&mut self) -> bool {
        if !Self::values_allocate() {
            return false;
        }
        let due = self.measure_in == 0;
        self.measure_in = self.measure_in.saturating_sub(1);
        due
    }

    /// Notes how many bytes the row has when encoded. A row that grows is measured more often, one that does not
    /// more seldom; a large one never so often that measuring it would cost more than changing it.
    pub(super) fn set_measured(&mut self, value_bytes: usize) {
        let (before, now) = (self.value_bytes, small(value_bytes));
        let has_grown = now > before.saturating_add(before / 4);
        self.measure_every = if has_grown { self.measure_every / 2 } else { self.measure_every + 1 };
        let seldom = u8::try_from((now / BYTES_PER_CHANGE).checked_ilog2().unwrap_or(0)).unwrap_or(0);
        self.measure_every = self.measure_every.min(seldom.clamp(MEASURE_EVERY_USUALLY, 15));
        self.measure_in = (1 << self.measure_every) - 1;
        self.value_bytes = now;
    }

    const fn set(&mut self, flag: u8, on: bool) {
        self.flags = if on { self.flags | flag } else { self.flags & !flag };
    }
}

fn small(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
