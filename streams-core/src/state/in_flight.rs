//! The records that a handler works on, from the moment they are accepted until they are done with.
//!
//! All of them are in memory, by their numbers, which say in which order they were accepted. The store and the changelog
//! get those that changed when the task commits, so a record that comes and goes between two commits is never written. It
//! does not know what is being done with a record.
//!
//! A row is a version (1), where the record comes from with its time and headers (as in [`held_record`]), the number of
//! records before it that were made of the same one (4), failed attempts (4), when the next one is due (8), key and value.
//! In version 2 a partition (4) and a number (8) follow, under which the record was accepted for the first time.
//!
//! [`held_record`]: super::held_record

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use super::held_record::{HeldContext, Unread, write_bytes};
use super::rows::RowError;
use super::{FreshRows, KeyRange, StoreAccess, StoreError, StoreErrorKind, StoreView};
use crate::record::{Headers, Partition, RecordPosition, Timestamp};
use crate::windows::WindowSizes;
use crate::wire::EncodeError;

/// A record's number as a key.
pub(crate) const NUMBER_BYTES: usize = size_of::<i64>();

const VERSION: u8 = 1;
/// Of rows that also say under which number they were accepted first.
const VERSION_WITH_FIRST: u8 = 2;

/// What a row costs besides its key, value and headers, roughly.
const ROW_BYTES: usize = 200;

/// A record that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// The record that it was made of; `None` for what a cache or a punctuation sent.
    pub(crate) position: Option<RecordPosition>,
    /// How many records were made of that one before.
    pub(crate) ordinal: u32,
    /// The partition and the number under which it was accepted first, if it was accepted again since and only that number
    /// tells it from others.
    pub(crate) first: Option<(Partition, i64)>,
    pub(crate) timestamp: Timestamp,
    pub(crate) headers: Headers,
    /// The key's bytes; `None` is null.
    pub(crate) key: Option<Box<[u8]>>,
    /// The value's bytes; `None` is null.
    pub(crate) value: Option<Box<[u8]>>,
    /// How many attempts have failed.
    pub(crate) attempts: u32,
    /// When the next attempt is due by the wall clock, if it has to wait.
    pub(crate) due: Timestamp,
}

impl Accepted {
    /// Appends the row.
    ///
    /// # Errors
    /// When something is too long for its length.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.push(if self.first.is_some() { VERSION_WITH_FIRST } else { VERSION });
        let Self { position, timestamp, headers, .. } = self;
        HeldContext { timestamp: *timestamp, position: position.clone(), headers: headers.clone() }.write(out)?;
        out.extend_from_slice(&self.ordinal.to_be_bytes());
        out.extend_from_slice(&self.attempts.to_be_bytes());
        out.extend_from_slice(&self.due.0.to_be_bytes());
        write_bytes(self.key.as_deref(), out)?;
        write_bytes(self.value.as_deref(), out)?;
        if let Some((partition, number)) = self.first {
            out.extend_from_slice(&partition.0.to_be_bytes());
            out.extend_from_slice(&number.to_be_bytes());
        }
        Ok(())
    }

    /// Reads a row; `None` if the bytes are none.
    pub(crate) fn read(row: &[u8]) -> Option<Self> {
        let (version, rest) = row.split_first()?;
        let mut rest = Unread::of(rest);
        if ![VERSION, VERSION_WITH_FIRST].contains(version) {
            return None;
        }
        let HeldContext { timestamp, position, headers } = HeldContext::read(&mut rest)?;
        let (ordinal, attempts) = (u32::from_be_bytes(rest.take()?), u32::from_be_bytes(rest.take()?));
        let due = Timestamp(rest.long()?);
        let (key, value) = (rest.value()?.map(Into::into), rest.value()?.map(Into::into));
        let first = match *version {
            VERSION_WITH_FIRST => Some((Partition(rest.int()?), rest.long()?)),
            _ => None,
        };
        rest.is_empty().then_some(Self { position, ordinal, first, timestamp, headers, key, value, attempts, due })
    }

    /// How many bytes it takes in memory, roughly.
    fn size(&self) -> usize {
        let field = |bytes: &Option<Box<[u8]>>| bytes.as_ref().map_or(0, |bytes| bytes.len());
        let headers =
            self.headers.iter().map(|header| header.name.len() + header.value.as_ref().map_or(0, |value| value.len()));
        ROW_BYTES + field(&self.key) + field(&self.value) + headers.sum::<usize>()
    }
}

