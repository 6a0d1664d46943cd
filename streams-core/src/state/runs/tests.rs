//! Tests runs against a map as their model: whatever is dirty, dropped or read again, rows are found as they were changed last,
//! and what they weigh adds up.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::record::{Headers, Record};
use crate::state::kinds::Sessions;
use crate::state::kinds::session::split_stored;
use crate::state::rows::ChangeOf;
use crate::state::session_rows::{BySession, SessionPlace, SessionRows};
use crate::state::{Changelog, Memory, StateBackend as _, StoreIndex, TaskState};
use crate::windows::WindowSizes;

#[derive(Debug, Clone)]
enum Step {
    /// Key, time, value; `None` deletes. With a header of that many bytes, unless there are none.
    Update(usize, i64, Option<u8>, usize),
    Take(usize, i64),
    Flush(usize),
    MakeRoom(usize),
    DropClean(usize),
    Commit,
    Get(usize, i64),
    Scan(KeyOrder, usize),
}

const KEYS: [&str; 4] = ["", "k", "k\0\0\0\0\0\0\0\u{1}", "a key of more than thirty bytes, which is kept elsewhere"];
/// Half of them are over as soon as there is a row of the latest.
const RETENTION: Duration = Duration::from_secs(600);

/// From zero to twenty minutes.
fn time(number: i64) -> i64 {
    number * 60_000
}

fn place(number: i64) -> SessionPlace {
    SessionPlace { end: Timestamp(time(number)), start: Timestamp(time(number) / 2) }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let row = || (0..KEYS.len(), 0..20_i64);
    let value = prop::option::weighted(0.8, 0..250_u8);
    let order = prop::sample::select(vec![KeyOrder::Ascending, KeyOrder::Descending]);
    let step = prop_oneof![
        8 => (row(), value, 0..3_usize).prop_map(|((key, at), value, header)| Step::Update(key, at, value, header)),
        2 => row().prop_map(|(key, at)| Step::Take(key, at)),
        1 => (1..6_usize).prop_map(Step::Flush),
        1 => (1..6_usize).prop_map(Step::MakeRoom),
        1 => (1..6_usize).prop_map(Step::DropClean),
        1 => Just(Step::Commit),
        2 => row().prop_map(|(key, at)| Step::Get(key, at)),
        2 => (order, 1..30_usize).prop_map(|(order, rows)| Step::Scan(order, rows)),
    ];
    prop::collection::vec(step, 0..120)
}

/// What was logged last of each key.
#[derive(Default)]
struct Last(BTreeMap<Vec<u8>, Option<Vec<u8>>>);

impl Changelog for Last {
    fn append(&mut self, key: &[u8], value: Option<&[u8]>, _: Timestamp, _: &Headers) -> Result<(), StoreError> {
        self.0.insert(key.to_vec(), value.map(<[u8]>::to_vec));
        Ok(())
    }
}

type Model = BTreeMap<(usize, i64), String>;

struct Tested {
    rows: SessionRows<String, String>,
    state: Rc<RefCell<TaskState>>,
    logged: Rc<RefCell<Last>>,
    budget: CacheBudget,
    newest: i64,
    model: Model,
    forwarded: Model,
}

impl Tested {
    fn new(cache_bytes: usize) -> Self {
        let store = Memory.open(Path::new("unused"), &["store".to_owned()]).unwrap();
        let (state, logged) = (Rc::new(RefCell::new(TaskState::new(store))), Rc::<RefCell<Last>>::default());
        let access = StoreAccess::new("store".into(), StoreIndex(1), Rc::clone(&state), Some(Rc::clone(&logged) as _));
        let access = access.of(Arc::new(Sessions { retention: RETENTION }), WindowSizes::NONE);
        let budget = CacheBudget::new(cache_bytes);
        let mut rows = SessionRows::new(access, budget.clone());
        rows.want_old_values(true);
        Self { rows, state, logged, budget, newest: -1, model: Model::new(), forwarded: Model::new() }
    }

    /// The times that can still be found.
    fn is_visible(&self, at: i64) -> bool {
        time(at) > time(self.newest) - i64::try_from(RETENTION.as_millis()).unwrap()
    }

