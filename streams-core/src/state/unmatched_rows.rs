//! The records for which a left or outer join has found no match yet.
//!
//! Each is written, and logged as in Java, when it comes, and deleted when a match comes or none can come any more.
//! Values with the same side, timestamp and key are one row, which is deleted as a whole.
//!
//! The rows' timestamps are also kept in memory. So it costs nothing to find out that there is nothing to do, and what
//! is looked at is proportional to what is to be joined with nothing, however many records wait.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::kinds::{Side, WaitingAt};
use super::rows::RowError;
use super::{FreshRows, KeyRange, StoreAccess, StoreError, StoreErrorKind, StoreView};
use crate::record::{Headers, Timestamp};
use crate::windows::WindowSizes;

/// The unmatched records of both sides.
pub(crate) struct UnmatchedRows {
    access: StoreAccess,
    /// How many values each side has at each time; `None` before the first use.
    times: Option<Times>,
}

#[derive(Default)]
struct Times {
    right: BTreeMap<i64, usize>,
    left: BTreeMap<i64, usize>,
}

/// A row that no match can come for any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClosedRow {
    pub(crate) side: Side,
    pub(crate) timestamp: Timestamp,
    pub(crate) key: Vec<u8>,
    /// In the order of their arrival.
    pub(crate) values: Vec<Vec<u8>>,
}

/// Rows of a side have found their last match if their timestamp is below this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClosedBelow {
    pub(crate) right: i64,
    pub(crate) left: i64,
}

impl ClosedBelow {
    const fn of(self, side: Side) -> i64 {
        match side {
            Side::Right => self.right,
            Side::Left => self.left,
        }
    }
}

impl Times {
    const fn of(&self, side: Side) -> &BTreeMap<i64, usize> {
        match side {
            Side::Right => &self.right,
            Side::Left => &self.left,
        }
    }

    fn add(&mut self, side: Side, time: i64, values: usize) {
        *self.of_mut(side).entry(time).or_default() += values;
    }

    fn remove(&mut self, side: Side, time: i64, values: usize) {
        let times = self.of_mut(side);
        if let Some(left) = times.get_mut(&time) {
            *left = left.saturating_sub(values);
            if *left == 0 {
                times.remove(&time);
            }
        }
    }

    const fn of_mut(&mut self, side: Side) -> &mut BTreeMap<i64, usize> {
        match side {
            Side::Right => &mut self.right,
            Side::Left => &mut self.left,
        }
    }

    /// The timestamp at which Java stops looking: it goes through all values by time, of the same time first those from
    /// the right, until it has met one that may still find a match on each side, and looks at one more.
    fn looked_up_to(&self, closed: ClosedBelow) -> Option<i64> {
        let open = |side| self.of(side).range(closed.of(side)..).next().map(|(time, _)| *time);
        let last = || self.right.last_key_value().max(self.left.last_key_value()).map(|(time, _)| *time);
        let (Some(right), Some(left)) = (open(Side::Right), open(Side::Left)) else { return last() };
        let (time, side) = (right, Side::Right).max((left, Side::Left));
        if self.of(side).get(&time).is_some_and(|values| *values > 1) {
            return Some(time);
        }
        let after = |next: Side| {
            let from = if next > side { Bound::Included(time) } else { Bound::Excluded(time) };
            self.of(next).range((from, Bound::Unbounded)).next().map(|(time, _)| *time)
        };
        [after(Side::Right), after(Side::Left)].into_iter().flatten().min().or(Some(time))
    }
}

impl UnmatchedRows {
    pub(crate) const fn new(access: StoreAccess) -> Self {
        Self { access, times: None }
    }

    /// The sizes of the windows in the keys.
    pub(crate) const fn windows(&self) -> &WindowSizes {
        self.access.windows()
    }

    /// Adds a value to those that wait at its place.
    ///
    /// # Errors
    /// When the store or the changelog fails, or holds something else.
    pub(crate) fn put(&mut self, at: WaitingAt<'_>, value: &[u8]) -> Result<(), StoreError> {
        self.times()?.add(at.side, at.timestamp, 1);
        let stored = at.stored();
        let mut list = self.access.get(&stored)?.unwrap_or_else(|| values::EMPTY.to_vec());
        values::add(&mut list, at.side, value).ok_or_else(|| self.unreadable())?;
        self.access.put(&stored, Some(&list));
        self.access.log(&at.logged(), Some(&list), Timestamp(at.timestamp), &Headers::new())
    }