#[derive(Debug)]
struct Row {
    accepted: Accepted,
    /// Whether the store has a row of that number.
    is_stored: bool,
}

/// The records that are not done with.
pub(crate) struct InFlightRows {
    access: StoreAccess,
    rows: BTreeMap<i64, Row>,
    /// The numbers of rows that the store has not got as they are, or has although they are gone.
    unwritten: BTreeSet<i64>,
    /// The last number that was given. It survives restarts, also when no row does.
    last: Rc<Cell<Timestamp>>,
    is_loaded: bool,
    bytes: usize,
    row: Vec<u8>,
}

impl InFlightRows {
    /// The records in `access`; `last` is kept by the caller.
    pub(crate) fn new(access: StoreAccess, last: Rc<Cell<Timestamp>>) -> Self {
        let (rows, unwritten) = (BTreeMap::new(), BTreeSet::new());
        Self { access, rows, unwritten, last, is_loaded: false, bytes: 0, row: Vec::new() }
    }

    /// Reads the rows in the store. Call this before anything else; it does nothing the second time. Returns whether it
    /// has just read them.
    ///
    /// # Errors
    /// When the store fails, or holds something else.
    pub(crate) fn load(&mut self) -> Result<bool, RowError> {
        if std::mem::replace(&mut self.is_loaded, true) {
            return Ok(false);
        }
        let (access, mut outcome) = (self.access.clone(), Ok(()));
        access.scan(KeyRange::ALL, &mut |key, row| {
            outcome = self.take_stored(key, row);
            outcome.is_ok()
        })?;
        outcome.map(|()| true)
    }

    fn take_stored(&mut self, key: &[u8], row: &[u8]) -> Result<(), RowError> {
        let number = key.try_into().map(i64::from_be_bytes).ok();
        let Some((number, accepted)) = number.zip(Accepted::read(row)) else {
            let message = format!(
                "store {} holds a row that is no record of a handler; if the application has been changed, give the \
                 handler another name, or reset the application",
                self.access.name()
            );
            return Err(StoreError::new(StoreErrorKind::Decode, message).into());
        };
        self.last.set(self.last.get().max(Timestamp(number)));
        self.bytes += accepted.size();
        self.rows.insert(number, Row { accepted, is_stored: true });
        Ok(())
    }

    /// Whether there are none. They must have been read.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_loaded && self.rows.is_empty()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many bytes they take, roughly.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The sizes of the windows in the records' keys.
    pub(crate) const fn windows(&self) -> &WindowSizes {
        self.access.windows()
    }

    /// The number that the next record gets.
    pub(crate) fn next_number(&self) -> i64 {
        self.last.get().0.saturating_add(1)
    }

