//! Tests ordered reads against a map as their model: whether rows are dirty in a cache, uncommitted or committed in the
//! store, a read gets the freshest ones in the order of their keys, and changes nothing.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use super::key_range::behind;
use super::key_value::KeyValue;
use super::kinds::{ChangelogRecord, Plain, Sessions, StoreKind, Table, Windows};
use super::row_key::KeyBuffer;
use super::rows::{Cause, RowLayout, Rows};
use super::table_store::ByKey;
use super::timestamped::RowBuffer;
use super::window_fetch::fetch;
use super::window_store::ByWindow;
use super::*;
use crate::record::{Headers, Timestamp};
use crate::windows::{Window, WindowSize, Windowed};
use crate::wire::DecodeError;

/// Session rows as typed rows: the key has the row's time.
struct BySession;

impl RowLayout for BySession {
    type Key = Windowed<Vec<u8>>;

    const PREFIX: usize = 8;

    fn typed_key(key: &[u8], _windows: &[WindowSize]) -> Result<Self::Key, DecodeError> {
        let row = session(key).ok_or_else(|| DecodeError::new::<Self::Key>("no session's key"))?;
        Ok(Windowed { key: row.0, window: row.1 })
    }

    fn changelog_key(key: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&key[8..]);
    }

    fn stored(encoded: &RowBuffer) -> &[u8] {
        encoded.value()
    }

    fn split<'a>(key: &[u8], row: &'a [u8]) -> Option<(Timestamp, &'a [u8])> {
        Some((session(key)?.1.end, row))
    }
}

const SESSIONS: Sessions = Sessions { retention: Duration::from_secs(600) };

fn session(key: &[u8]) -> Option<(Vec<u8>, Window)> {
    let row = SESSIONS.read(key, &[])?;
    Some((row.key.to_vec(), row.window?))
}

/// A few keys that are near each other, one of which is too long to be stored inline.
fn own_keys() -> Vec<Vec<u8>> {
    let long = [&b"a"[..], &[0xff; 40]].concat();
    vec![vec![], vec![0], b"a".to_vec(), b"a\0".to_vec(), long, b"b".to_vec(), vec![0xff], vec![0xff; 2]]
}

/// Store keys of a kind, and the timestamps of their rows, if the kind determines them.
type KeyOf = fn(key: &[u8], time: i64) -> (Vec<u8>, Option<Timestamp>);

fn table_key(key: &[u8], _: i64) -> (Vec<u8>, Option<Timestamp>) {
    (key.to_vec(), None)
}

fn window_key(key: &[u8], time: i64) -> (Vec<u8>, Option<Timestamp>) {
    ([&super::window_key::start(Timestamp(time * 10))[..], key].concat(), None)
}

fn session_key(key: &[u8], time: i64) -> (Vec<u8>, Option<Timestamp>) {
    let (start, end) = (time * 100_000, time * 200_000);
    let logged = [key, &end.to_be_bytes(), &start.to_be_bytes()].concat();
    let record = ChangelogRecord { key: &logged, value: None, timestamp: Timestamp(0) };
    (SESSIONS.to_store(record).unwrap().0, Some(Timestamp(end)))
}

#[derive(Default)]
struct Records(Vec<Vec<u8>>);

impl Changelog for Records {
    fn append(&mut self, key: &[u8], _: Option<&[u8]>, _: Timestamp, _: &Headers) -> Result<(), StoreError> {
        self.0.push(key.to_vec());
        Ok(())
    }
}

