//! How much an instance reads ahead.

use std::time::Duration;

use super::{COUNTS, LINES, word_count};
use crate::log::{Doorbell, Embedded};
use crate::runtime::{App, Handle, Settings};

fn buffered(app: &Handle) -> u64 {
    app.tasks().values().map(|task| task.buffered).sum()
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if is_so() {
            return;
        }
        Doorbell::new().wait(Duration::from_millis(5));
    }
    panic!("{what} does not come");
}

/// A limit in records alone would let large records fill the memory.
#[test]
fn large_records_are_read_ahead_no_further_than_they_may_take_memory() {
    let log = Embedded::in_memory();
    log.create_topic("lines", 4).expect("a topic");
    let settings = Settings {
        input_buffer_bytes: 100_000,
        records_per_round: 2,
        workers: 1,
        cache_bytes: 0,
        ..Settings::default()
    };
    let running = App::new("large", word_count()).settings(settings).quiet().start(log.clone()).expect("started");
    running.wait_until_running().expect("running");
    running.pause();
    let word = "x".repeat(10_000);
    for _ in 0..200 {
        log.send(&LINES, (), word.as_str()).expect("sent");
    }
    wait_for("a full buffer", || buffered(&running) >= 10);
    // Long enough for everything to be fetched, if it were.
    Doorbell::new().wait(Duration::from_millis(300));
    // At most one fetch for each of the four partitions comes after the limit.
    assert!(buffered(&running) <= 10 + 4 * 2, "{} records of 10 kB are in memory", buffered(&running));
    running.resume();
    wait_for("the last count", || log.read(&COUNTS).expect("readable").len() == 200);
    running.close().expect("no error");
}
