//! Two processes share the work, and one of them is killed, stopped or copied: who has its tasks, and since when.

use std::path::Path;
use std::time::{Duration, Instant};

use millstream_tests::kafka::bootstrap_servers;
use millstream_tests::records::{TopicOf, Writer};
use millstream_tests::{PATIENCE, say};
use streams_core::log::{Doorbell, Log as _};
use streams_core::testing::log_contract::unique_prefix;
use streams_kafka::Kafka;

use crate::counter::{Application, Counter, turn};
use crate::events::{Comparison, Events, PARTITIONS};

pub(crate) const EVENTS: Events = Events { number: 200_000 };

/// No test waits that long, so nobody takes over because of it. It is the longest that Kafka's brokers accept.
pub(crate) const LONG: Duration = Duration::from_secs(30 * 60);

/// An application with its input, of which a test writes one part after the other.
pub(crate) struct Scene {
    kafka: Kafka,
    pub(crate) application: Application,
    pub(crate) written: i64,
}

impl Scene {
    pub(crate) fn new(exactly_once: bool, session_timeout: Duration, folder: &Path) -> Self {
        let servers = bootstrap_servers();
        Self::on(Kafka::at(servers), servers, exactly_once, session_timeout, folder)
    }

    /// A scene on this cluster.
    pub(crate) fn on(
        kafka: Kafka,
        servers: &str,
        exactly_once: bool,
        session_timeout: Duration,
        folder: &Path,
    ) -> Self {
        let id = unique_prefix();
        let _ = TopicOf::create(&kafka, &format!("{id}-counts"), PARTITIONS);
        let _ = TopicOf::create(&kafka, &format!("{id}-events"), PARTITIONS);
        let application = Application {
            id,
            log: ["--kafka".to_owned(), servers.to_owned()],
            exactly_once,
            cache_bytes: 0,
            commit_interval: Duration::from_millis(100),
            session_timeout,
            transaction_timeout: None,
            stop_all: false,
            on_stall: None,
            folder: folder.to_owned(),
        };
        Self { kafka, application, written: 0 }
    }

    pub(crate) fn topic(&self) -> TopicOf<'_> {
        TopicOf::new(&self.kafka, &format!("{}-events", self.application.id), PARTITIONS)
    }

    /// Starts a process in a place of its own, and returns how long it took to process its first record.
    fn start_in(&self, place: &str, number: usize) -> (Counter, Duration) {
        let began = Instant::now();
        let counter = self.application.start_in(place, number);
        wait_for("the first record", || !counter.partitions().is_empty());
        (counter, began.elapsed())
    }

    /// Two processes that share the work.
    fn start_two(&mut self) -> [Counter; 2] {
        self.write(EVENTS.number / 10);
        let first = self.application.start_in("a", 1);
        first.until_said("-> RUNNING");
        self.until_committed();
        let second = self.application.start_in("b", 2);
        second.until_said("-> RUNNING");
        first.until_said_times("-> RUNNING", 2);
        self.write(EVENTS.number / 10);
        self.until_committed();
        let shares = [first.partitions().len(), second.partitions().len()];
        assert_eq!(shares, [2, 1], "the first one had both partitions, then each has one");
        [first, second]
    }

    pub(crate) fn write(&mut self, number: i64) {
        let until = (self.written + number).min(EVENTS.number);
        let topic = self.topic();
        let mut writer = Writer::new(&topic);
        EVENTS.write(&mut writer, self.written..until);
        writer.flush();
        self.written = until;
    }

    /// The client names of the group's members.
    pub(crate) fn members(&self) -> Vec<String> {
        let admin = self.kafka.admin(Doorbell::new()).expect("an admin client");
        let members = admin.group_members(&self.application.id).wait().expect("an answer").expect("members");
        members.into_iter().map(|member| member.client_id).collect()
    }

    fn committed(&self) -> i64 {
        self.topic().committed(&self.application.id).iter().sum()
    }

    pub(crate) fn until_committed(&self) {
        // A transaction's marker has an offset, too, but not in a topic that is only read.
        wait_for("everything to be committed", || self.committed() >= self.written);
    }

    /// Checks the results, once everything is written and committed.
    pub(crate) fn check(&self) {
        assert_eq!(self.written, EVENTS.number);
        let counts = format!("{}-counts", self.application.id);
        match self.application.exactly_once {
            true => assert_eq!(EVENTS.check_each_count(&self.kafka, &counts), EVENTS.number),
            false => {
                let Comparison { lost, twice } = EVENTS.compare(&self.kafka, &counts);
                say(&format!("static members: at-least-once, lost {lost}, counted twice {twice}"));
                assert_eq!(lost, 0);
            }
        }
    }
}

