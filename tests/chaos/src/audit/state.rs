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

/// Compares what is left of a store, in folders, with what is restored from nothing, and with its changelog's partition. That
/// is possible row by row where a row is one record, as in a key-value store.
#[must_use]
pub fn check(
    what: &str,
    found: &[(&str, &Kept)],
    restored: &Rows,
    changelog: &[&Record],
    is_key_value: bool,
) -> Verdict {
    let mut verdict = Verdict::default();
    let end = changelog.last().map_or(0, |record| record.offset + 1);
    let mut is_kept = changelog.is_empty();
    for (folder, kept) in found {
        let followed = kept.followed.unwrap_or(0);
        if followed >= end {
            is_kept = true;
            verdict.add(compare(&format!("{folder}: {what}"), &kept.rows, restored));
        }
        if is_key_value {
            let expected = folded(changelog.iter().copied(), followed);
            verdict.add(compare(&format!("{folder}: {what} at {followed}"), &kept.rows, &expected));
        }
    }
    if !is_kept {
        verdict.error(format!("nobody has kept {what} up to its end {end}"));
    }
    verdict
}

/// Compares a store's rows with others.
fn compare(what: &str, found: &Rows, expected: &Rows) -> Verdict {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A changelog: a row, another one, a new value of the first, and its deletion.
    fn changelog() -> Vec<Record> {
        let record = |offset: i64, key: &str, value: Option<&str>| Record {
            partition: 0,
            offset,
            timestamp: offset,
            key: key.into(),
            value: value.map(Into::into),
        };
        vec![record(0, "a", Some("1")), record(2, "b", Some("1")), record(3, "a", Some("2")), record(6, "a", None)]
    }

    fn is_good(kept: &[Kept], restored: &Rows, is_key_value: bool) -> bool {
        let (changelog, found) = (changelog(), kept.iter().map(|kept| ("folder", kept)).collect::<Vec<_>>());
        check("store", &found, restored, &changelog.iter().collect::<Vec<_>>(), is_key_value).is_good()
    }

    #[test]
    fn a_folder_is_right_at_any_offset_and_somebody_has_to_be_at_the_end() {
        let at = |offset| Kept { followed: Some(offset), rows: folded(&changelog(), offset) };
        let restored = at(7).rows;
        assert_eq!(restored.keys().collect::<Vec<_>>(), [&b"b".to_vec()]);
        for (offsets, expected) in
            [(&[7][..], true), (&[8], true), (&[7, 0], true), (&[7, 1, 3, 4], true), (&[4], false), (&[], false)]
        {
            let kept: Vec<_> = offsets.iter().map(|offset| at(*offset)).collect();
            assert_eq!(is_good(&kept, &restored, true), expected, "{offsets:?}");
        }
        assert!(!is_good(&[Kept { followed: None, rows: Rows::new() }], &restored, true), "nobody has followed");
    }

    #[test]
    fn rows_that_are_missing_too_many_or_other_ones_are_found() {
        for (followed, is_key_value) in [(7, true), (7, false), (4, true)] {
            let sound = Kept { followed: Some(followed), rows: folded(&changelog(), followed) };
            let (whole, restored) =
                (Kept { followed: Some(7), rows: folded(&changelog(), 7) }, folded(&changelog(), 7));
            let verdict = |change: &dyn Fn(&mut Kept)| {
                let mut doctored = sound.clone();
                change(&mut doctored);
                is_good(&[whole.clone(), doctored], &restored, is_key_value)
            };
            assert!(verdict(&|_| ()));
            assert!(!verdict(&|kept| _ = kept.rows.pop_last()), "a row is missing");
            assert!(!verdict(&|kept| _ = kept.rows.insert(b"c".to_vec(), b"1".to_vec())), "of no committed record");
            assert!(!verdict(&|kept| kept.rows.values_mut().for_each(|row| row.push(b'!'))), "other values");
        }
        // It claims more than it has followed.
        let early = Kept { followed: Some(7), rows: folded(&changelog(), 4) };
        assert!(!is_good(&[early], &folded(&changelog(), 7), true));
    }
}
