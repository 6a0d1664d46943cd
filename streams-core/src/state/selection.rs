//! Reads some rows of a store for whoever asks from outside: those with certain keys, and certain times.
//!
//! A question says what it wants in terms of rows ([`Selection`]); a store's kind says where such rows lie ([`Area`]). Reading
//! is divided into pages, because a task's worker has no time to go through a large store at once: each says where the next
//! one begins.

use std::ops::Bound;

use super::fresh_rows::FreshRows;
use super::key_range::{KeyOrder, KeyRange, behind};
use super::kinds::StoredRow;
use super::rows::RowError;
use super::{StoreError, StoreErrorKind, StoreKind};
use crate::record::Timestamp;
use crate::windows::Window;

/// How many rows are looked at for one page, whether they are wanted or not.
const LOOKS_MAX: usize = if cfg!(test) { 9 } else { 2_048 };

/// A page has no more rows when it has this many bytes.
const BYTES_MAX: usize = 256 * 1024;

/// Which rows are wanted, and in which order.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    pub(crate) keys: Keys,
    /// Rows whose window is within these times, both included; what that means depends on the kind. Of kinds that keep
    /// versions, without times the latest ones are wanted.
    pub(crate) times: Option<(Timestamp, Timestamp)>,
    pub(crate) order: KeyOrder,
    /// Only rows that come after this key of the store.
    pub(crate) after: Option<Box<[u8]>>,
}

/// Which keys are wanted, by their own bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// All of them.
    All,
    /// This one.
    One(Box<[u8]>),
    /// Those between two bounds.
    Between(Bound<Vec<u8>>, Bound<Vec<u8>>),
}

impl Keys {
    /// The keys that begin with these bytes.
    pub(crate) fn prefixed(prefix: &[u8]) -> Self {
        Self::Between(Bound::Included(prefix.to_vec()), behind(prefix))
    }

    /// Whether a key is wanted.
    pub(crate) fn contain(&self, key: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::One(wanted) => **wanted == *key,
            Self::Between(from, to) => {
                KeyRange::between(from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice)).contains(key)
            }
        }
    }
}

/// A part of a store in which wanted rows may lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// The first key of the store.
    pub from: Bound<Vec<u8>>,
    /// The last key of the store.
    pub to: Bound<Vec<u8>>,
    /// How many bytes at the beginning of the store's keys put rows into groups by their time. The rows of a key are side by
    /// side only within a group.
    pub group: usize,
    /// What follows those bytes in the rows of the only key that is wanted; `None` if there are several.
    pub key: Option<Vec<u8>>,
}

impl Area {
    /// The whole store, in which rows lie in any order.
    pub(crate) const ALL: Self = Self { from: Bound::Unbounded, to: Bound::Unbounded, group: 0, key: None };

    /// For kinds whose keys in the store are `prefix` and then the key's own bytes.
    pub(crate) fn by_key(prefix: &[u8], keys: &Keys) -> Self {
        let behind_prefix = |key: &Vec<u8>| [prefix, key].concat();
        let (from, to, key) = match keys {
            Keys::One(key) => {
                let key = [prefix, key].concat();
                (Bound::Included(key.clone()), Bound::Included(key.clone()), Some(key))
            }
            Keys::Between(from, to) => (from.as_ref().map(behind_prefix), to.as_ref().map(behind_prefix), None),
            Keys::All => (Bound::Unbounded, Bound::Unbounded, None),
        };
        let from = if from == Bound::Unbounded { Bound::Included(prefix.to_vec()) } else { from };
        let to = if to == Bound::Unbounded { behind(prefix) } else { to };
        Self { from, to, group: 0, key }
    }

    /// For kinds whose keys in the store begin with a time of eight bytes, and then have the key's own bytes.
    pub(crate) fn by_time(from: Bound<Vec<u8>>, to: Bound<Vec<u8>>, keys: &Keys) -> Self {
        let key = if let Keys::One(key) = keys { Some(key.to_vec()) } else { None };
        Self { from, to, group: size_of::<i64>(), key }
    }

    /// Leaves out what does not come after a key of the store.
    fn behind(self, after: Option<&[u8]>, order: KeyOrder) -> Self {
        let Some(after) = after else { return self };
        let mut rest = self;
        let is_left = |key: &[u8]| match order {
            KeyOrder::Ascending => key > after,
            KeyOrder::Descending => key < after,
        };
        let bound = if order == KeyOrder::Ascending { &mut rest.from } else { &mut rest.to };
        let keeps = match bound {
            Bound::Included(key) | Bound::Excluded(key) => is_left(key),
            Bound::Unbounded => false,
        };
        if !keeps {
            *bound = Bound::Excluded(after.to_vec());
        }
        rest
    }

