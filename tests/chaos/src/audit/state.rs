//! S6: what is in the state folders is what the changelogs say.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use millstream::rocksdb::RocksDb;
use streams_core::state::{META, StateBackend, Store, StoreIndex};

use super::{Record, Verdict};

/// What a store holds, as bytes.
pub type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// A store in a task's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The offset of its changelog up to which it is filled.
    pub followed: Option<i64>,
    /// Its rows.
    pub rows: Rows,
}

/// The folders of the tasks of an application in a state folder, by the tasks' names, such as `0_3`.
///
/// # Errors
/// When the folder cannot be read.
pub fn task_folders(state_of_application: &Path) -> std::io::Result<BTreeMap<String, PathBuf>> {
    let mut folders = BTreeMap::new();
    if !state_of_application.is_dir() {
        return Ok(folders);
    }
    for entry in std::fs::read_dir(state_of_application)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let numbers = name.split_once('_').map(|(a, b)| (a.parse::<u32>().is_ok(), b.parse::<u32>().is_ok()));
        if numbers == Some((true, true)) && entry.path().join("db").is_dir() {
            folders.insert(name, entry.path());
        }
    }
    Ok(folders)
}

/// The stores in a task's folder. Nobody else may have it open.
///
/// # Errors
/// When it cannot be opened or read.
pub fn kept(folder: &Path) -> Result<BTreeMap<String, Kept>, String> {
    let backend = RocksDb::default().with_cache_bytes(8 << 20).with_write_buffer_bytes(4 << 20);
    let names = {
        let meta = backend.open(folder, &[]).map_err(|error| error.to_string())?;
        changelogs(&*meta)?
    };
    let stores: Vec<String> = names.keys().cloned().collect();
    let store = backend.open(folder, &stores).map_err(|error| error.to_string())?;
    let mut kept = BTreeMap::new();
    for (index, (name, followed)) in (1..).zip(names) {
        kept.insert(name, Kept { followed, rows: rows(&*store, StoreIndex(index))? });
    }
    Ok(kept)
}

/// The stores that have changelogs, according to the notes beside them.
fn changelogs(store: &dyn Store) -> Result<BTreeMap<String, Option<i64>>, String> {
    let notes = rows(store, META)?;
    let changelog = |(key, value): (Vec<u8>, Vec<u8>)| {
        let name = String::from_utf8(key).ok()?.strip_prefix("changelog/")?.to_owned();
        Some((name, value.try_into().ok().map(i64::from_be_bytes)))
    };
    Ok(notes.into_iter().filter_map(changelog).collect())
}

fn rows(store: &dyn Store, index: StoreIndex) -> Result<Rows, String> {
    let pairs = store.range(index, Bound::Unbounded, Bound::Unbounded);
    let owned = pairs.map(|pair| pair.map(|(key, row)| (key.into_vec(), row.into_vec())));
    owned.collect::<Result<_, _>>().map_err(|error| error.to_string())
}

/// The rows of a key-value store after the records of its changelog's partition below that offset: each row is the record's
/// timestamp and its value.
#[must_use]
pub fn folded<'a>(changelog: impl IntoIterator<Item = &'a Record>, below: i64) -> Rows {
    let mut rows = Rows::new();
    for record in changelog.into_iter().take_while(|record| record.offset < below) {
        match &record.value {
            Some(value) => {
                let row = record.timestamp.to_be_bytes().into_iter().chain(value.iter().copied()).collect();
                rows.insert(record.key.clone(), row);
            }
            None => {
                rows.remove(&record.key);
            }
        }
    }
    rows
}

/// Compares a store's rows with others.
#[must_use]
pub fn check(what: &str, found: &Rows, expected: &Rows) -> Verdict {
    let mut verdict = Verdict::default();
    if found == expected {
        return verdict;
    }
    let missing = expected.keys().filter(|key| !found.contains_key(*key)).count();
    let more = found.keys().filter(|key| !expected.contains_key(*key)).count();
    let other = found.iter().filter(|(key, row)| expected.get(*key).is_some_and(|expected| expected != *row)).count();
    verdict.lost += missing as u64;
    verdict.error(format!("{what}: {missing} rows are missing, {more} are too many, and {other} are other ones"));
    verdict
}