    /// Deletes the row at that place, if there is one, because a record with timestamp `now` matches it.
    ///
    /// # Errors
    /// As [`UnmatchedRows::put`].
    pub(crate) fn match_found(&mut self, at: WaitingAt<'_>, now: Timestamp) -> Result<(), StoreError> {
        if !self.times()?.of(at.side).contains_key(&at.timestamp) {
            return Ok(());
        }
        match self.access.get(&at.stored())? {
            Some(list) => {
                let values = values::count(&list).ok_or_else(|| self.unreadable())?;
                self.delete(at, values, now)
            }
            None => Ok(()),
        }
    }

    /// Deletes a row that was joined with nothing while a record with timestamp `now` was processed.
    ///
    /// # Errors
    /// As [`UnmatchedRows::put`].
    pub(crate) fn joined_with_nothing(&mut self, row: &ClosedRow, now: Timestamp) -> Result<(), StoreError> {
        let at = WaitingAt { timestamp: row.timestamp.0, side: row.side, key: &row.key };
        self.delete(at, row.values.len(), now)
    }

    fn delete(&mut self, at: WaitingAt<'_>, values: usize, now: Timestamp) -> Result<(), StoreError> {
        self.times()?.remove(at.side, at.timestamp, values);
        self.access.put(&at.stored(), None);
        self.access.log(&at.logged(), None, now, &Headers::new())
    }

    /// Up to which timestamp Java would look for rows that are closed; `None` if there are no rows.
    ///
    /// # Errors
    /// As [`UnmatchedRows::put`].
    pub(crate) fn looked_up_to(&mut self, closed: ClosedBelow) -> Result<Option<i64>, StoreError> {
        Ok(self.times()?.looked_up_to(closed))
    }

    /// The first of the closed rows without `except`, at most `rows_max`, ordered by time, side and key.
    ///
    /// # Errors
    /// As [`UnmatchedRows::put`].
    pub(crate) fn closed(
        &mut self,
        closed: ClosedBelow,
        except: Option<&ClosedRow>,
        rows_max: usize,
    ) -> Result<Vec<ClosedRow>, StoreError> {
        let mut rows = Vec::new();
        for side in [Side::Right, Side::Left] {
            let below = closed.of(side);
            if self.times()?.of(side).first_key_value().is_none_or(|(first, _)| *first >= below) {
                continue;
            }
            let from = WaitingAt { timestamp: i64::MIN, side, key: b"" }.stored();
            let to = WaitingAt { timestamp: below, side, key: b"" }.stored();
            let range = KeyRange::between(Bound::Included(&from), Bound::Excluded(&to));
            let (mut met, mut damaged) = (0, false);
            self.access.scan(range, &mut |key, list| {
                match closed_row(key, list) {
                    Some(row) if except == Some(&row) => {}
                    Some(row) => {
                        rows.push(row);
                        met += 1;
                    }
                    None => damaged = true,
                }
                met < rows_max && !damaged
            })?;
            if damaged {
                return Err(self.unreadable());
            }
        }
        rows.sort_by(|one, other| place(one).cmp(&place(other)));
        rows.truncate(rows_max);
        Ok(rows)
    }

    fn times(&mut self) -> Result<&mut Times, StoreError> {
        if self.times.is_none() {
            let (mut times, mut damaged) = (Times::default(), false);
            self.access.scan(KeyRange::ALL, &mut |key, list| {
                match WaitingAt::split(key).zip(values::count(list)) {
                    Some((at, values)) => times.add(at.side, at.timestamp, values),
                    None => damaged = true,
                }
                !damaged
            })?;
            if damaged {
                return Err(self.unreadable());
            }
            self.times = Some(times);
        }
        Ok(self.times.get_or_insert_default())
    }

    #[cold]
    fn unreadable(&self) -> StoreError {
        let message = format!(
            "store {} holds a row that is no list of unmatched records; give the join's stores a new name or reset the \
             application",
            self.access.name()
        );
        StoreError::new(StoreErrorKind::Decode, message)
    }
}

fn closed_row(key: &[u8], list: &[u8]) -> Option<ClosedRow> {
    let WaitingAt { timestamp, side, key } = WaitingAt::split(key)?;
    let values = values::read(list)?.map(<[u8]>::to_vec).collect();
    Some(ClosedRow { side, timestamp: Timestamp(timestamp), key: key.to_vec(), values })
}

const fn place(row: &ClosedRow) -> (Timestamp, Side, &Vec<u8>) {
    (row.timestamp, row.side, &row.key)
}

impl StoreView for UnmatchedRows {
    fn fresh_rows(&mut self) -> &mut dyn FreshRows {
        self
    }
}