    /// Whether there can only be one row, so that it need not be searched for.
    fn is_one_row(&self) -> bool {
        matches!((&self.from, &self.to), (Bound::Included(from), Bound::Included(to)) if from == to)
    }

    fn range(&self, order: KeyOrder) -> KeyRange<'_> {
        let (from, to) = (self.from.as_ref().map(Vec::as_slice), self.to.as_ref().map(Vec::as_slice));
        KeyRange::between(from, to).in_order(order)
    }

    /// Where to look next for the only key that is wanted, when a row of another one was found: `None` if here, or nowhere.
    fn skip(&self, found: &[u8], order: KeyOrder) -> Option<Bound<Vec<u8>>> {
        let key = self.key.as_deref()?;
        let (group, rest) = found.split_at_checked(self.group)?;
        if rest.starts_with(key) {
            return None;
        }
        Some(match (order, rest < key) {
            (KeyOrder::Ascending, true) => Bound::Included([group, key].concat()),
            (KeyOrder::Ascending, false) => match behind(group) {
                Bound::Excluded(next) => Bound::Included(next),
                // There is no later group.
                _ => Bound::Excluded(found.to_vec()),
            },
            (KeyOrder::Descending, false) => behind(&[group, key].concat()),
            (KeyOrder::Descending, true) => Bound::Excluded(group.to_vec()),
        })
    }
}

/// Some of the rows that are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// For a page without rows that was asked for how many there are, if that is known.
    pub(crate) estimate: Option<u64>,
    pub(crate) rows: Vec<PageRow>,
    /// The key of the store after which to go on; `None` if there are no more.
    pub(crate) next: Option<Box<[u8]>>,
}

/// A row, apart from its store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PageRow {
    /// The key as it is in the store.
    pub(crate) place: Box<[u8]>,
    /// The key's own bytes.
    pub(crate) key: Box<[u8]>,
    pub(crate) window: Option<Window>,
    pub(crate) timestamp: Option<Timestamp>,
    pub(crate) value: Box<[u8]>,
}

/// Reads up to `limit` rows. `newest` is the newest row's time, if the kind's rows expire.
///
/// # Errors
/// When the store fails, or holds what is no row of its kind.
pub(crate) fn read_page(
    rows: &mut dyn FreshRows,
    kind: &dyn StoreKind,
    newest: Option<Timestamp>,
    selection: &Selection,
    limit: usize,
) -> Result<Page, RowError> {
    let mut reading = Reading { kind, newest, selection, limit, looks: 0, bytes: 0, page: Page::default() };
    let mut areas = kind.areas(&selection.keys, selection.times);
    if selection.order == KeyOrder::Descending {
        areas.reverse();
    }
    for area in areas {
        let mut rest = area.behind(selection.after.as_deref(), selection.order);
        if rest.is_one_row() {
            reading.look_up(rows, &rest)?;
            continue;
        }
        while let Some(skip) = reading.read(rows, &rest)? {
            match selection.order {
                KeyOrder::Ascending => rest.from = skip,
                KeyOrder::Descending => rest.to = skip,
            }
        }
        if reading.page.next.is_some() {
            break;
        }
    }
    Ok(reading.page)
}

/// The row at a place of a store; `None` if it is not one of the store's contents.
pub(crate) fn row_at(kind: &dyn StoreKind, place: &[u8], row: &[u8]) -> Option<PageRow> {
    if !kind.is_shown(place, row) {
        return None;
    }
    let StoredRow { key, window, timestamp, value } = kind.read(place, row)?;
    Some(PageRow { place: place.into(), key: key.into(), window, timestamp, value: value.into() })
}

/// A page in the making.
struct Reading<'a> {
    kind: &'a dyn StoreKind,
    newest: Option<Timestamp>,
    selection: &'a Selection,
    limit: usize,
    looks: usize,
    bytes: usize,
    page: Page,
}

