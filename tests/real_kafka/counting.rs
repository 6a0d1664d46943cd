//! Counting real text with several processes.

use std::io::Write;
use std::process::ChildStdin;
use std::time::{Duration, Instant};

use millstream_tests::kafka::bootstrap_servers;
use millstream_tests::{PATIENCE, say};

use crate::console;
use crate::counters::Share;
use crate::run::Run;

/// The duration of the paced input.
const PACED: Duration = Duration::from_secs(90);
/// The same where a process is killed, whose tasks wait for its session to time out.
const PACED_KILL: Duration = Duration::from_secs(30);
/// When the third process of the second test starts and the first one ends, as fractions of the input.
const COMES: f64 = 0.25;
const GOES: f64 = 0.5;

#[test]
fn three_processes_count_what_coreutils_count() {
    let run = Run::new();
    let counters = ["one", "two", "three"].map(|name| run.start_counter(name));
    counters.iter().for_each(|counter| counter.until_running());

    let began = Instant::now();
    let mut producer = console::producer(bootstrap_servers(), &run.lines_name());
    producer.input().write_all(&run.text.bytes).expect("the console producer reads");
    producer.finish();
    run.until_counted();
    say(&format!("written and counted in {:.1} s", began.elapsed().as_secs_f64()));

    counters.iter().for_each(|counter| counter.terminate());
    let shares = counters.map(|counter| counter.finish());
    run.check_counts();
    run.check_shares(&shares);
}

#[test]
fn processes_that_come_and_go_lose_and_repeat_nothing() {
    let run = Run::new();
    let (leaver, stayer) = (run.start_counter("leaver"), run.start_counter("stayer"));
    [&leaver, &stayer].iter().for_each(|counter| counter.until_running());

    let mut producer = console::producer(bootstrap_servers(), &run.lines_name());
    let mut feed = Feed::new(&run, producer.input(), PACED);
    feed.until(COMES);
    let comer = run.start_counter("comer");
    say(&format!("a third process comes after {} of {} lines", run.lines_done(), run.text.lines()));
    feed.until(GOES);
    // However slow the machine is, the processes run together for some time before one ends.
    comer.until_running();
    wait_until(|| run.lines_done() >= run.lines_in(run.bytes_until(GOES - 0.05)));
    say(&format!("the first process goes after {} of {} lines", run.lines_done(), run.text.lines()));
    leaver.terminate();
    feed.until(1.0);
    let began = feed.began;
    drop(feed);
    producer.finish();
    run.until_counted();
    say(&format!("written and counted in {:.1} s", began.elapsed().as_secs_f64()));

    [&stayer, &comer].iter().for_each(|counter| counter.terminate());
    let shares = [leaver, stayer, comer].map(|counter| counter.finish());
    run.check_counts();
    run.check_shares(&shares);
}

#[test]
fn a_process_that_is_killed_and_does_not_come_back_leaves_every_count_right_under_exactly_once() {
    let run = Run::exactly_once();
    let [killed, one, two] = ["killed", "one", "two"].map(|name| run.start_counter(name));
    [&killed, &one, &two].iter().for_each(|counter| counter.until_running());

    let mut producer = console::producer(bootstrap_servers(), &run.lines_name());
    let mut feed = Feed::new(&run, producer.input(), PACED_KILL);
    feed.until(0.5);
    wait_until(|| run.lines_done() >= run.lines_in(run.bytes_until(0.25)));
    say(&format!("kill -9 after {} of {} lines", run.lines_done(), run.text.lines()));
    killed.kill();
    let since = Instant::now();
    feed.until(1.0);
    drop(feed);
    producer.finish();
    run.until_committed();
    say(&format!("all is counted {:.1} s after the kill", since.elapsed().as_secs_f64()));

    [&one, &two].iter().for_each(|counter| counter.terminate());
    for Share { name, words, .. } in [one, two].map(|counter| counter.finish()) {
        say(&format!("{name}: counted {words} words"));
    }
    run.check_counts();
}

/// Text that is fed into a console producer at a given pace.
struct Feed<'a> {
    run: &'a Run,
    input: ChildStdin,
    fed: usize,
    began: Instant,
    /// How long the whole text takes.
    pace: Duration,
}

impl<'a> Feed<'a> {
    fn new(run: &'a Run, input: ChildStdin, pace: Duration) -> Self {
        Self { run, input, fed: 0, began: Instant::now(), pace }
    }

    /// Feeds the text up to this fraction.
    fn until(&mut self, part: f64) {
        let end = self.run.bytes_until(part);
        while self.fed < end {
            let due = self.run.bytes_until(self.began.elapsed().as_secs_f64() / self.pace.as_secs_f64()).min(end);
            if let Some(lines) = self.run.text.bytes.get(self.fed..due) {
                self.input.write_all(lines).and_then(|()| self.input.flush()).expect("the console producer reads");
                self.fed = due;
            }
            // This is the pace, not a wait for something.
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn wait_until(reached: impl Fn() -> bool) {
    let began = Instant::now();
    while !reached() {
        assert!(began.elapsed() < PATIENCE, "the processes do not keep up");
        std::thread::sleep(Duration::from_millis(50));
    }
}