impl FreshRows for UnmatchedRows {
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

/// Java's list of byte arrays: the byte 1 (each has its length in front), their number, and each with its length. Each
/// begins with the byte of its side.
mod values {
    use super::Side;

    const COUNT: usize = size_of::<u32>();

    pub(super) const EMPTY: [u8; 1 + COUNT] = [1, 0, 0, 0, 0];

    /// Appends a value. `None` if this is not such a list.
    pub(super) fn add(list: &mut Vec<u8>, side: Side, value: &[u8]) -> Option<()> {
        let count = list.get_mut(1..)?.first_chunk_mut::<COUNT>()?;
        *count = (u32::from_be_bytes(*count).checked_add(1)?).to_be_bytes();
        list.extend_from_slice(&u32::try_from(value.len() + 1).ok()?.to_be_bytes());
        list.push(side.byte());
        list.extend_from_slice(value);
        Some(())
    }

    /// The number of values. `None` if this is not such a list.
    pub(super) fn count(list: &[u8]) -> Option<usize> {
        let (1, rest) = list.split_first()? else { return None };
        usize::try_from(u32::from_be_bytes(*rest.first_chunk::<COUNT>()?)).ok()
    }

    /// The values. `None` if this is not such a list.
    pub(super) fn read(list: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
        let mut values = Vec::new();
        let mut rest = list.get(EMPTY.len()..)?;
        for _ in 0..count(list)? {
            let (length, behind) = rest.split_first_chunk::<COUNT>()?;
            let (value, behind) = behind.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
            values.push(value.split_first()?.1);
            rest = behind;
        }
        rest.is_empty().then(|| values.into_iter())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::path::Path;
    use std::rc::Rc;

    use proptest::prelude::*;

    use super::*;
    use crate::state::{Changelog, Memory, StateBackend, StoreIndex, TaskState};

    type Record = (Vec<u8>, Option<Vec<u8>>, i64);
    type Expected<'a> = (&'a [u8], Option<&'a [u8]>, i64);

    #[derive(Default)]
    struct Logged(Vec<Record>);

    impl Changelog for Logged {
        fn append(
            &mut self,
            key: &[u8],
            value: Option<&[u8]>,
            timestamp: Timestamp,
            _: &Headers,
        ) -> Result<(), StoreError> {
            self.0.push((key.to_vec(), value.map(<[u8]>::to_vec), timestamp.0));
            Ok(())
        }
    }

    fn rows() -> (UnmatchedRows, Rc<RefCell<Logged>>, StoreAccess) {
        let store = Memory.open(Path::new("unused"), &["unmatched".to_owned()]).expect("memory always opens");
        let state = Rc::new(RefCell::new(TaskState::new(store)));
        let logged = Rc::<RefCell<Logged>>::default();
        let changelog = Rc::clone(&logged) as Rc<RefCell<dyn Changelog>>;
        let access = StoreAccess::new("unmatched".into(), StoreIndex(1), state, Some(changelog));
        (UnmatchedRows::new(access.clone()), logged, access)
    }

    const fn at(side: Side, timestamp: i64, key: &str) -> WaitingAt<'_> {
        WaitingAt { timestamp, side, key: key.as_bytes() }
    }

    const NOW: Timestamp = Timestamp(77);

    #[test]
    fn values_of_a_place_are_a_list_that_is_logged_as_javas_and_deleted_at_once() {
        let (mut rows, logged, _) = rows();
        rows.put(at(Side::Left, 5, "k"), b"x").expect("put");
        rows.put(at(Side::Left, 5, "k"), b"").expect("put");
        rows.put(at(Side::Right, 5, "k"), b"z").expect("put");
        rows.match_found(at(Side::Left, 4, "k"), NOW).expect("nothing there");
        rows.match_found(at(Side::Left, 5, "l"), NOW).expect("nothing there");
        rows.match_found(at(Side::Left, 5, "k"), NOW).expect("deleted");
        rows.match_found(at(Side::Left, 5, "k"), NOW).expect("nothing there any more");
        let (left, right) = (b"\0\0\0\0\0\0\0\x05\x01k", b"\0\0\0\0\0\0\0\x05\0k");
        let expected: [Expected<'_>; 4] = [
            (left, Some(b"\x01\0\0\0\x01\0\0\0\x02\x01x"), 5),
            (left, Some(b"\x01\0\0\0\x02\0\0\0\x02\x01x\0\0\0\x01\x01"), 5),
            (right, Some(b"\x01\0\0\0\x01\0\0\0\x02\0z"), 5),
            (left, None, 77),
        ];
        let expected = expected.map(|(key, value, time)| (key.to_vec(), value.map(<[u8]>::to_vec), time));
        assert_eq!(logged.borrow().0, expected);
    }

