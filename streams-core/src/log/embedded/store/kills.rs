//! A process writes to a store, closes it and opens it again, and is killed at any moment, over and over. The store then
//! has exactly what the first so many batches make: all that were acknowledged, the last one whole or not at all.
//!
//! `MILLSTREAM_SEED` repeats a run (but not its moments), and `MILLSTREAM_SEEDS` is the number of kills.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use fjall::{Keyspace, PersistMode};

use super::Store;

/// Set for a child process: the folder of its store, and the seed of its batches.
const CHILD_FOLDER: &str = "STORE_KILLS_CHILD_FOLDER";
const CHILD_SEED: &str = "STORE_KILLS_CHILD_SEED";

/// The row that says how many batches there are.
const NUMBER: &[u8] = b"number";

/// Few keys, so that most writes replace or delete an earlier one.
const KEYS: u64 = 150;

type Rows = BTreeMap<(usize, Vec<u8>), Vec<u8>>;

/// One change: the number of the keyspace, the key, and the new value unless it is deleted.
type Change = (usize, Vec<u8>, Option<Vec<u8>>);

fn keyspaces(store: &Store) -> [&Keyspace; 3] {
    [&store.records, &store.index, &store.meta]
}

/// The batch with that number.
fn batch(seed: u64, number: u64) -> Vec<Change> {
    let mut random = fastrand::Rng::with_seed(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    // Every other 200 batches write to one keyspace only, so the others' tables are older.
    let (stretch, one) = (number / 200, [0, 1, 2][number as usize / 400 % 3]);
    let changes = (0..random.usize(1..12)).map(|_| {
        let keyspace = if stretch % 2 == 0 { one } else { random.usize(..3) };
        let key = format!("key-{:03}", random.u64(..KEYS)).into_bytes();
        let length = match random.u32(..20) {
            0 => random.usize(20_000..60_000),
            1..=4 => random.usize(1_000..6_000),
            _ => random.usize(..200),
        };
        // And now and then everything is deleted.
        let deleted = random.u32(..3) == 0 || number / 500 % 4 == 3;
        (keyspace, key, (!deleted).then(|| vec![random.u8(..); length]))
    });
    changes.collect()
}

fn write(store: &Store, seed: u64, number: u64) {
    let mut changes = store.begin(PersistMode::Buffer);
    changes.insert(&store.meta, NUMBER, number.to_be_bytes().to_vec());
    for (keyspace, key, value) in batch(seed, number) {
        let keyspace = keyspaces(store)[keyspace];
        match value {
            Some(value) => changes.insert(keyspace, &key, value),
            None => changes.remove(keyspace, &key),
        }
    }
    changes.commit().expect("written");
}

fn number(store: &Store) -> u64 {
    let stored = store.meta.get(NUMBER).expect("readable");
    stored.map_or(0, |bytes| u64::from_be_bytes((*bytes).try_into().expect("a number")))
}

/// The child's life: it writes, and closes and opens the store after a few batches or many.
fn live(folder: &Path, seed: u64) {
    let mut random = fastrand::Rng::new();
    loop {
        let store = Store::open(folder).expect("a store");
        let first = number(&store) + 1;
        let batches = [0, 3, 100, 600, 1_500, 5_000, 30_000][random.usize(..7)];
        for number in first..first + batches {
            write(&store, seed, number);
            tell(number);
        }
        if random.bool() {
            store.sync().expect("synced");
        }
        drop(store);
        tell(first + batches - 1);
    }
}

fn tell(number: u64) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nchild: {number}").and_then(|()| out.flush()).expect("the parent listens");
}

/// Runs a child for that long, and returns the last batch that it acknowledged.
fn run_and_kill(folder: &Path, seed: u64, time: Duration) -> u64 {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "log::embedded::store::kills::killed_at_any_moment_it_has_every_batch_once"])
        .args(["--nocapture", "--test-threads=1"])
        .env(CHILD_FOLDER, folder)
        .env(CHILD_SEED, seed.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let out = BufReader::new(child.stdout.take().expect("a pipe"));
    let (end, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let numbers = out.lines().map_while(Result::ok).filter_map(|line| line.strip_prefix("child: ")?.parse().ok());
        end.send(numbers.last().unwrap_or(0)).expect("the parent waits");
    });
    assert!(ended.recv_timeout(time).is_err(), "the child ended by itself");
    child.kill().expect("killed");
    child.wait().expect("dead");
    ended.recv().expect("what it said")
}

fn rows(store: &Store) -> Rows {
    let mut rows = Rows::new();
    for (place, keyspace) in keyspaces(store).into_iter().enumerate() {
        for row in keyspace.iter() {
            let (key, value) = row.into_inner().expect("readable");
            rows.insert((place, key.to_vec()), value.to_vec());
        }
    }
    rows.remove(&(2, NUMBER.to_vec()));
    rows
}

fn check(found: &Rows, expected: &Rows) {
    for (at, value) in expected {
        assert!(found.get(at) == Some(value), "{at:?}: {:?} bytes of {}", found.get(at).map(Vec::len), value.len());
    }
    for at in found.keys() {
        assert!(expected.contains_key(at), "{at:?} was deleted");
    }
}

/// Makes the change of the batch with that number in the rows that are expected.
fn apply(rows: &mut Rows, seed: u64, number: u64) {
    for (keyspace, key, value) in batch(seed, number) {
        match value {
            Some(value) => _ = rows.insert((keyspace, key), value),
            None => _ = rows.remove(&(keyspace, key)),
        }
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn killed_at_any_moment_it_has_every_batch_once() {
    if let Some(folder) = std::env::var_os(CHILD_FOLDER).map(PathBuf::from) {
        return live(&folder, setting(CHILD_SEED).expect("a seed"));
    }
    let seed = setting("MILLSTREAM_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    let kills = setting("MILLSTREAM_SEEDS").unwrap_or(8);
    println!("MILLSTREAM_SEED={seed}");
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("data");
    let (mut expected, mut there) = (Rows::new(), 0);
    for kill in 0..kills {
        // Every other one dies young, while it opens the store or closes it for the first time.
        let time = Duration::from_micros(fastrand::u64(..if kill % 2 == 0 { 60_000 } else { 600_000 }));
        let acknowledged = run_and_kill(&place, seed, time);
        let store = Store::open(&place).expect("a store");
        let now = number(&store);
        println!("kill {kill}: {acknowledged} acknowledged, {now} there, before {there}");
        assert!(now >= acknowledged.max(there), "kill {kill}: {now} of {acknowledged}, before {there}");
        for number in there + 1..=now {
            apply(&mut expected, seed, number);
        }
        there = now;
        check(&rows(&store), &expected);
    }
}