impl Reading<'_> {
    /// Reads an area up to its end, or until the page is full, or until a row of another key; then returns where to go on.
    fn read(&mut self, rows: &mut dyn FreshRows, area: &Area) -> Result<Option<Bound<Vec<u8>>>, RowError> {
        let order = self.selection.order;
        let range = area.range(order);
        if range.is_empty() {
            return Ok(None);
        }
        let (mut skip, mut outcome) = (None, Ok(()));
        rows.scan(range, &mut |place, row| {
            self.looks += 1;
            skip = area.skip(place, order);
            if skip.is_none() {
                outcome = self.take(place, row);
            }
            if self.is_full() {
                self.page.next = Some(place.into());
            }
            skip.is_none() && outcome.is_ok() && self.page.next.is_none()
        })?;
        outcome?;
        Ok(skip.filter(|_| self.page.next.is_none()))
    }

    /// Looks up the only row that may be in an area.
    fn look_up(&mut self, rows: &mut dyn FreshRows, area: &Area) -> Result<(), RowError> {
        if let Bound::Included(place) = &area.from
            && let Some(row) = rows.get(place)?
        {
            self.take(place, &row)?;
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.page.rows.len() >= self.limit || self.looks >= LOOKS_MAX || self.bytes >= BYTES_MAX
    }

    /// Adds a row if it is wanted.
    fn take(&mut self, place: &[u8], row: &[u8]) -> Result<(), StoreError> {
        if !self.kind.is_shown(place, row) {
            return Ok(());
        }
        let read = self.kind.read(place, row).ok_or_else(|| {
            let reason = format!("{} is no row of its kind ({})", place.escape_ascii(), self.kind.name());
            StoreError::new(StoreErrorKind::Decode, reason)
        })?;
        if self.wants(&read) {
            self.bytes += place.len() + row.len();
            let (key, value) = (read.key.into(), read.value.into());
            let StoredRow { window, timestamp, .. } = read;
            self.page.rows.push(PageRow { place: place.into(), key, window, timestamp, value });
        }
        Ok(())
    }

    fn wants(&self, row: &StoredRow<'_>) -> bool {
        self.selection.keys.contain(row.key)
            && self.selection.times.is_none_or(|times| self.kind.is_within(row, times, self.newest))
            && self.newest.is_none_or(|newest| !self.kind.is_over(row, newest))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;

    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::state::kinds::{ChangelogRecord, write_logged, write_session};
    use crate::state::kinds::{Expiring, Plain, ProcessorWindows, Sessions, Sliding, Table, Versioned, Windows};
    use crate::state::versions::KeyAndRow;

    /// A store with nothing but rows.
    struct Map(Arc<str>, BTreeMap<Vec<u8>, Vec<u8>>);

    impl FreshRows for Map {
        fn name(&self) -> &Arc<str> {
            &self.0
        }

        fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, RowError> {
            Ok(self.1.get(key).cloned())
        }

        fn scan(&mut self, range: KeyRange<'_>, each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), RowError> {
            assert!(!range.is_empty(), "backends may panic on crossed bounds");
            let rows = self.1.iter().filter(|(key, _)| range.contains(key));
            let rows: Box<dyn Iterator<Item = _>> = match range.order {
                KeyOrder::Ascending => Box::new(rows),
                KeyOrder::Descending => Box::new(rows.rev()),
            };
            for (key, row) in rows {
                if !each(key, row) {
                    break;
                }
            }
            Ok(())
        }
    }

    /// What versions are restored into.
    impl crate::state::VersionRows for Map {
        fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
            Ok(self.1.get(key).cloned())
        }

        fn first(&self, from: &[u8], to: &[u8]) -> Result<Option<KeyAndRow>, StoreError> {
            Ok(self.1.range(from.to_vec()..=to.to_vec()).next().map(|(key, row)| (key.clone(), row.clone())))
        }

        fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<KeyAndRow>, StoreError> {
            Ok(self.1.range(from.to_vec()..=to.to_vec()).next_back().map(|(key, row)| (key.clone(), row.clone())))
        }

        fn put(&mut self, key: &[u8], row: Option<&[u8]>) {
            match row {
                Some(row) => self.1.insert(key.to_vec(), row.to_vec()),
                None => self.1.remove(key),
            };
        }
    }

    fn kinds() -> Vec<Arc<dyn StoreKind>> {
        let retention = Duration::from_secs(600);
        vec![
            Arc::new(Plain),
            Arc::new(Table),
            Arc::new(Expiring::example()),
            Arc::new(Windows { size: crate::wire::WindowSize::Millis(1_000), retention }),
            Arc::new(Sessions { retention }),
            Arc::new(Sliding { retention, ..Sliding::example() }),
            Arc::new(ProcessorWindows::example()),
            Arc::new(Versioned { history: retention }),
        ]
    }

    /// The changelog's key of a row, by the kind's name.
    fn logged(kind: &dyn StoreKind, key: &[u8], time: Timestamp) -> Vec<u8> {
        let mut logged = key.to_vec();
        match kind.name() {
            "session" => write_session(Window { start: time, end: Timestamp(time.0 + 500) }, &mut logged),
            name if name.contains("window") || name == "sliding" => write_logged(time, 0, &mut logged),
            _ => {}
        }
        logged
    }

    fn keys() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(select(vec![0_u8, 1, b'a', 0xff]), 0..4)
    }

    fn wanted_keys() -> impl Strategy<Value = Keys> {
        let bound =
            || prop_oneof![keys().prop_map(Bound::Included), keys().prop_map(Bound::Excluded), Just(Bound::Unbounded)];
        prop_oneof![
            Just(Keys::All),
            keys().prop_map(|key| Keys::One(key.into())),
            keys().prop_map(|prefix| Keys::prefixed(&prefix)),
            (bound(), bound()).prop_map(|(from, to)| Keys::Between(from, to)),
        ]
    }

    proptest! {
        /// Pages, however short, put together are the wanted rows among all, in their order.
        #[test]
        fn pages_have_every_wanted_row_once_and_in_order(
            rows in prop::collection::vec((keys(), 0_i64..400_000), 0..60),
            keys in wanted_keys(),
            times in prop::option::of((0_i64..400_000, 0_i64..400_000)),
            is_descending: bool,
            limit in 1_usize..5,
            kind in select(kinds()),
        ) {
            let mut map = Map("store".into(), BTreeMap::new());
            for (number, (key, time)) in rows.iter().enumerate() {
                let (key, value) = (logged(&*kind, key, Timestamp(*time)), number.to_be_bytes());
                let record = ChangelogRecord { key: &key, value: Some(&value), timestamp: Timestamp(*time) };
                prop_assert!(kind.restore(record, &mut map).expect("a map"));
            }
            let times = times.map(|(from, to)| (Timestamp(from), Timestamp(to)));
            let order = if is_descending { KeyOrder::Descending } else { KeyOrder::Ascending };
            let is_versioned = kind.history().is_some();
            let mut expected: Vec<_> = map.1.iter().filter(|(place, row)| {
                let Some(read) = kind.read(place, row).filter(|_| kind.is_shown(place, row)) else { return false };
                let is_latest = !is_versioned || read.window.is_some_and(|valid| valid.end == Timestamp(i64::MAX));
                keys.contain(read.key) && times.map_or(is_latest, |times| kind.is_within(&read, times, None))
            }).map(|(place, _)| place.clone()).collect();
            if is_descending {
                expected.reverse();
            }
            let mut selection = Selection { keys, times, order, after: None };
            let mut found = Vec::new();
            loop {
                let page = read_page(&mut map, &*kind, None, &selection, limit).expect("a map");
                prop_assert!(page.rows.len() <= limit);
                found.extend(page.rows.into_iter().map(|row| row.place.into_vec()));
                let Some(next) = page.next else { break };
                selection.after = Some(next);
            }
            prop_assert_eq!(found, expected, "{:?} {:?}", kind, selection);
        }
    }

    /// A key's rows are found without looking at those of all other keys.
    #[test]
    fn other_keys_of_a_window_are_skipped() {
        let kind = Windows { size: crate::wire::WindowSize::Millis(1_000), retention: Duration::from_secs(600) };
        let mut map = Map("store".into(), BTreeMap::new());
        for key in 0_u16..1_000 {
            let key = logged(&kind, &key.to_be_bytes(), Timestamp(7));
            let record = ChangelogRecord { key: &key, value: Some(b""), timestamp: Timestamp(7) };
            assert!(kind.restore(record, &mut map).expect("a map"));
        }
        let keys = Keys::One(500_u16.to_be_bytes().into());
        let selection = Selection { keys, times: None, order: KeyOrder::Ascending, after: None };
        let page = read_page(&mut map, &kind, None, &selection, 10).expect("a map");
        assert_eq!((page.rows.len(), page.next), (1, None), "few looks are allowed here");
    }
}