    fn run(&mut self, step: Step) -> Result<(), TestCaseError> {
        let mut forward = Vec::new();
        match step {
            Step::Update(key, at, value, header) if self.is_visible(at) => {
                let value = value.map(|value| "x".repeat(usize::from(value)));
                let mut headers = Headers::new();
                if header > 0 {
                    headers.push("name", vec![0; header * 10]);
                }
                let cause = Cause { timestamp: Timestamp(7), headers: &headers };
                let run = self.rows.open(&KEYS[key].to_owned()).unwrap();
                let (mut found, new) = (None, value.clone());
                let changed = self.rows.update(run, place(at), cause, |row| {
                    found = row.map(|row| row.0);
                    (new, cause.timestamp)
                });
                forward.extend(changed.unwrap().map(|changed| record(key, at, changed)));
                prop_assert_eq!(found, self.model.get(&(key, at)).cloned());
                match value {
                    Some(value) => self.model.insert((key, at), value),
                    None => self.model.remove(&(key, at)),
                };
                self.newest = self.newest.max(at);
                self.rows.observe(Timestamp(time(at)));
            }
            Step::Take(key, at) if self.is_visible(at) && self.model.contains_key(&(key, at)) => {
                let cause = Cause { timestamp: Timestamp(8), headers: &Headers::new() };
                let run = self.rows.open(&KEYS[key].to_owned()).unwrap();
                let (taken, changed) = self.rows.take(run, place(at), cause).unwrap();
                forward.extend(changed.map(|changed| record(key, at, changed)));
                prop_assert_eq!(taken, self.model.remove(&(key, at)));
            }
            Step::Update(..) | Step::Take(..) => {}
            Step::Flush(rows) => _ = self.rows.flush(rows, Some(&mut forward)).unwrap(),
            Step::MakeRoom(rows) => _ = self.rows.make_room(rows, Some(&mut forward)).unwrap(),
            Step::DropClean(rows) => _ = self.rows.drop_clean(rows),
            Step::Commit => {
                while self.rows.flush(3, Some(&mut forward)).unwrap() {}
                let batch = self.state.borrow().pending_batch();
                self.state.borrow_mut().write(batch).unwrap();
            }
            Step::Get(key, at) => {
                let expected = self.model.get(&(key, at)).filter(|_| self.is_visible(at)).cloned();
                let row = self.rows.peek(&KEYS[key].to_owned(), place(at)).unwrap();
                prop_assert_eq!(row.map(|row| row.0), expected.clone());
                let row = FreshRows::get(&mut self.rows, &store_key(key, at)).unwrap();
                prop_assert_eq!(row, expected.map(String::into_bytes));
            }
            Step::Scan(order, rows) => self.scan(order, rows)?,
        }
        for record in forward {
            let (row, Change { old, new, .. }) = (row_of(&record), record.value);
            prop_assert_eq!(old, self.forwarded.remove(&row), "old of {:?}", row);
            self.forwarded.extend(new.map(|new| (row, new)));
        }
        prop_assert_eq!(self.rows.bytes, self.rows.weighed());
        prop_assert_eq!(self.budget.held(), self.rows.bytes);
        Ok(())
    }

    fn scan(&mut self, order: KeyOrder, rows_max: usize) -> Result<(), TestCaseError> {
        let visible = self.model.iter().filter(|((_, at), _)| self.is_visible(*at));
        let mut expected: Vec<_> =
            visible.map(|((key, at), value)| (store_key(*key, *at), value.clone().into_bytes())).collect();
        expected.sort_unstable_by(|left, right| order.compare(&left.0, &right.0));
        // Whole and in part.
        for half in [false, true] {
            let middle = expected.get(expected.len() / 2).map(|row| row.0.clone()).filter(|_| half);
            let from = middle.as_deref().map_or(Bound::Unbounded, Bound::Included);
            let range = KeyRange::between(from, Bound::Unbounded).in_order(order);
            let mut read = Vec::new();
            FreshRows::scan(&mut self.rows, range, &mut |key, row| {
                read.push((key.to_vec(), row.to_vec()));
                read.len() < rows_max
            })
            .unwrap();
            let mut expected = expected.clone();
            expected.retain(|(key, _)| middle.as_ref().is_none_or(|middle| key >= middle));
            expected.truncate(rows_max);
            prop_assert_eq!(read, expected);
        }
        Ok(())
    }
}

fn store_key(key: usize, at: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let layout = <BySession<String> as RunLayout>::of(&Sessions { retention: RETENTION });
    layout.store_key(KEYS[key].as_bytes(), place(at), &mut bytes);
    bytes
}

fn record(key: usize, at: i64, changed: Changed<String>) -> ChangeOf<<BySession<String> as RunLayout>::Key, String> {
    let key = BySession::typed_key(KEYS[key].as_bytes(), place(at), &[]).unwrap();
    Record { key, value: changed.change, timestamp: changed.timestamp, headers: Headers::new() }
}

fn row_of(record: &ChangeOf<<BySession<String> as RunLayout>::Key, String>) -> (usize, i64) {
    assert_eq!(record.timestamp, record.key.window.end);
    let key = KEYS.iter().position(|key| **key == record.key.key).unwrap();
    (key, record.key.window.end.0 / 60_000)
}

proptest! {
    #[test]
    fn rows_are_found_as_they_were_changed_last(
        steps in steps(),
        cache_bytes in prop::sample::select(vec![0, 300, 3_000, 10 << 20]),
    ) {
        let mut tested = Tested::new(cache_bytes);
        for step in steps {
            tested.run(step)?;
        }
        tested.run(Step::Commit)?;
        prop_assert_eq!(&tested.forwarded, &tested.model);
        let mut logged = Model::new();
        for (key, value) in &tested.logged.borrow().0 {
            let stored = [&[0; 8][..], key].concat();
            let (own, session) = split_stored(&stored).unwrap();
            let row = (KEYS.iter().position(|key| key.as_bytes() == own).unwrap(), session.end.0 / 60_000);
            logged.extend(value.clone().map(|value| (row, String::from_utf8(value).unwrap())));
        }
        prop_assert_eq!(logged, tested.model);
        drop(tested.rows);
        prop_assert_eq!(tested.budget.held(), 0);
    }
}