pub(crate) fn wait_for(what: &str, reached: impl Fn() -> bool) {
    let began = Instant::now();
    while !reached() {
        assert!(began.elapsed() < PATIENCE, "waited for {what}, in vain");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn comes_back(exactly_once: bool) {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let mut scene = Scene::new(exactly_once, LONG, folder.path());
    let [first, second] = scene.start_two();
    let unrest = second.said("-> REBALANCING");
    scene.write(EVENTS.number / 2);
    let (then, shared) = (scene.committed(), scene.written);
    wait_for("some of it to be committed", || scene.committed() > then);
    let killed = first.kill();
    let (first, took) = scene.start_in("a", 3);
    say(&format!(
        "static members: {}, killed at {killed:?} of {shared} records, its first record again after {took:?}",
        if exactly_once { "exactly-once" } else { "at-least-once" },
    ));
    scene.write(EVENTS.number);
    scene.until_committed();
    assert_eq!(first.partitions().len(), 1, "its own share");
    assert_eq!(second.said("-> REBALANCING"), unrest, "the other one goes on with its own");
    first.finish();
    second.until_said_times("-> RUNNING", 2);
    second.finish();
    scene.check();
}

#[test]
fn who_is_killed_and_comes_back_has_its_tasks_at_once_at_least_once() {
    comes_back(false);
}

#[test]
fn who_is_killed_and_comes_back_has_its_tasks_at_once_exactly_once() {
    comes_back(true);
}

#[test]
fn who_stops_hands_its_tasks_over_at_once() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let mut scene = Scene::new(true, LONG, folder.path());
    let [first, second] = scene.start_two();
    first.finish();
    let began = Instant::now();
    scene.write(EVENTS.number);
    scene.until_committed();
    say(&format!("static members: everything taken over and processed {:?} after a clean stop", began.elapsed()));
    assert_eq!(second.partitions().len(), 2, "all there is");
    second.finish();
    scene.check();
}

#[test]
fn of_who_is_killed_and_stays_away_others_take_the_tasks_when_its_session_times_out() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let mut scene = Scene::new(true, Duration::from_secs(6), folder.path());
    let [first, second] = scene.start_two();
    first.kill();
    let began = Instant::now();
    scene.write(EVENTS.number);
    scene.until_committed();
    say(&format!(
        "static members: everything taken over and processed {:?} after a kill, session 6 s",
        began.elapsed()
    ));
    second.finish();
    scene.check();
}

#[test]
fn of_two_processes_with_copies_of_one_folder_the_older_one_ends_with_a_sentence() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let mut scene = Scene::new(true, LONG, folder.path());
    scene.write(EVENTS.number / 10);
    let (first, took) = scene.start_in("a", 1);
    say(&format!("static members: a fresh start, its first record after {took:?}"));
    scene.until_committed();
    first.finish();
    copy(&scene.application.state_in("a"), &scene.application.state_in("copy"));
    let (first, _) = {
        scene.write(EVENTS.number / 10);
        scene.start_in("a", 2)
    };
    scene.until_committed();
    scene.write(EVENTS.number / 10);
    let twin = scene.application.start_in("copy", 3);
    first.until_said("another process has taken this one's place in the group");
    wait_for("its end", || !first.is_alive());
    let named = format!("the file `process-id` in {}", scene.application.state_in("a").display());
    assert!(first.said(&named) > 0, "the sentence names the folder");
    scene.write(EVENTS.number);
    scene.until_committed();
    twin.finish();
    scene.check();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => copy(&entry.path(), &to),
            false => _ = std::fs::copy(entry.path(), to).expect("copied"),
        }
    }
}
