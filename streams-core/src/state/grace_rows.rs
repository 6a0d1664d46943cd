//! The records of a stream that wait for rows of a versioned table which may come late.
//!
//! Each is written, and logged as in Java, when it comes, and deleted when it has been joined. Their timestamps are also kept
//! in memory. So it costs nothing to find out that none is due, and what is looked at is proportional to what is due, however
//! many records wait.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::held_record::{self, HeldContext, HeldRecord, HeldValues};
use super::kinds::{HeldAt, held_from};
use super::rows::RowError;
use super::{FreshRows, KeyRange, StoreAccess, StoreError, StoreErrorKind, StoreView};
use crate::record::{Headers, Timestamp};
use crate::windows::WindowSizes;

/// The records that wait.
pub(crate) struct GraceRows {
    access: StoreAccess,
    /// How many records there are of each time, and the number of the last one; `None` before the first use.
    known: Option<Known>,
    row: Vec<u8>,
}

#[derive(Default)]
struct Known {
    times: BTreeMap<i64, usize>,
    sequence: u32,
}

/// A record that waits no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DueRecord {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
    pub(crate) context: HeldContext,
    sequence: u32,
}

/// Java's numbers have 31 bits.
const SEQUENCE_MAX: u32 = 0x7fff_ffff;

impl GraceRows {
    pub(crate) const fn new(access: StoreAccess) -> Self {
        Self { access, known: None, row: Vec::new() }
    }

    /// The sizes of the windows in the keys.
    pub(crate) const fn windows(&self) -> &WindowSizes {
        self.access.windows()
    }

    /// Adds a record. The first one has number 1; those from before a restart keep theirs, so that none is overwritten.
    ///
    /// # Errors
    /// When the store or the changelog fails, or holds something else.
    pub(crate) fn put(&mut self, key: &[u8], value: &[u8], context: &HeldContext) -> Result<(), RowError> {
        let timestamp = context.timestamp.0;
        let known = self.known()?;
        let sequence = (known.sequence + 1) & SEQUENCE_MAX;
        known.sequence = sequence;
        *known.times.entry(timestamp).or_default() += 1;
        let at = HeldAt { timestamp, key, sequence };
        self.row.clear();
        held_record::write(context, &HeldValues { prior: None, old: None, new: Some(value) }, NO_TIME, &mut self.row)?;
        self.access.put(&at.stored(), Some(&self.row));
        self.access.log(&at.logged(), Some(&self.row), context.timestamp, &Headers::new())?;
        Ok(())
    }

    /// The first records up to `until`, at most `rows_max`, in the order of time, key and arrival.
    ///
    /// # Errors
    /// When the store fails, or holds something else.
    pub(crate) fn due(&mut self, until: Timestamp, rows_max: usize) -> Result<Vec<DueRecord>, StoreError> {
        let mut due = Vec::new();
        let Some((first, _)) = self.known()?.times.first_key_value().filter(|(first, _)| **first <= until.0) else {
            return Ok(due);
        };
        let from = held_from(*first);
        let to = until.0.checked_add(1).map(held_from);
        let to = to.as_ref().map_or(Bound::Unbounded, |to| Bound::Excluded(&to[..]));
        let mut damaged = false;
        self.access.scan(KeyRange::between(Bound::Included(&from), to), &mut |key, row| {
            match due_record(key, row) {
                Some(record) => due.push(record),
                None => damaged = true,
            }
            due.len() < rows_max && !damaged
        })?;
        if damaged { Err(self.unreadable()) } else { Ok(due) }
    }

    /// Deletes a record that has been joined.
    ///
    /// # Errors
    /// As [`GraceRows::put`].
    pub(crate) fn joined(&mut self, record: &DueRecord) -> Result<(), StoreError> {
        let (timestamp, times) = (record.context.timestamp.0, &mut self.known()?.times);
        if let Some(left) = times.get_mut(&timestamp) {
            *left = left.saturating_sub(1);
            if *left == 0 {
                times.remove(&timestamp);
            }
        }
        let at = HeldAt { timestamp, key: &record.key, sequence: record.sequence };
        self.access.put(&at.stored(), None);
        self.access.log(&at.logged(), None, record.context.timestamp, &Headers::new())
    }

    fn known(&mut self) -> Result<&mut Known, StoreError> {
        if self.known.is_none() {
            let (mut known, mut damaged) = (Known::default(), false);
            self.access.scan(KeyRange::ALL, &mut |key, _| {
                match HeldAt::split(key) {
                    Some(at) => {
                        *known.times.entry(at.timestamp).or_default() += 1;
                        known.sequence = known.sequence.max(at.sequence & SEQUENCE_MAX);
                    }
                    None => damaged = true,
                }
                !damaged
            })?;
            if damaged {
                return Err(self.unreadable());
            }
            self.known = Some(known);
        }
        Ok(self.known.get_or_insert_default())
    }

