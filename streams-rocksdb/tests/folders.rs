//! The errors about folders that cannot be opened, and the protection of folders.

#![allow(clippy::expect_used, reason = "helpers of tests")]

use std::fs;
use std::path::{Path, PathBuf};

use streams_core::state::{StateBackend, Store, StoreBatch, StoreError, StoreErrorKind, StoreIndex};
use streams_rocksdb::RocksDb;
use tempfile::TempDir;

const A: StoreIndex = StoreIndex(1);

fn open(folder: &Path) -> Result<Box<dyn Store>, StoreError> {
    RocksDb::default().with_write_buffer_bytes(1 << 20).open(folder, &["a".to_owned()])
}

/// A folder with state in sorted files as well as in the write-ahead log.
fn written() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for _ in 0..2 {
        // Opening the folder moves the contents of the log to a sorted file.
        let mut store = open(folder.path()).expect("the folder opens");
        let mut batch = StoreBatch::default();
        for number in 0..2_000_u32 {
            batch.put(A, number.to_be_bytes(), number.wrapping_mul(0x9e37_79b9).to_be_bytes().repeat(10));
        }
        store.write(batch).expect("the batch is written");
    }
    folder
}

fn files(folder: &Path, what: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("db")).expect("the database's folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let found: Vec<_> =
        paths.filter(|path| path.file_name().is_some_and(|name| what(&name.to_string_lossy()))).collect();
    assert!(!found.is_empty(), "nothing to damage");
    found
}

/// Opens the folder and reads all of it.
fn use_it(folder: &Path) -> Result<usize, StoreError> {
    use std::ops::Bound::Unbounded;
    let store = open(folder)?;
    store.range(A, Unbounded, Unbounded).try_fold(0, |sum, pair| pair.map(|_| sum + 1))
}

fn check_refused(folder: &Path, kind: StoreErrorKind, words: &[&str]) {
    let error = use_it(folder).expect_err("an error");
    assert_eq!(error.kind, kind, "{error}");
    for word in words.iter().copied().chain([&*folder.to_string_lossy()]) {
        assert!(error.message.contains(word), "{word:?} is not in: {error}");
    }
}

#[test]
fn damaged_files_are_corrupt_and_say_what_to_do() {
    type Damage = fn(&Path);
    let table: [(&str, Damage); 6] = [
        ("a byte of data is flipped", |folder| {
            for file in files(folder, |name| name.ends_with(".sst")) {
                let mut bytes = fs::read(&file).expect("a readable file");
                bytes[100] ^= 0x55;
                fs::write(&file, bytes).expect("a writable file");
            }
        }),
        ("a data file is cut short", |folder| {
            let file = files(folder, |name| name.ends_with(".sst")).remove(0);
            let bytes = fs::read(&file).expect("a readable file");
            fs::write(&file, &bytes[..bytes.len() / 2]).expect("a writable file");
        }),
        ("a data file is gone", |folder| {
            let file = files(folder, |name| name.ends_with(".sst")).remove(0);
            fs::remove_file(file).expect("removed");
        }),
        ("MANIFEST is gone", |folder| {
            for file in files(folder, |name| name.starts_with("MANIFEST")) {
                fs::remove_file(file).expect("removed");
            }
        }),
        ("CURRENT is gone", |folder| {
            fs::remove_file(folder.join("db/CURRENT")).expect("removed");
        }),
        ("CURRENT is empty", |folder| {
            fs::write(folder.join("db/CURRENT"), "").expect("written");
        }),
    ];
    for (name, damage) in table {
        let folder = written();
        assert_eq!(use_it(folder.path()), Ok(2_000), "before any damage");
        damage(folder.path());
        let error = use_it(folder.path()).expect_err(name);
        assert_eq!(error.kind, StoreErrorKind::Corrupt, "{name}: {error}");
        assert!(error.message.contains("move the folder away"), "{name}: {error}");
        assert!(error.message.contains(&*folder.path().to_string_lossy()), "{name}: {error}");
    }
}

#[test]
fn a_torn_end_of_the_log_takes_its_last_batch_whole_and_nothing_else() {
    let folder = written();
    let mut store = open(folder.path()).expect("the folder opens");
    let mut last = StoreBatch::default();
    for number in 5_000..5_010_u32 {
        last.put(A, number.to_be_bytes(), "v");
    }
    store.write(last).expect("the batch is written");
    drop(store);
    for log in files(folder.path(), |name| name.ends_with(".log")) {
        let bytes = fs::read(&log).expect("a readable file");
        fs::write(&log, &bytes[..bytes.len().saturating_sub(7)]).expect("a writable file");
    }
    assert_eq!(use_it(folder.path()), Ok(2_000));
}

#[test]
fn a_newer_format_names_both_versions() {
    let folder = written();
    fs::write(folder.path().join("format"), "millstream-rocksdb 7\n").expect("written");
    check_refused(folder.path(), StoreErrorKind::Format, &["format 7", "format 1", "run the version that wrote it"]);
}

#[test]
fn a_folder_written_by_something_else_is_left_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("thesis.tex"), "all my work").expect("written");
    check_refused(folder.path(), StoreErrorKind::Format, &["thesis.tex"]);
    assert!(!folder.path().join("db").exists());

    let folder = written();
    fs::write(folder.path().join("format"), "something else").expect("written");
    check_refused(folder.path(), StoreErrorKind::Format, &["`format`"]);
}

#[test]
fn a_first_opening_that_was_interrupted_begins_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join(".lock"), "").expect("written");
    fs::write(folder.path().join("format.new"), "millstr").expect("written");
    assert_eq!(use_it(folder.path()), Ok(0));
    fs::remove_dir_all(folder.path().join("db")).expect("removed");
    assert_eq!(use_it(folder.path()), Ok(0), "only the format had been written");
}

#[test]
fn a_missing_folder_is_an_error_of_the_system() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    check_refused(&folder.path().join("nowhere"), StoreErrorKind::Io, &["No such file or directory"]);
}

#[test]
fn an_open_folder_names_its_holder() {
    let folder = written();
    let _store = open(folder.path()).expect("the folder opens");
    check_refused(folder.path(), StoreErrorKind::InUse, &["this process already has it open"]);
}

#[test]
fn a_lock_file_left_behind_locks_nothing() {
    let folder = written();
    fs::write(folder.path().join(".lock"), "1\n").expect("written");
    assert_eq!(use_it(folder.path()), Ok(2_000), "process 1 is alive and does not hold the lock");
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_the_state() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("permitted");
    drop(open(folder.path()).expect("the folder opens"));
    for path in [folder.path().to_owned(), folder.path().join("db")] {
        let mode = fs::metadata(&path).expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", path.display());
    }
}

#[cfg(unix)]
#[test]
fn a_link_in_place_of_the_database_is_not_followed() {
    let folder = written();
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    fs::remove_dir_all(folder.path().join("db")).expect("removed");
    std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("db")).expect("a link");
    check_refused(folder.path(), StoreErrorKind::Format, &["`db` is not a folder"]);
    assert_eq!(fs::read_dir(elsewhere.path()).expect("a folder").count(), 0);
}