/// A step, and the row that it is for, by its key's number.
#[derive(Debug, Clone)]
enum Step {
    Set(usize, i64, Option<i64>),
    Add(usize, i64),
    Flush(usize),
    MakeRoom(usize),
    DropClean(usize),
    Commit,
    DeleteBelow(i64),
    Get(usize, i64),
    /// Reads between two keys, each included, excluded or missing, at most that many rows.
    Read([(usize, i64, u8); 2], KeyOrder, usize),
    ReadPrefix(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || (0..own_keys().len(), 0..4_i64);
    let bound = || (0..own_keys().len(), 0..4_i64, 0..3_u8);
    let order = prop::sample::select(vec![KeyOrder::Ascending, KeyOrder::Descending]);
    let step = prop_oneof![
        6 => (key(), prop::option::weighted(0.7, 0..100_i64)).prop_map(|((key, time), row)| Step::Set(key, time, row)),
        3 => key().prop_map(|(key, time)| Step::Add(key, time)),
        1 => (1..4_usize).prop_map(Step::Flush),
        1 => (1..8_usize).prop_map(Step::MakeRoom),
        1 => (1..8_usize).prop_map(Step::DropClean),
        1 => Just(Step::Commit),
        1 => (0..4_i64).prop_map(Step::DeleteBelow),
        2 => key().prop_map(|(key, time)| Step::Get(key, time)),
        5 => ([bound(), bound()], order, 1..40_usize).prop_map(|(bounds, order, rows)| Step::Read(bounds, order, rows)),
        1 => (0..own_keys().len()).prop_map(Step::ReadPrefix),
    ];
    prop::collection::vec(step, 0..150)
}

/// Rows of a kind under test, and the rows that are expected.
struct Tested<L: RowLayout> {
    rows: Rows<L, i64>,
    state: Rc<RefCell<TaskState>>,
    logged: Rc<RefCell<Records>>,
    budget: CacheBudget,
    forwarded: usize,
    floor: Vec<u8>,
    model: BTreeMap<Vec<u8>, (i64, i64)>,
    key_of: KeyOf,
}

const STORE: StoreIndex = StoreIndex(1);

impl<L: RowLayout> Tested<L> {
    fn new(kind: impl StoreKind, cache_bytes: usize, key_of: KeyOf) -> Self {
        let store = Memory.open(Path::new("unused"), &["store".to_owned()]).unwrap();
        let state = Rc::new(RefCell::new(TaskState::new(store)));
        let logged = Rc::<RefCell<Records>>::default();
        let access = StoreAccess::new("store".into(), STORE, Rc::clone(&state), Some(Rc::clone(&logged) as _));
        let access = access.of(Arc::new(kind), crate::windows::WindowSizes::NONE);
        let budget = CacheBudget::new(cache_bytes);
        let rows = Rows::new(access, budget.clone());
        Self { rows, state, logged, budget, forwarded: 0, floor: Vec::new(), model: BTreeMap::new(), key_of }
    }

    fn key(&self, number: usize, time: i64) -> (Vec<u8>, Option<Timestamp>) {
        (self.key_of)(&own_keys()[number], time)
    }

    fn buffer(&self, key: &[u8]) -> KeyBuffer {
        let mut buffer = self.rows.key_buffer();
        buffer.take_stored(key, L::PREFIX);
        buffer
    }

    /// The state that reading rows must not change.
    fn traces(&self) -> (usize, usize) {
        (self.logged.borrow().0.len(), self.state.borrow().uncommitted_bytes())
    }

    fn run(&mut self, step: Step, now: i64) -> Result<(), TestCaseError> {
        let mut forward = Vec::new();
        match step {
            Step::Set(number, time, row) => {
                let (key, own_time) = self.key(number, time);
                let timestamp = own_time.unwrap_or(Timestamp(now));
                if key >= self.floor {
                    let cause = Cause { timestamp, headers: &Headers::new() };
                    self.rows.set(&self.buffer(&key), cause, row).unwrap();
                    match row {
                        Some(row) => self.model.insert(key, (row, timestamp.0)),
                        None => self.model.remove(&key),
                    };
                }
            }
            Step::Add(number, time) => {
                let (key, own_time) = self.key(number, time);
                let timestamp = own_time.unwrap_or(Timestamp(now));
                if key >= self.floor {
                    let cause = Cause { timestamp, headers: &Headers::new() };
                    let add = |row: Option<(i64, Timestamp)>| (Some(row.map_or(1, |row| row.0 + 1)), timestamp);
                    self.rows.update(&self.buffer(&key), cause, add).unwrap();
                    let row = self.model.get(&key).map_or(1, |row| row.0 + 1);
                    self.model.insert(key, (row, timestamp.0));
                }
            }
            Step::Flush(rows) => _ = self.rows.flush(rows, Some(&mut forward)).unwrap(),
            Step::MakeRoom(rows) => _ = self.rows.make_room(rows, Some(&mut forward)).unwrap(),
            Step::DropClean(rows) => _ = self.rows.drop_clean(rows),
            Step::Commit => {
                while self.rows.flush(3, Some(&mut forward)).unwrap() {}
                let batch = self.state.borrow().pending_batch();
                self.state.borrow_mut().write(batch).unwrap();
            }
            Step::DeleteBelow(time) => {
                let floor = self.key(0, time).0;
                if floor > self.floor {
                    self.rows.delete_below(floor.clone());
                    self.model = self.model.split_off(&floor);
                    self.floor = floor;
                }
            }
            Step::Get(number, time) => {
                let key = self.key(number, time).0;
                let expected = self.model.get(&key).map(|(row, time)| bytes_of::<L>(*row, *time));
                prop_assert_eq!(FreshRows::get(&mut self.rows, &key).unwrap(), expected);
            }
            Step::Read(bounds, order, rows) => {
                let [from, to] = bounds.map(|(number, time, kind)| {
                    let key = self.key(number, time).0;
                    [Bound::Included(key.clone()), Bound::Excluded(key), Bound::Unbounded][usize::from(kind)].clone()
                });
                self.read(&from, &to, order, rows)?;
            }
            Step::ReadPrefix(number) => {
                let prefix = own_keys()[number].clone();
                let (from, to) = (Bound::Included(prefix.clone()), behind(&prefix));
                self.read(&from, &to, KeyOrder::Ascending, usize::MAX)?;
            }
        }
        self.forwarded += forward.len();
        Ok(())
    }

