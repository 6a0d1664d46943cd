//! How a log on disk is closed, and what is left to read for whoever opens it next: nothing after a clean stop, and
//! nothing twice after a crash.
//!
//! The store's journal is looked at from outside, as the files `*.jnl`. A new one is as long as it will ever be and full
//! of zeros.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod child;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Child;

use child::{child_folder, spawn};
use streams_core::log::{Embedded, LogErrorKind};
use streams_core::topic::Topic;

const TEXTS: Topic<String, String> = Topic::new("texts");

/// What a log may write by itself when it is opened.
const A_LITTLE: u64 = 64 * 1024;

fn open(folder: &Path) -> Embedded {
    Embedded::open(folder).expect("a log")
}

/// The text with that number, of about a kilobyte.
fn text(number: usize) -> String {
    format!("{number} {}", "x".repeat(1_000))
}

fn send(log: &Embedded, numbers: std::ops::Range<usize>) {
    for number in numbers {
        log.send(&TEXTS, format!("key-{}", number % 10), text(number)).expect("sent");
    }
}

/// Asserts that the log has the texts with the numbers below `number`, each once and in order. There may be more if
/// `more` says so.
#[track_caller]
fn check(log: &Embedded, number: usize, more: bool) -> usize {
    let records = log.read(&TEXTS).expect("readable");
    assert!(records.len() == number || more && records.len() > number, "{} of {number}", records.len());
    for (place, record) in records.iter().enumerate() {
        assert!(record.value == text(place) && record.key == format!("key-{}", place % 10), "at {place}: {record:?}");
    }
    records.len()
}

fn journal_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("data")).expect("the log's data");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "jnl")).collect()
}

/// The bytes in the journal up to the zeros at its end.
fn journal(folder: &Path) -> u64 {
    let content = |path: PathBuf| {
        let bytes = std::fs::read(path).expect("readable");
        bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1) as u64
    };
    journal_files(folder).into_iter().map(content).sum()
}

/// Regression: the journal was read again at every start, which took seconds in a debug build.
#[test]
fn a_clean_stop_leaves_nothing_to_read_again() {
    let folder = tempfile::tempdir().expect("a folder");
    for round in 0..3 {
        let log = open(folder.path());
        assert!(journal(folder.path()) <= A_LITTLE, "round {round}: {} bytes", journal(folder.path()));
        send(&log, round * 2_000..(round + 1) * 2_000);
        assert!(journal(folder.path()) > 100_000);
        drop(log);
        assert_eq!(journal(folder.path()), 0, "round {round}");
        check(&open(folder.path()), (round + 1) * 2_000, false);
    }
}

/// The store gets a new file at every such stop, so a few records stay in the journal.
#[test]
fn a_short_journal_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    send(&open(folder.path()), 0..10);
    assert!((1..=A_LITTLE).contains(&journal(folder.path())));
    let log = open(folder.path());
    check(&log, 10, false);
    send(&log, 10..20);
    drop(log);
    check(&open(folder.path()), 20, false);
}

#[test]
fn the_last_handle_closes_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = open(folder.path());
    let second = first.clone();
    send(&first, 0..2_000);
    drop(first);
    assert!(journal(folder.path()) > 100_000, "somebody still has it");
    assert_eq!(Embedded::open(folder.path()).map_err(|error| error.kind).err(), Some(LogErrorKind::InUse));
    check(&second, 2_000, false);
    send(&second, 2_000..4_000);
    drop(second);
    assert_eq!(journal(folder.path()), 0);
    check(&open(folder.path()), 4_000, false);
}

/// Threads of an application still have the log when its owner lets go of it, and all let go at the same moment.
#[test]
fn of_handles_that_are_dropped_at_once_one_closes_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    for round in 0..5 {
        let log = open(folder.path());
        send(&log, round * 1_500..(round + 1) * 1_500);
        check(&log, (round + 1) * 1_500, false);
        let together = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            for handle in vec![log; 4] {
                let together = &together;
                scope.spawn(move || {
                    together.wait();
                    drop(handle);
                });
            }
        });
        assert_eq!(journal(folder.path()), 0, "round {round}");
    }
}

/// Whoever is killed between the tables and the journal leaves everything in both.
#[test]
fn what_is_in_tables_and_in_the_journal_is_there_once() {
    for kept in [100, 50, 0] {
        let folder = tempfile::tempdir().expect("a folder");
        let log = open(folder.path());
        send(&log, 0..3_000);
        let journals = journal_files(folder.path());
        let [file] = journals.as_slice() else { panic!("{journals:?}") };
        let before = std::fs::read(file).expect("readable");
        drop(log);
        let left = before.len() / 100 * kept;
        std::fs::write(file, before.get(..left).expect("a part")).expect("written");
        let log = open(folder.path());
        assert!(journal(folder.path()) <= A_LITTLE, "it is read once");
        check(&log, 3_000, false);
        send(&log, 3_000..6_000);
        drop(log);
        check(&open(folder.path()), 6_000, false);
    }
}

/// Sends a number to the parent.
fn tell(number: usize) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nchild: {number}").and_then(|()| out.flush()).expect("the parent listens");
}

/// The numbers that a child sends.
fn listen(child: &mut Child) -> impl Iterator<Item = usize> + use<> {
    let out = child.stdout.take().expect("a pipe");
    let lines = BufReader::new(out).lines().map_while(Result::ok);
    lines.filter_map(|line| line.strip_prefix("child: ")?.parse().ok())
}

fn kill(mut child: Child) {
    child.kill().expect("killed");
    child.wait().expect("dead");
}

/// The child writes until it is killed.
#[test]
fn what_a_killed_process_left_is_read_once() {
    if let Some(folder) = child_folder() {
        let log = open(&folder);
        for number in 0.. {
            send(&log, number..number + 1);
            tell(number + 1);
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = spawn("what_a_killed_process_left_is_read_once", folder.path());
    let sent = listen(&mut child).nth(3_000).expect("progress");
    kill(child);
    assert!(journal(folder.path()) > 100_000);
    let log = open(folder.path());
    assert!(journal(folder.path()) <= A_LITTLE, "{} bytes", journal(folder.path()));
    let there = check(&log, sent, true);
    // The next one is killed too.
    std::mem::forget(log);
    let copy = tempfile::tempdir().expect("a folder");
    copy_folder(folder.path(), copy.path());
    let log = open(copy.path());
    check(&log, there, false);
    send(&log, there..there + 2_000);
    drop(log);
    assert_eq!(journal(copy.path()), 0);
    check(&open(copy.path()), there + 2_000, false);
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir(&target).expect("a folder");
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// The child closes and opens the log again and again.
#[test]
fn who_is_killed_while_closing_loses_nothing() {
    if let Some(folder) = child_folder() {
        let mut there = open(&folder).read(&TEXTS).map_or(0, |records| records.len());
        loop {
            let log = open(&folder);
            send(&log, there..there + 1_500);
            there += 1_500;
            tell(there);
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut there = 0;
    for round in 0..6 {
        let mut child = spawn("who_is_killed_while_closing_loses_nothing", folder.path());
        let sent = listen(&mut child).nth(round % 2).expect("progress");
        // It is closing now, or has just closed.
        let patience = u32::try_from(round).unwrap_or(0) * 20_000;
        (0..patience).for_each(|_| std::hint::spin_loop());
        kill(child);
        let log = open(folder.path());
        assert!(sent > there, "round {round}");
        there = check(&log, sent, true);
    }
}