    #[test]
    fn closed_rows_come_by_time_side_and_key() {
        let (mut rows, _, access) = rows();
        for (side, time, key, value) in [
            (Side::Left, 3, "b", "3"),
            (Side::Left, 3, "a", "2"),
            (Side::Right, 3, "z", "1"),
            (Side::Left, 3, "b", "4"),
            (Side::Right, 9, "a", "open"),
            (Side::Left, 4, "a", "5"),
            (Side::Left, 5, "a", "open"),
            (Side::Right, 8, "a", "6"),
        ] {
            rows.put(at(side, time, key), value.as_bytes()).expect("put");
        }
        let closed = ClosedBelow { left: 5, right: 9 };
        // The same after a restart.
        for mut rows in [rows, UnmatchedRows::new(access)] {
            assert_eq!(rows.looked_up_to(closed), Ok(Some(9)));
            let all = rows.closed(closed, None, 99).expect("read");
            let texts: Vec<_> = all.iter().map(|row| row.values.concat()).collect();
            assert_eq!(texts, [&b"1"[..], b"2", b"34", b"5", b"6"]);
            assert_eq!(rows.closed(closed, None, 2).expect("read"), all[..2]);
            assert_eq!(rows.closed(closed, Some(&all[0]), 2).expect("read"), all[1..3]);
        }
    }

    #[test]
    fn rows_of_something_else_are_an_error() {
        for (key, list) in [
            (&b"\x02\0\0\0\0\0\0\0\0k"[..], &b"\x01\0\0\0\0"[..]),
            (b"short", b"\x01\0\0\0\0"),
            (b"\x01\0\0\0\0\0\0\0\0k", b"\0\0\0\0\0"),
            (b"\x01\0\0\0\0\0\0\0\0k", b""),
        ] {
            let (mut rows, _, access) = rows();
            access.put(key, Some(list));
            let error = rows.looked_up_to(ClosedBelow { left: 0, right: 0 }).unwrap_err();
            assert!(error.message.contains("unmatched holds a row that is no list"), "{error}");
        }
        for list in
            [&b"\x01\0\0\0\x01"[..], b"\x01\0\0\0\x01\0\0\0\0", b"\x01\0\0\0\x01\0\0\0\x09\x01x", b"\x01\0\0\0\0x"]
        {
            let (mut rows, _, access) = rows();
            access.put(&at(Side::Left, 1, "k").stored(), Some(list));
            assert!(rows.closed(ClosedBelow { left: 9, right: 9 }, None, 9).is_err(), "{list:?}");
        }
    }

    /// Where Java's loop over all values ends.
    fn javas_end(places: &[(i64, Side)], closed: ClosedBelow) -> Option<i64> {
        let (mut end, mut right, mut left) = (None, false, false);
        for (time, side) in places {
            end = Some(*time);
            if right && left {
                break;
            }
            match side {
                Side::Right => right |= *time >= closed.right,
                Side::Left => left |= *time >= closed.left,
            }
        }
        end
    }

    proptest! {
        #[test]
        fn looking_ends_where_javas_loop_does(
            waiting in prop::collection::vec((0_i64..12, any::<bool>(), 0_u8..3), 0..20),
            matched in prop::collection::vec((0_i64..12, any::<bool>(), 0_u8..3), 0..6),
            (left, right) in (0_i64..13, 0_i64..13),
        ) {
            let side = |left| if left { Side::Left } else { Side::Right };
            let (mut rows, _, access) = rows();
            let mut places = Vec::new();
            for (time, left, key) in &waiting {
                rows.put(at(side(*left), *time, &key.to_string()), b"v")?;
                places.push((*time, side(*left), *key));
            }
            for (time, left, key) in &matched {
                rows.match_found(at(side(*left), *time, &key.to_string()), NOW)?;
                places.retain(|place| *place != (*time, side(*left), *key));
            }
            places.sort_unstable();
            let places: Vec<_> = places.iter().map(|(time, side, _)| (*time, *side)).collect();
            let closed = ClosedBelow { left, right };
            prop_assert_eq!(rows.looked_up_to(closed)?, javas_end(&places, closed));
            prop_assert_eq!(UnmatchedRows::new(access).looked_up_to(closed)?, javas_end(&places, closed));
            let below: usize = rows.closed(closed, None, 99)?.iter().map(|row| row.values.len()).sum();
            let expected = places.iter().filter(|(time, side)| *time < closed.of(*side)).count();
            prop_assert_eq!(below, expected);
        }
    }
}
