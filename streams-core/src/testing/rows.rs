//! Reads a store's rows wherever they are: each task has those of its partitions, and a global table's rows are
//! outside all tasks.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::record::Timestamp;
use crate::state::kinds::{ChangelogRecord, StoredRow};
use crate::state::rows::RowError;
use crate::state::window_fetch::fetch;
use crate::state::{GlobalStore, KeyRange, StoreError, StoreErrorKind, StoreKind, StoreView};
use crate::windows::WindowSizes;
use crate::wire::{DecodeError, Value};

/// The rows of one store.
pub(super) struct StoreRows {
    pub(super) kind: Arc<dyn StoreKind>,
    /// The sizes of the windows in the store's keys.
    pub(super) windows: WindowSizes,
    pub(super) shares: Vec<Share>,
}

/// A place that holds some of a store's rows.
pub(super) enum Share {
    Task(Rc<RefCell<dyn StoreView>>),
    Global(Arc<GlobalStore>),
}

impl StoreRows {
    /// A key's value as bytes.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, RowError> {
        let record = ChangelogRecord { key, value: None, timestamp: Timestamp::UNKNOWN };
        let Some((key, _)) = self.kind.to_store(record) else { return Ok(None) };
        for share in &self.shares {
            let row = match share {
                Share::Task(view) => view.borrow_mut().fresh_rows().get(&key)?,
                Share::Global(store) => store.get(&key)?,
            };
            if let Some(row) = row {
                return Ok(Some(self.read(&key, &row)?.value.to_vec()));
            }
        }
        Ok(None)
    }

    /// The bytes of the version that a key had at some time, as far as the kind keeps versions. As for the application
    /// itself, earlier ones than the latest are there only within the history.
    pub(super) fn as_of(&self, key: &[u8], at: Timestamp) -> Result<Option<Vec<u8>>, RowError> {
        let history = self.kind.history().map_or(0, |history| i64::try_from(history.as_millis()).unwrap_or(i64::MAX));
        let mut found = None;
        for share in &self.shares {
            let Share::Task(view) = share else { continue };
            let newest = view.borrow().newest().unwrap_or(Timestamp::UNKNOWN);
            let is_known = at.0 >= newest.0.saturating_sub(history);
            self.scan(share, &mut |row| {
                let valid = row.window.is_some_and(|valid| {
                    valid.start <= at && (valid.end == Timestamp(i64::MAX) || (is_known && at < valid.end))
                });
                if valid && row.key == key {
                    found = Some(row.value.to_vec());
                }
            })?;
        }
        Ok(found)
    }

    /// The bytes of a key's values in the windows from one start to another, by their starts.
    pub(super) fn in_windows(
        &self,
        key: &[u8],
        starts: (Timestamp, Timestamp),
    ) -> Result<Vec<(Timestamp, Vec<u8>)>, RowError> {
        if !self.kind.is_in_order_of_time() {
            let is_between = |start: Timestamp| starts.0 <= start && start <= starts.1;
            let found = self.all(|row| {
                let start = row.window?.start;
                (row.key == key && is_between(start)).then(|| (start, row.value.to_vec()))
            })?;
            let mut found: Vec<_> = found.into_iter().flatten().collect();
            found.sort_by_key(|(start, _)| *start);
            return Ok(found);
        }
        let (mut rows, mut outcome) = (Vec::new(), Ok(()));
        for share in &self.shares {
            let Share::Task(view) = share else { continue };
            fetch(view.borrow_mut().fresh_rows(), key, starts, &mut |start, key, row| {
                outcome = self.read(key, row).map(|row| rows.push((start, row.value.to_vec())));
                outcome.is_ok()
            })?;
        }
        outcome?;
        Ok(rows)
    }

    /// Maps every row with `look`.
    pub(super) fn all<T>(&self, mut look: impl FnMut(StoredRow<'_>) -> T) -> Result<Vec<T>, RowError> {
        let mut rows = Vec::new();
        for share in &self.shares {
            self.scan(share, &mut |row| rows.push(look(row)))?;
        }
        Ok(rows)
    }

    /// Gives every row of a share that is shown to `look`.
    fn scan(&self, share: &Share, look: &mut dyn FnMut(StoredRow<'_>)) -> Result<(), RowError> {
        let mut outcome = Ok(());
        let mut take = |key: &[u8], row: &[u8]| {
            if !self.kind.is_shown(key, row) {
                return true;
            }
            outcome = self.read(key, row).map(&mut *look);
            outcome.is_ok()
        };
        match share {
            Share::Task(view) => view.borrow_mut().fresh_rows().scan(KeyRange::ALL, &mut take)?,
            Share::Global(store) => store.scan(&mut take)?,
        }
        Ok(outcome?)
    }

    /// Decodes a row's key, without the row's own window, and sets the sizes of any windows within it.
    pub(super) fn key<K: Value>(&self, row: &StoredRow<'_>) -> Result<K, DecodeError> {
        let windows = if self.kind.window_size().is_some() { self.windows.inner() } else { self.windows };
        let mut key = K::decode(row.key)?;
        key.set_window_sizes(windows.as_slice());
        Ok(key)
    }

    fn read<'a>(&self, key: &'a [u8], row: &'a [u8]) -> Result<StoredRow<'a>, StoreError> {
        let malformed = || format!("{} {} is no row of {:?}", key.escape_ascii(), row.escape_ascii(), self.kind);
        self.kind.read(key, row).ok_or_else(|| StoreError::new(StoreErrorKind::Decode, malformed()))
    }
}
