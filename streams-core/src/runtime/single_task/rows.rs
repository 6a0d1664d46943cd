//! Reads the rows of a task's stores as they are stored.

use std::sync::Arc;

use crate::record::Timestamp;
use crate::runtime::task::Task;
use crate::state::{GlobalStore, History, KeyRange, StoreError, StoreErrorKind, StoreKind};
use crate::windows::Window;

/// A row of a store as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RawRow {
    /// The store's name.
    pub store: Arc<str>,
    /// The kind of store, as in the topology's JSON.
    pub kind: &'static str,
    /// The key's own bytes.
    pub key: Vec<u8>,
    /// The row's window, in stores that have windows.
    pub window: Option<Window>,
    /// The row's timestamp, in stores that keep one.
    pub timestamp: Option<Timestamp>,
    /// The value's bytes.
    pub value: Vec<u8>,
    /// The whole key as the changelog has it, which is Java's.
    pub logged_key: Vec<u8>,
}

/// Appends the rows of all stores of a task, without those that have expired. Its caches must have been flushed.
pub(super) fn of_task(task: &Task, rows: &mut Vec<RawRow>) -> Result<(), StoreError> {
    for store in &task.stores {
        let newest = task.view(&store.name).and_then(|view| view.borrow().newest());
        let mut outcome = Ok(());
        task.state.borrow().scan(store.index, KeyRange::ALL, &mut |key, row| {
            outcome = read(&store.name, &*store.kind, key, row, newest).map(|row| rows.extend(row));
            outcome.is_ok()
        })?;
        outcome?;
    }
    Ok(())
}

/// Appends the rows of a global table.
pub(super) fn of_global(store: &GlobalStore, kind: &dyn StoreKind, rows: &mut Vec<RawRow>) -> Result<(), StoreError> {
    let (name, mut outcome) = (Arc::from(store.name()), Ok(()));
    let newest = match (kind.history(), kind.retention()) {
        // Versions keep it among themselves.
        (Some(_), _) => Some(History::newest_by(|key| store.get(key))?),
        (None, Some(_)) => Some(store.newest()?),
        (None, None) => None,
    };
    store.scan(&mut |key, row| {
        outcome = read(&name, kind, key, row, newest).map(|row| rows.extend(row));
        outcome.is_ok()
    })?;
    outcome
}

/// The parts of a row, unless it is over or is no content.
fn read(
    store: &Arc<str>,
    kind: &dyn StoreKind,
    key: &[u8],
    row: &[u8],
    newest: Option<Timestamp>,
) -> Result<Option<RawRow>, StoreError> {
    if !kind.is_shown(key, row) {
        return Ok(None);
    }
    let malformed = || {
        let reason = format!("{} {} is no row of store {store}", key.escape_ascii(), row.escape_ascii());
        StoreError::new(StoreErrorKind::Decode, reason)
    };
    let (row, logged_key) = kind.read(key, row).zip(kind.changelog_key(key)).ok_or_else(malformed)?;
    if newest.is_some_and(|newest| kind.is_over(&row, newest)) {
        return Ok(None);
    }
    Ok(Some(RawRow {
        store: Arc::clone(store),
        kind: kind.name(),
        key: row.key.to_vec(),
        window: row.window,
        timestamp: row.timestamp,
        value: row.value.to_vec(),
        logged_key,
    }))
}
