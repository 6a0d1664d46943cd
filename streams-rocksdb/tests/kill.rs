//! `kill -9` loses no acknowledged batch, and no batch is ever written partially.

#![cfg(unix)]
#![allow(clippy::expect_used, reason = "helpers of a test")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::ops::Bound::Unbounded;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use streams_core::state::{META, StateBackend, Store, StoreBatch, StoreError, StoreErrorKind, StoreIndex};
use streams_rocksdb::RocksDb;

const A: StoreIndex = StoreIndex(1);
const B: StoreIndex = StoreIndex(2);
const FOLDER: &str = "STREAMS_ROCKSDB_KILL_TEST_FOLDER";
const THIS_TEST: &str = "kill_9_loses_no_acknowledged_batch_and_halves_none";

/// Uses small write buffers, so that kills also happen while sorted files are written and new logs start.
fn open(folder: &Path) -> Result<Box<dyn Store>, StoreError> {
    let backend = RocksDb::default().with_write_buffer_bytes(1 << 20);
    backend.open(folder, &["a".to_owned(), "b".to_owned()])
}

/// Batch `number` changes both stores and the metadata, and deletes what is a hundred batches old.
fn batch(number: u64) -> StoreBatch {
    let mut batch = StoreBatch::default();
    batch.delete_range(A, 0_u64.to_be_bytes(), number.saturating_sub(100).to_be_bytes());
    batch.put(A, number.to_be_bytes(), vec![b'v'; 1_000 + usize::try_from(number % 7).unwrap_or(0)]);
    batch.put(B, [u8::try_from(number % 50).unwrap_or(0)], number.to_be_bytes());
    batch.put(META, "batches", number.to_be_bytes());
    batch
}

fn batches_in(store: &dyn Store) -> Result<u64, StoreError> {
    let bytes = store.get(META, b"batches")?.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
    Ok(bytes.map_or(0, u64::from_be_bytes))
}

#[test]
fn kill_9_loses_no_acknowledged_batch_and_halves_none() {
    // The test starts itself as the process to kill.
    if let Some(folder) = std::env::var_os(FOLDER) {
        write_until_killed(Path::new(&folder));
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut killed_after = 0;
    for batches_until_kill in [1, 40, 700, 3_000, 2] {
        let acknowledged = kill_after(folder.path(), killed_after + batches_until_kill);
        let store = open(folder.path()).expect("a lock does not outlive its holder");
        killed_after = batches_in(&*store).expect("the notes can be read");
        assert!(killed_after >= acknowledged, "batch {acknowledged} was acknowledged, but the last is {killed_after}");
        check_whole(&*store, killed_after);
    }
}

/// Checks that the stores contain the result of batches 1 to `number`, and nothing else.
fn check_whole(store: &dyn Store, number: u64) {
    let mut a = BTreeMap::new();
    let mut b = BTreeMap::new();
    for n in 1..=number {
        a.insert(n.to_be_bytes().to_vec(), 1_000 + usize::try_from(n % 7).expect("small"));
        a.retain(|key, _| *key >= n.saturating_sub(100).to_be_bytes().to_vec());
        b.insert(vec![u8::try_from(n % 50).expect("small")], n.to_be_bytes().to_vec());
    }
    let pairs = |index| store.range(index, Unbounded, Unbounded).map(|pair| pair.expect("a readable pair"));
    let in_a: BTreeMap<_, _> = pairs(A).map(|(key, value)| (key.into_vec(), value.len())).collect();
    let in_b: BTreeMap<_, _> = pairs(B).map(|(key, value)| (key.into_vec(), value.into_vec())).collect();
    assert_eq!(in_a, a, "store a after {number} batches");
    assert_eq!(in_b, b, "store b after {number} batches");
}

/// Starts the writer, kills it once it has acknowledged batch `number`, and returns the last acknowledged.
fn kill_after(folder: &Path, number: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().expect("this test's file"))
        .args(["--exact", THIS_TEST, "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child process");
    let lines = BufReader::new(child.stdout.take().expect("the child's output")).lines();
    let mut acknowledged = 0;
    let mut is_killed = false;
    for line in lines {
        let line = line.expect("a line");
        // The child's test harness prints to the same pipe, and a killed child leaves half a line.
        let Some(last) = line.split_once("acknowledged ").and_then(|(_, rest)| rest.strip_suffix('.')) else {
            continue;
        };
        acknowledged = last.parse().expect("a number");
        if acknowledged >= number && !is_killed {
            assert_in_use(folder, &child);
            child.kill().expect("killed");
            is_killed = true;
        }
    }
    let status = child.wait().expect("the child's end");
    assert!(is_killed && !status.success(), "the child ended by itself after batch {acknowledged}: {status}");
    acknowledged
}

/// While the child is alive, nobody else can open its folder, and the error names the child.
fn assert_in_use(folder: &Path, child: &Child) {
    let error = open(folder).err().expect("the folder is held by the child");
    assert_eq!(error.kind, StoreErrorKind::InUse, "{error}");
    assert!(error.message.contains(&format!("process {} has it open", child.id())), "{error}");
}

fn write_until_killed(folder: &Path) -> ! {
    let mut store = open(folder).expect("the folder opens");
    let mut number = batches_in(&*store).expect("the notes can be read");
    let mut output = std::io::stdout();
    loop {
        number += 1;
        store.write(batch(number)).expect("the batch is written");
        writeln!(output, "acknowledged {number}.").expect("the parent listens");
    }
}