    /// The records by their numbers, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &Accepted)> {
        self.rows.iter().map(|(number, row)| (*number, &row.accepted))
    }

    /// One record.
    pub(crate) fn get(&self, number: i64) -> Option<&Accepted> {
        self.rows.get(&number).map(|row| &row.accepted)
    }

    /// Adds a record and returns its number.
    pub(crate) fn add(&mut self, accepted: Accepted) -> i64 {
        let number = self.next_number();
        self.last.set(Timestamp(number));
        self.bytes += accepted.size();
        self.rows.insert(number, Row { accepted, is_stored: false });
        self.unwritten.insert(number);
        number
    }

    /// Notes a failed attempt, and when the next one is due. Returns how many have failed by now.
    pub(crate) fn failed(&mut self, number: i64) -> Option<u32> {
        let row = self.rows.get_mut(&number)?;
        row.accepted.attempts = row.accepted.attempts.saturating_add(1);
        self.unwritten.insert(number);
        Some(row.accepted.attempts)
    }

    /// Notes when the next attempt is due.
    pub(crate) fn delay(&mut self, number: i64, due: Timestamp) {
        if let Some(row) = self.rows.get_mut(&number) {
            row.accepted.due = due;
            self.unwritten.insert(number);
        }
    }

    /// Takes a record out that is done with.
    pub(crate) fn remove(&mut self, number: i64) -> Option<Accepted> {
        let Row { accepted, is_stored } = self.rows.remove(&number)?;
        self.bytes -= accepted.size();
        if is_stored {
            self.unwritten.insert(number);
        } else {
            self.unwritten.remove(&number);
        }
        Some(accepted)
    }

    /// Writes and logs at most `rows_max` rows that have changed or gone since they were written, and returns whether
    /// there are more. `now` is the time of the changelog's records.
    ///
    /// # Errors
    /// When the changelog fails, or a record is too long.
    pub(crate) fn write(&mut self, rows_max: usize, now: Timestamp) -> Result<bool, RowError> {
        for _ in 0..rows_max {
            let Some(number) = self.unwritten.pop_first() else { break };
            let key = number.to_be_bytes();
            match self.rows.get_mut(&number) {
                Some(row) => {
                    self.row.clear();
                    row.accepted.write(&mut self.row)?;
                    self.access.log(&key, Some(&self.row), now, &Headers::new())?;
                    self.access.put(&key, Some(&self.row));
                    row.is_stored = true;
                }
                None => {
                    self.access.log(&key, None, now, &Headers::new())?;
                    self.access.put(&key, None);
                }
            }
        }
        Ok(!self.unwritten.is_empty())
    }
}

impl StoreView for InFlightRows {
    fn fresh_rows(&mut self) -> &mut dyn FreshRows {
        self
    }
}

impl FreshRows for InFlightRows {
    fn name(&self) -> &Arc<str> {
        self.access.name()
    }

    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, RowError> {
        self.load()?;
        let number = key.try_into().map(i64::from_be_bytes).ok();
        let Some(row) = number.and_then(|number| self.rows.get(&number)) else { return Ok(None) };
        let mut bytes = Vec::new();
        row.accepted.write(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn scan(&mut self, range: KeyRange<'_>, each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), RowError> {
        self.load()?;
        if range.is_empty() {
            return Ok(());
        }
        let mut sorted = BTreeMap::new();
        for (number, row) in &self.rows {
            let mut bytes = Vec::new();
            row.accepted.write(&mut bytes)?;
            sorted.insert(number.to_be_bytes(), bytes);
        }
        let in_range = sorted.iter().filter(|(key, _)| range.contains(&key[..]));
        let mut visit = |(key, row): (&[u8; NUMBER_BYTES], &Vec<u8>)| each(key, row);
        match range.order {
            super::KeyOrder::Ascending => in_range.into_iter().all(&mut visit),
            super::KeyOrder::Descending => in_range.rev().all(&mut visit),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::{Header, Offset};

    type Bytes = Option<Vec<u8>>;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            (key, value) in any::<(Bytes, Bytes)>(),
            numbers in any::<(i64, u32, u32, i64)>(),
            position in prop::option::of(("[a-z]{1,5}", any::<i32>(), any::<i64>())),
            first in prop::option::of((any::<i32>(), any::<i64>())),
            headers in prop::collection::vec((".{0,4}", prop::option::of(prop::collection::vec(any::<u8>(), 0..4))), 0..4),
        ) {
            let headers = headers.into_iter().map(|(name, value)| Header { name, value: value.map(Into::into) });
            let position = position.map(|(topic, partition, offset)| RecordPosition {
                topic: topic.as_str().into(),
                partition: Partition(partition),
                offset: Offset(offset),
            });
            let (timestamp, ordinal, attempts, due) = numbers;
            let accepted = Accepted {
                position,
                ordinal,
                first: first.map(|(partition, number)| (Partition(partition), number)),
                timestamp: Timestamp(timestamp),
                headers: headers.collect(),
                key: key.map(Into::into),
                value: value.map(Into::into),
                attempts,
                due: Timestamp(due),
            };
            let mut row = Vec::new();
            accepted.write(&mut row).unwrap();
            prop_assert_eq!(Accepted::read(&row), Some(accepted));
            for end in 0..row.len() {
                prop_assert_eq!(Accepted::read(&row[..end]), None, "{} bytes", end);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Accepted::read(&bytes);
        }
    }
}