    fn read(
        &mut self,
        from: &Bound<Vec<u8>>,
        to: &Bound<Vec<u8>>,
        order: KeyOrder,
        rows_max: usize,
    ) -> Result<(), TestCaseError> {
        let (from, to) = (from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice));
        let mut expected: Vec<_> = if bounds_cross(from, to) {
            Vec::new()
        } else {
            self.model.range::<[u8], _>((from, to)).map(|(key, row)| (key.clone(), *row)).collect()
        };
        if order == KeyOrder::Descending {
            expected.reverse();
        }
        expected.truncate(rows_max);
        let expected: Vec<_> = expected.into_iter().map(|(key, (row, time))| (key, bytes_of::<L>(row, time))).collect();
        let traces = self.traces();
        let mut read = Vec::new();
        let range = KeyRange::between(from, to).in_order(order);
        FreshRows::scan(&mut self.rows, range, &mut |key, row| {
            read.push((key.to_vec(), row.to_vec()));
            read.len() < rows_max
        })
        .unwrap();
        prop_assert_eq!(&read, &expected, "from {:?} to {:?} {:?}", from, to, order);
        let mut typed = Vec::new();
        self.rows
            .scan_rows(range, &mut |key, (row, time)| {
                typed.push((key.to_vec(), bytes_of::<L>(row, time.0)));
                typed.len() < rows_max
            })
            .unwrap();
        prop_assert_eq!(typed, expected, "with their types");
        prop_assert_eq!(self.traces(), traces, "nothing is logged or written");
        Ok(())
    }
}

fn bytes_of<L: RowLayout>(row: i64, time: i64) -> Vec<u8> {
    let mut buffer = RowBuffer::new();
    buffer.encode(Timestamp(time), Some(&row)).unwrap();
    L::stored(&buffer).to_vec()
}

fn check<L: RowLayout>(
    kind: impl StoreKind,
    key_of: KeyOf,
    cache: usize,
    steps: Vec<Step>,
) -> Result<(), TestCaseError> {
    let mut tested = Tested::<L>::new(kind, cache, key_of);
    for (now, step) in (0..).zip(steps) {
        tested.run(step, now)?;
    }
    tested.read(&Bound::Unbounded, &Bound::Unbounded, KeyOrder::Ascending, usize::MAX)?;
    drop(tested.rows);
    prop_assert_eq!(tested.budget.held(), 0);
    Ok(())
}

const MINUTE: Duration = Duration::from_secs(60);

/// No cache, one for two or three rows, one for half of them, and the default.
fn caches() -> impl Strategy<Value = usize> {
    prop::sample::select(vec![0, 300, 1_500, 10 << 20])
}

