//! A process whose handlers are slow, and fail now and then, is killed ten times.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use millstream_tests::kafka::bootstrap_servers;
use millstream_tests::program::Program;
use millstream_tests::records::{TopicOf, Writer};
use millstream_tests::{PATIENCE, say};
use streams_core::log::Isolation;
use streams_core::record::Timestamp;
use streams_core::testing::log_contract::unique_prefix;
use streams_kafka::Kafka;

use crate::counter::turn;

/// Where jobs wait that are tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Retried {
    InPlace,
    InTopics,
}

const KILLS: usize = 10;
const PARTITIONS: u32 = 2;
const KEYS: i64 = 40;
const PER_KEY: i64 = 100;

fn start(id: &str, folder: &Path, number: usize, retried: Retried) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kill-handler"));
    command
        .args(["--kafka", bootstrap_servers(), "--id", id])
        .args([Path::new("--state-dir"), &folder.join("state")])
        .args([Path::new("--calls"), &calls(folder)])
        .args((retried == Retried::InTopics).then_some("--retry-topics"));
    let program = Program::start(&format!("process {number}"), &mut command);
    program.until("its start", |lines| lines.iter().any(|line| line == "started").then_some(()));
    program
}

fn calls(folder: &Path) -> PathBuf {
    folder.join("calls")
}

/// The calls of the handler so far: each key's numbers, in order.
fn called(folder: &Path) -> BTreeMap<String, Vec<i64>> {
    let mut called = BTreeMap::<String, Vec<i64>>::new();
    for line in std::fs::read_to_string(calls(folder)).unwrap_or_default().lines() {
        let mut parts = line.split(' ');
        let (key, number) = (parts.next().expect("a key"), parts.next().and_then(|number| number.parse().ok()));
        called.entry(key.to_owned()).or_default().push(number.expect("a number"));
    }
    called
}

/// Waits until the handler has been called so many times more.
fn until_called(folder: &Path, before: usize, more: usize) {
    let began = Instant::now();
    while called(folder).values().map(Vec::len).sum::<usize>() < before + more {
        assert!(began.elapsed() < PATIENCE, "the handler is not called any more");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The committed results: each key's numbers, in order.
fn done(log: &Kafka, id: &str) -> BTreeMap<String, Vec<i64>> {
    let mut done = BTreeMap::<String, Vec<i64>>::new();
    TopicOf::new(log, &format!("{id}-done"), PARTITIONS).read(Isolation::ReadCommitted, |record| {
        let key = String::from_utf8(record.key.expect("a key").to_vec()).expect("a text");
        let number = i64::from_be_bytes(record.value.expect("a number").try_into().expect("eight bytes"));
        done.entry(key).or_default().push(number);
    });
    done
}

/// How many records are in flight, by what their changelog says.
fn in_flight(log: &Kafka, id: &str) -> usize {
    let mut rows = BTreeMap::new();
    let changelog = TopicOf::new(log, &format!("{id}-work-changelog"), PARTITIONS);
    changelog.read_partitions(Isolation::ReadCommitted, |partition, record| {
        rows.insert((partition, record.key.map(<[u8]>::to_vec)), record.value.is_some());
    });
    rows.values().filter(|is_there| **is_there).count()
}

#[test]
fn what_a_killed_process_has_accepted_is_handled_in_order_and_its_results_are_there_once() {
    kill_and_check(Retried::InPlace);
}

#[test]
fn what_waits_in_retry_topics_outlives_killed_processes_and_its_results_are_there_once() {
    kill_and_check(Retried::InTopics);
}

fn kill_and_check(retried: Retried) {
    let _turn = turn();
    let (folder, id, log) = (tempfile::tempdir().expect("a folder"), unique_prefix(), Kafka::at(bootstrap_servers()));
    let _ = TopicOf::create(&log, &format!("{id}-done"), PARTITIONS);
    let jobs = TopicOf::create(&log, &format!("{id}-jobs"), PARTITIONS);
    let mut writer = Writer::new(&jobs);
    for (number, key) in (0..PER_KEY).flat_map(|number| (0..KEYS).map(move |key| (number, key))) {
        let partition = i32::from(key % 2 == 1);
        writer.send(partition, &format!("key-{key}"), &i64::to_be_bytes(number), Timestamp(1_700_000_000_000 + number));
    }
    writer.flush();

    let seed = std::env::var("MILLSTREAM_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let mut random = fastrand::Rng::with_seed(seed);
    let began = Instant::now();
    for number in 0..KILLS {
        let before = called(folder.path()).values().map(Vec::len).sum::<usize>();
        let program = start(&id, folder.path(), number, retried);
        until_called(folder.path(), before, random.usize(20..350));
        program.kill();
    }
    let last = start(&id, folder.path(), KILLS, retried);
    let all = usize::try_from(KEYS * PER_KEY).expect("a small number");
    let waiting = Instant::now();
    while done(&log, &id).values().map(Vec::len).sum::<usize>() < all {
        assert!(waiting.elapsed() < PATIENCE, "some are not handled: {}", last.last_lines());
        std::thread::sleep(Duration::from_millis(100));
    }
    last.finish();

    let (called, mut done) = (called(folder.path()), done(&log, &id));
    if retried == Retried::InTopics {
        done.values_mut().for_each(|numbers| numbers.sort_unstable());
    }
    let expected: Vec<i64> = (0..PER_KEY).collect();
    for key in (0..KEYS).map(|key| format!("key-{key}")) {
        assert_eq!(done.get(&key), Some(&expected), "{key}: each result once, in order");
        let called = called.get(&key).into_iter().flatten().copied();
        assert!(called.clone().collect::<BTreeSet<_>>().into_iter().eq(0..PER_KEY), "{key}: all were handled");
        let mut reached = -1;
        for number in called.filter(|_| retried == Retried::InPlace) {
            assert!(number <= reached + 1, "{key}: {number} was handled before {}", reached + 1);
            reached = reached.max(number);
        }
    }
    assert_eq!(in_flight(&log, &id), 0);
    let calls: usize = called.values().map(Vec::len).sum();
    // Every seventh is tried twice anyway.
    let anyway = all + usize::try_from(KEYS * ((PER_KEY + 6) / 7)).expect("a small number");
    say(&format!(
        "MILLSTREAM_SEED={seed} {retried:?}: {KILLS} kills, {all} jobs, {calls} calls, {} of them again after a kill, 0 lost, 0 results \
         twice; {:.0} s",
        calls - anyway,
        began.elapsed().as_secs_f64()
    ));
    assert!(calls > anyway, "no kill cut a handler off: nothing was tried");
}