    #[cold]
    fn unreadable(&self) -> StoreError {
        let message = format!(
            "store {} holds a row that is no record which waits to be joined; give the join a new name or reset the \
             application",
            self.access.name()
        );
        StoreError::new(StoreErrorKind::Decode, message)
    }
}

/// Java's buffers of joins say no time besides the record's own.
const NO_TIME: Timestamp = Timestamp(0);

fn due_record(key: &[u8], row: &[u8]) -> Option<DueRecord> {
    let at = HeldAt::split(key)?;
    let HeldRecord { mut context, values, .. } = held_record::read(row)?;
    context.timestamp = Timestamp(at.timestamp);
    Some(DueRecord { key: at.key.to_vec(), value: values.new?.to_vec(), context, sequence: at.sequence })
}

impl StoreView for GraceRows {
    fn fresh_rows(&mut self) -> &mut dyn FreshRows {
        self
    }
}

impl FreshRows for GraceRows {
    fn name(&self) -> &Arc<str> {
        self.access.name()
    }

    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, RowError> {
        Ok(self.access.get(key)?)
    }

    fn scan(&mut self, range: KeyRange<'_>, each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), RowError> {
        Ok(self.access.scan(range, each)?)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::path::Path;
    use std::rc::Rc;

    use proptest::prelude::*;

    use super::*;
    use crate::state::{Memory, StateBackend, StoreIndex, TaskState};

    fn rows() -> (GraceRows, StoreAccess) {
        let store = Memory.open(Path::new("unused"), &["waiting".to_owned()]).expect("memory always opens");
        let state = Rc::new(RefCell::new(TaskState::new(store)));
        let access = StoreAccess::new("waiting".into(), StoreIndex(1), state, None);
        (GraceRows::new(access.clone()), access)
    }

    fn context(timestamp: i64) -> HeldContext {
        HeldContext { timestamp: Timestamp(timestamp), position: None, headers: Headers::new() }
    }

    fn texts(due: &[DueRecord]) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        due.iter()
            .map(|record| format!("{}@{}={}", text(&record.key), record.context.timestamp.0, text(&record.value)))
            .collect()
    }

    #[test]
    fn records_of_the_same_key_and_time_stay_apart_after_a_restart_too() {
        let (mut rows, access) = rows();
        rows.put(b"k", b"1", &context(5)).expect("put");
        rows.put(b"k", b"2", &context(5)).expect("put");
        let mut rows = GraceRows::new(access);
        rows.put(b"k", b"3", &context(5)).expect("put");
        let due = rows.due(Timestamp(5), 99).expect("read");
        assert_eq!(texts(&due), ["k@5=1", "k@5=2", "k@5=3"]);
        assert_eq!(due.iter().map(|record| record.sequence).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn rows_of_something_else_are_an_error() {
        let (mut rows, access) = rows();
        access.put(b"short", Some(b"v"));
        let error = rows.due(Timestamp(5), 1).unwrap_err();
        assert!(error.message.contains("waiting holds a row that is no record"), "{error}");
        let (mut rows, access) = self::rows();
        access.put(&HeldAt { timestamp: 5, key: b"k", sequence: 1 }.stored(), Some(b"v"));
        assert!(rows.due(Timestamp(5), 1).is_err());
    }

    proptest! {
        #[test]
        fn due_are_those_up_to_a_time_in_the_order_of_time_and_key(
            puts in prop::collection::vec((0_i64..8, 0_u8..3), 0..20),
            untils in prop::collection::vec(-1_i64..9, 1..4),
            page in 1_usize..4,
        ) {
            let (mut rows, _) = rows();
            let mut waiting = Vec::new();
            for (number, (time, key)) in puts.iter().enumerate() {
                rows.put(&[*key], number.to_string().as_bytes(), &context(*time))?;
                waiting.push((*time, *key, number));
            }
            waiting.sort_unstable();
            for until in untils {
                let mut expected = Vec::new();
                waiting.retain(|(time, key, number)| {
                    let is_due = *time <= until;
                    if is_due {
                        expected.push((*time, vec![*key], number.to_string().into_bytes()));
                    }
                    !is_due
                });
                let mut found = Vec::new();
                loop {
                    let due = rows.due(Timestamp(until), page)?;
                    if due.is_empty() {
                        break;
                    }
                    for record in due {
                        rows.joined(&record)?;
                        found.push((record.context.timestamp.0, record.key, record.value));
                    }
                }
                prop_assert_eq!(found, expected);
            }
        }
    }
}