proptest! {
    #[test]
    fn tables_are_read_as_a_map_would_be(steps in steps(), cache in caches()) {
        check::<ByKey<Vec<u8>>>(Table, table_key, cache, steps)?;
    }

    #[test]
    fn windows_are_read_as_a_map_would_be(steps in steps(), cache in caches()) {
        let kind = Windows { size: WindowSize::of(MINUTE), retention: MINUTE };
        check::<ByWindow<Vec<u8>>>(kind, window_key, cache, steps)?;
    }

    #[test]
    fn sessions_are_read_as_a_map_would_be(steps in steps(), cache in caches()) {
        check::<BySession>(SESSIONS, session_key, cache, steps)?;
    }

    /// A processor's store has no cache: rows can be read as soon as they are put, in pages that continue where the
    /// previous one ended.
    #[test]
    fn a_processors_store_is_read_as_a_map_would_be(
        steps in prop::collection::vec((0..8_usize, prop::option::weighted(0.8, 0..100_i64), any::<bool>()), 0..40),
        page in 1..5_usize,
    ) {
        let Tested { state, .. } = Tested::<ByKey<Vec<u8>>>::new(Plain, 0, table_key);
        let access = StoreAccess::new("store".into(), STORE, Rc::clone(&state), None);
        let mut store = KeyValue::<Vec<u8>, i64>::new(access);
        let mut model = BTreeMap::new();
        for (number, row, commits) in steps {
            let key = own_keys()[number].clone();
            store.put(&key, row.as_ref(), (Timestamp(0), Timestamp(0))).unwrap();
            match row {
                Some(row) => model.insert(key, row),
                None => model.remove(&key),
            };
            if commits {
                let batch = state.borrow().pending_batch();
                state.borrow_mut().write(batch).unwrap();
            }
        }
        for order in [KeyOrder::Ascending, KeyOrder::Descending] {
            let mut read = Vec::new();
            let (mut from, mut to) = (Bound::Unbounded, Bound::Unbounded);
            loop {
                let (pairs, next) = store.page((&from, &to), order, page).unwrap();
                read.extend(pairs);
                match (next, order) {
                    (Some(next), KeyOrder::Ascending) => from = next,
                    (Some(next), KeyOrder::Descending) => to = next,
                    (None, _) => break,
                }
            }
            let mut expected: Vec<_> = model.clone().into_iter().collect();
            if order == KeyOrder::Descending {
                expected.reverse();
            }
            prop_assert_eq!(read, expected);
        }
    }

    #[test]
    fn a_keys_windows_are_found_among_all_others(
        rows in prop::collection::vec((0..8_usize, 0..12_i64), 0..60),
        flushed in 0..60_usize,
        number in 0..8_usize,
        from in -2..14_i64,
        to in -2..14_i64,
    ) {
        let kind = Windows { size: WindowSize::of(MINUTE), retention: MINUTE };
        let mut tested = Tested::<ByWindow<Vec<u8>>>::new(kind, 1 << 20, window_key);
        for (count, (number, time)) in rows.into_iter().enumerate() {
            tested.run(Step::Set(number, time, Some(time)), 7)?;
            if count == flushed {
                tested.run(Step::Commit, 7)?;
            }
        }
        let key = own_keys()[number].clone();
        let expected: Vec<_> = (from..=to).filter(|time| tested.model.contains_key(&window_key(&key, *time).0)).collect();
        let mut found = Vec::new();
        fetch(&mut tested.rows, &key, (Timestamp(from * 10), Timestamp(to * 10)), &mut |start, stored, row| {
            assert_eq!(stored, window_key(&key, start.0 / 10).0);
            assert_eq!(row, bytes_of::<ByWindow<Vec<u8>>>(start.0 / 10, 7));
            found.push(start.0 / 10);
            true
        }).unwrap();
        prop_assert_eq!(found, expected);
    }
}

/// A store that counts the rows that are read from it.
struct Counting(Box<dyn Store>, Arc<AtomicUsize>);

impl Counting {
    fn counted<'a>(&self, pairs: StorePairs<'a>) -> StorePairs<'a> {
        let read = Arc::clone(&self.1);
        Box::new(pairs.inspect(move |_| _ = read.fetch_add(1, Ordering::Relaxed)))
    }
}

impl Store for Counting {
    fn get(&self, store: StoreIndex, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(store, key)
    }

    fn range<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a> {
        self.counted(self.0.range(store, from, to))
    }

    fn range_reverse<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a> {
        self.counted(self.0.range_reverse(store, from, to))
    }

