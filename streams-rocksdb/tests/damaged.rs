//! An application whose RocksDB files are damaged between two runs.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use millstream::prelude::*;
use streams_core::log::Embedded;

const WORDS: Topic<String, String> = Topic::new("words");
const COUNTS: Topic<String, i64> = Topic::new("counts");

fn app(folder: &Path) -> App {
    let builder = StreamsBuilder::new();
    builder.stream(WORDS).group_by_key().count().stored_as(KeyValueStore::new("rows")).to_stream().to(COUNTS);
    let state = streams_rocksdb::RocksDb::default().with_write_buffer_bytes(1 << 20);
    App::new("app", builder.build().expect("a topology")).exactly_once().state_in(state).state_dir(folder)
}

fn files(folder: &Path, what: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("db")).expect("the database's folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let found: Vec<_> =
        paths.filter(|path| path.file_name().is_some_and(|name| what(&name.to_string_lossy()))).collect();
    assert!(!found.is_empty(), "nothing to damage");
    found
}

fn last_counts(log: &Embedded) -> BTreeMap<String, i64> {
    let records = log.read(&COUNTS).expect("readable");
    records.into_iter().map(|record| (record.key, record.value)).collect()
}

#[test]
fn state_is_built_anew_whatever_file_is_damaged() {
    type Damage = fn(&Path);
    let table: [(&str, Damage); 4] = [
        ("a byte of every data file is flipped", |folder| {
            for file in files(folder, |name| name.ends_with(".sst")) {
                let mut bytes = fs::read(&file).expect("a readable file");
                bytes[100] ^= 0x55;
                fs::write(&file, bytes).expect("a writable file");
            }
        }),
        ("data files are cut short", |folder| {
            for file in files(folder, |name| name.ends_with(".sst")) {
                let bytes = fs::read(&file).expect("a readable file");
                fs::write(&file, &bytes[..bytes.len() / 2]).expect("a writable file");
            }
        }),
        ("MANIFEST is garbage", |folder| {
            for file in files(folder, |name| name.starts_with("MANIFEST")) {
                fs::write(file, [0x55; 500]).expect("written");
            }
        }),
        ("CURRENT is gone", |folder| fs::remove_file(folder.join("db/CURRENT")).expect("removed")),
    ];
    for (name, damage) in table {
        let (log, folder) = (Embedded::in_memory(), tempfile::tempdir().expect("a folder"));
        log.create_topic("words", 1).expect("a topic");
        let send = || {
            for number in 0..500 {
                log.send(&WORDS, format!("word-{number}"), "").expect("sent");
            }
        };
        send();
        app(folder.path()).run_until_idle(log.clone()).expect(name);
        // Opening the folder moves the contents of the write-ahead log to a sorted file.
        send();
        app(folder.path()).run_until_idle(log.clone()).expect(name);
        damage(&folder.path().join("app/0_0"));
        send();
        app(folder.path()).run_until_idle(log.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let counts = last_counts(&log);
        assert!(counts.len() == 500 && counts.values().all(|count| *count == 3), "{name}: {counts:?}");
        let entries = fs::read_dir(folder.path().join("app")).expect("readable");
        let aside = entries.filter(|entry| {
            let entry = entry.as_ref().expect("an entry");
            entry.file_name().to_string_lossy().starts_with("0_0.corrupt-")
        });
        assert_eq!(aside.count(), 1, "{name}");
    }
}