    fn write(&mut self, batch: StoreBatch) -> Result<(), StoreError> {
        self.0.write(batch)
    }

    fn reader(&self) -> Result<Arc<dyn StoreReader>, StoreError> {
        self.0.reader()
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.0.flush()
    }
}

type Numbers = Rows<ByKey<i64>, i64>;

/// Ten thousand committed rows, every tenth of them negated since and dirty, and a count of the rows read from the store.
fn large_table() -> (Numbers, CacheBudget, Arc<AtomicUsize>) {
    let read = Arc::new(AtomicUsize::new(0));
    let mut store = Memory.open(Path::new("unused"), &["store".to_owned()]).unwrap();
    let mut batch = StoreBatch::default();
    for number in 0..10_000_i64 {
        batch.put(STORE, number.to_be_bytes(), bytes_of::<ByKey<i64>>(number, 0));
    }
    store.write(batch).unwrap();
    let state = TaskState::new(Box::new(Counting(store, Arc::clone(&read))));
    let budget = CacheBudget::new(10 << 20);
    let access = StoreAccess::new("store".into(), STORE, Rc::new(RefCell::new(state)), None);
    let mut rows = Numbers::new(access, budget.clone());
    for number in (0..10_000).step_by(10) {
        let cause = Cause { timestamp: Timestamp(1), headers: &Headers::new() };
        rows.set(&key(&rows, number), cause, Some(-number)).unwrap();
    }
    (rows, budget, read)
}

fn key(rows: &Numbers, number: i64) -> KeyBuffer {
    let mut buffer = rows.key_buffer();
    buffer.encode(&number).unwrap();
    buffer
}

/// The first rows of a read from `from` on.
fn first(rows: &mut Numbers, from: i64, order: KeyOrder, rows_max: usize) -> Vec<i64> {
    let from = from.to_be_bytes();
    let range = match order {
        KeyOrder::Ascending => KeyRange::between(Bound::Included(&from), Bound::Unbounded),
        KeyOrder::Descending => KeyRange::between(Bound::Unbounded, Bound::Included(&from)),
    };
    let mut found = Vec::new();
    rows.scan_rows(range.in_order(order), &mut |_, (row, _)| {
        found.push(row);
        found.len() < rows_max
    })
    .unwrap();
    found
}

#[test]
fn a_few_rows_of_a_large_table_are_read_without_the_others() {
    let (mut rows, _, read) = large_table();
    let few = first(&mut rows, 5_009, KeyOrder::Ascending, 3);
    assert_eq!(few, [5_009, -5_010, 5_011]);
    assert_eq!(read.swap(0, Ordering::Relaxed), 3);
    let few = first(&mut rows, 5_011, KeyOrder::Descending, 3);
    assert_eq!(few, [5_011, -5_010, 5_009]);
    assert_eq!(read.load(Ordering::Relaxed), 3);
}

/// The order costs memory as long as there are dirty rows, and it is charged.
#[test]
fn the_order_of_dirty_rows_is_charged_until_they_are_written() {
    let (mut rows, budget, _) = large_table();
    let before = budget.held();
    first(&mut rows, 0, KeyOrder::Ascending, 1);
    let ordered = budget.held() - before;
    assert!((36 * 1_000..=60 * 1_000).contains(&ordered), "{ordered} bytes for 1,000 rows");
    while rows.flush(100, None).unwrap() {}
    assert_eq!(budget.held(), before);
}

/// Which rows are dropped first depends on their use, and a scan does not count as one.
#[test]
fn an_ordered_read_is_no_use_of_a_row() {
    let remaining = |reads: bool| {
        let (mut rows, budget, _) = large_table();
        while rows.flush(100, None).unwrap() {}
        for number in (0..10_000).step_by(20) {
            rows.row(&key(&rows, number)).unwrap();
        }
        if reads {
            assert_eq!(first(&mut rows, 0, KeyOrder::Ascending, usize::MAX).len(), 10_000);
        }
        // Half of the rows must be dropped: those that were not used.
        let held = budget.held();
        budget.add((10 << 20) - held / 2);
        while budget.has_to_free() && !rows.drop_clean(100) {}
        budget.held()
    };
    assert_eq!(remaining(true), remaining(false));
}
