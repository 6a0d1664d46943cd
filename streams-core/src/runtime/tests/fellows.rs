//! Tests of different programs with the same application id.

use std::sync::Arc;
use std::time::Duration;

use super::by_hand::{Instance, log};
use super::said::said;
use super::wrapped_log::{Answer, Ask, Asking, GROUP_MEMBERS, Wrap, WrappedLog};
use crate::clock::ManualClock;
use crate::dsl::StreamsBuilder;
use crate::log::{Admin, Doorbell, Embedded, GroupPlan, Log as _, LogError, LogErrorKind, MemberOptions, Reply};
use crate::runtime::{App, AppError, AppState};
use crate::state::KeyValueStore;
use crate::testing::KeptState;
use crate::topic::Topic;
use crate::topology::Topology;

const COUNTS: Topic<String, i64> = Topic::new("counts");
const STORE: KeyValueStore<String, i64> = KeyValueStore::new("counted");

/// Counts a topic's records by key, in a store of the same name whatever the topic.
fn count(topic: &'static str) -> Topology {
    let builder = StreamsBuilder::new();
    let records = builder.stream(Topic::<String, String>::new(topic));
    records.group_by_key().count().stored_as(STORE).to_stream().to(COUNTS);
    builder.build().expect("a topology")
}

fn app(topic: &'static str) -> App {
    App::new("counter", count(topic)).at_least_once().cache_bytes(0)
}

/// The two topics that the programs count, starting with that of the smaller hash.
fn by_hash() -> [&'static str; 2] {
    let mut topics = ["a", "b"];
    topics.sort_by_key(|topic| count(topic).fingerprint().hash());
    topics
}

fn hash(topic: &'static str) -> u64 {
    count(topic).fingerprint().hash()
}

fn world() -> (Embedded, ManualClock) {
    let (log, clock) = log();
    for topic in ["a", "b"] {
        log.create_topic(topic, 1).expect("a topic");
    }
    (log, clock)
}

fn send(log: &Embedded, topic: &'static str, records: usize) {
    for _ in 0..records {
        log.send(&Topic::<String, String>::new(topic), "key", "value").expect("sent");
    }
}

fn counts(log: &Embedded) -> Vec<i64> {
    log.read(&COUNTS).expect("readable").into_iter().map(|record| record.value).collect()
}

/// Steps all instances in turn, often enough to do everything there is to do.
fn settle(instances: &mut [&mut Instance]) {
    for _ in 0..300 {
        for instance in instances.iter_mut() {
            instance.step_control();
            instance.step_worker();
        }
    }
}

/// Whether the instance has left because of a program that counts `other`.
fn has_left(instance: &Instance, other: &'static str) -> bool {
    let is_about_it = |error| matches!(error, AppError::OtherTopology { theirs, .. } if theirs == hash(other));
    instance.state() == AppState::Error && instance.error().is_some_and(is_about_it)
}

/// Regression: both wrote to one changelog and read each other's rows. 5 records, 10 of the other's, and then one
/// more were counted as 5, 15, 16.
#[test]
fn a_program_with_another_topology_leaves_and_the_running_one_goes_on() {
    let (log, clock) = world();
    let mut old = Instance::start(app("a"), log.clone(), &clock);
    send(&log, "a", 5);
    settle(&mut [&mut old]);
    send(&log, "b", 10);
    let mut new = Instance::start(app("b"), log.clone(), &clock);
    settle(&mut [&mut old, &mut new]);
    send(&log, "a", 1);
    settle(&mut [&mut old, &mut new]);
    assert_eq!(counts(&log), [1, 2, 3, 4, 5, 6]);
    assert_eq!((old.state(), old.error()), (AppState::Running, None));
    assert!(has_left(&new, "a"), "{:?}", new.error());
    let error = new.error().expect("an error").to_string();
    let [old, new] = ["a", "b"].map(|topic| format!("{:016x}", hash(topic)));
    for part in [&*old, &*new, "application id counter", "member counter-", "another `application.id`"] {
        assert!(error.contains(part), "{part:?} in {error}");
    }
}

/// Both look at the group before either joins, and notice each other with their first assignments.
#[test]
fn of_programs_that_start_at_once_the_one_with_the_smaller_hash_stays() {
    let [small, large] = by_hash();
    for order in [[small, large], [large, small]] {
        let (log, clock) = world();
        send(&log, small, 3);
        send(&log, large, 4);
        let [(mut first, one), (mut second, two)] = order.map(|topic| {
            let door = Door::open();
            (Instance::start(app(topic), WrappedLog { log: log.clone(), wrap: door.clone() }, &clock), door)
        });
        for (instance, door) in [(&mut first, &one), (&mut second, &two)] {
            instance.step_control();
            door.set(Err(LogErrorKind::Unavailable));
        }
        settle(&mut [&mut first, &mut second]);
        assert_eq!(counts(&log), Vec::<i64>::new(), "nobody knows yet who may work");
        one.set(Ok(()));
        two.set(Ok(()));
        for _ in 0..3 {
            clock.advance(Duration::from_secs(1));
            settle(&mut [&mut first, &mut second]);
        }
        let (stays, leaves) = if order == [small, large] { (first, second) } else { (second, first) };
        assert_eq!((stays.state(), stays.error()), (AppState::Running, None), "{order:?}");
        assert!(has_left(&leaves, small), "{order:?}: {:?}", leaves.error());
        assert_eq!(counts(&log), [1, 2, 3], "{order:?}");
    }
}

/// The newcomer looked at the group too early, and its smaller hash does not help it, because the other one is
/// already working.
#[test]
fn who_comes_late_gives_way_to_who_works_whatever_the_hashes() {
    let [small, large] = by_hash();
    let (log, clock) = world();
    let mut late = Instance::start(app(small), log.clone(), &clock);
    late.step_control();
    let mut old = Instance::start(app(large), log.clone(), &clock);
    send(&log, large, 2);
    settle(&mut [&mut old]);
    send(&log, small, 7);
    settle(&mut [&mut old, &mut late]);
    assert_eq!(late.error(), None, "the other one might be a newcomer too, and leave");
    clock.advance(Duration::from_secs(10));
    send(&log, large, 1);
    settle(&mut [&mut old, &mut late]);
    assert!(has_left(&late, large), "{:?}", late.error());
    assert_eq!((old.state(), counts(&log)), (AppState::Running, vec![1, 2, 3]));
}

#[test]
fn who_was_away_beyond_its_session_is_a_newcomer_again() {
    let [small, large] = by_hash();
    for [old, new] in [[small, large], [large, small]] {
        let (log, clock) = world();
        let mut away = Instance::start(app(old), log.clone(), &clock);
        send(&log, old, 2);
        settle(&mut [&mut away]);
        clock.advance(Duration::from_secs(60));
        let mut running = Instance::start(app(new), log.clone(), &clock);
        settle(&mut [&mut running]);
        send(&log, old, 5);
        for _ in 0..3 {
            settle(&mut [&mut running, &mut away]);
            clock.advance(Duration::from_secs(10));
        }
        assert!(has_left(&away, new), "{:?}", away.error());
        assert_eq!((running.state(), running.error(), counts(&log)), (AppState::Running, None, vec![1, 2]));
    }
}

/// Regression: it waited without a word.
#[test]
fn who_cannot_look_the_group_up_says_once_that_records_wait() {
    let (log, clock) = world();
    send(&log, "a", 3);
    let door = Door::open();
    let mut instance = Instance::start(app("a"), WrappedLog { log: log.clone(), wrap: door.clone() }, &clock);
    instance.step_control();
    door.set(Err(LogErrorKind::Unavailable));
    let run = said(|| {
        for _ in 0..30 {
            settle(&mut [&mut instance]);
            clock.advance(Duration::from_secs(1));
        }
    });
    let told: Vec<_> = run.lines().filter(|line| line.contains("cannot be looked up")).collect();
    assert!(told.len() == 1 && told[0].contains("the members of group counter cannot be looked up, for 10 s"), "{run}");
    assert_eq!(counts(&log), Vec::<i64>::new());
    door.set(Ok(()));
    settle(&mut [&mut instance]);
    assert_eq!((instance.error(), counts(&log)), (None, vec![1, 2, 3]));
}

/// The group still lists the killed process, which had another topology.
#[test]
fn a_new_version_on_kept_state_is_told_what_changed() {
    let (log, clock) = world();
    let folder = tempfile::tempdir().expect("a folder");
    let state = KeptState::default();
    let kept = |topic| app(topic).state_in(state.clone()).state_dir(folder.path());
    let mut old = Instance::start(kept("a"), log.clone(), &clock);
    settle(&mut [&mut old]);
    drop(old);
    let mut runs = Vec::new();
    for topic in ["b", "b"] {
        runs.push(said(|| {
            let mut new = Instance::start(kept(topic), log.clone(), &clock);
            settle(&mut [&mut new]);
            clock.advance(Duration::from_secs(60));
            settle(&mut [&mut new]);
            assert_eq!((new.state(), new.error()), (AppState::Running, None));
        }));
    }
    let source = |topic: &str| {
        format!(
            "[source KSTREAM-SOURCE-0000000000: sub-topology 0, successors KSTREAM-AGGREGATE-0000000001, topics {topic}]"
        )
    };
    let changes = format!("new: {}; gone: {}", source("b"), source("a"));
    let warnings = |run: &str| run.lines().filter(|line| line.contains("WARN") && line.contains("topology")).count();
    assert!(runs[0].contains(&changes) && warnings(&runs[0]) == 1, "{}", runs[0]);
    assert_eq!(warnings(&runs[1]), 0, "{}", runs[1]);
}

/// The folder of an old version tells how the program that is still running elsewhere differs.
#[test]
fn who_leaves_is_told_what_is_different_if_its_folder_knows() {
    let (log, clock) = world();
    let folder = tempfile::tempdir().expect("a folder");
    let state = KeptState::default();
    let kept = |topic| app(topic).state_in(state.clone()).state_dir(folder.path());
    let mut elsewhere = Instance::start(app("a"), log.clone(), &clock);
    let mut here = Instance::start(kept("a"), log.clone(), &clock);
    settle(&mut [&mut elsewhere, &mut here]);
    drop(here);
    clock.advance(Duration::from_secs(44));
    elsewhere.settle();
    clock.advance(Duration::from_secs(44));
    elsewhere.settle();
    let mut new = Instance::start(kept("b"), log.clone(), &clock);
    settle(&mut [&mut elsewhere, &mut new]);
    let error = new.error().expect("an error").to_string();
    assert!(error.contains(", topics b]; gone: [") && error.contains(", topics a])"), "{error}");
    assert_eq!(elsewhere.state(), AppState::Running);
}

#[test]
fn who_may_not_look_at_the_group_says_so_once_and_goes_on() {
    let (log, clock) = world();
    send(&log, "a", 2);
    let door = Door::open();
    door.set(Err(LogErrorKind::Denied));
    let said = said(|| {
        let mut instance = Instance::start(app("a"), WrappedLog { log: log.clone(), wrap: door.clone() }, &clock);
        instance.settle();
        // Another assignment makes the members look again.
        log.create_topic("elsewhere", 1).expect("a topic");
        let mut other = Instance::start(app("a"), WrappedLog { log: log.clone(), wrap: door.clone() }, &clock);
        settle(&mut [&mut instance, &mut other]);
        assert_eq!((instance.state(), other.state()), (AppState::Running, AppState::Running));
    });
    assert_eq!(counts(&log), [1, 2]);
    let warnings: Vec<_> = said.lines().filter(|line| line.contains("cannot be looked up")).collect();
    assert_eq!(warnings.len(), 2, "one of each instance: {said}");
    assert!(warnings[0].contains("nobody may look") && warnings[0].contains("`Describe`"), "{said}");
}

#[test]
fn a_member_that_does_not_say_what_it_runs_is_told_of_and_left_alone() {
    let (log, clock) = world();
    let options = MemberOptions {
        group: "counter".to_owned(),
        client_id: "an-older-version".to_owned(),
        instance_id: None,
        plan: GroupPlan::default(),
        session_timeout: Duration::from_secs(60),
        rebalance_timeout: Duration::from_secs(60),
    };
    let mut member = log.member(options, Doorbell::new()).expect("a member");
    assert_eq!(member.poll().map(|event| matches!(event, crate::log::MemberEvent::Assigned { .. })), Some(true));
    let said = said(|| {
        let mut instance = Instance::start(app("a"), log.clone(), &clock);
        for _ in 0..3 {
            instance.settle();
            if let Some(crate::log::MemberEvent::Revoked { .. }) = member.poll() {
                member.acknowledge_revoked();
            }
        }
        assert_eq!((instance.state(), instance.error()), (AppState::Running, None));
    });
    let warnings = said.lines().filter(|line| line.contains("does not say which topology")).count();
    assert!(warnings == 1 && said.contains("an-older-version-"), "{said}");
}

/// Lets the group's members be listed while it is open.
#[derive(Clone)]
struct Door(Arc<std::sync::Mutex<Result<(), LogErrorKind>>>);

impl Door {
    fn open() -> Self {
        Self(Arc::new(std::sync::Mutex::new(Ok(()))))
    }

    fn set(&self, state: Result<(), LogErrorKind>) {
        *self.0.lock().expect("lock") = state;
    }
}

struct Guarded {
    admin: Arc<dyn Admin>,
    door: Door,
}

impl Wrap for Door {
    fn admin(&self, admin: Arc<dyn Admin>, _doorbell: Doorbell) -> Arc<dyn Admin> {
        Arc::new(Asking(Guarded { admin, door: self.clone() }))
    }
}

impl Ask for Guarded {
    fn ask<T: Send + 'static>(
        &self,
        what: &'static str,
        question: impl FnOnce(&dyn Admin) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        match *self.door.0.lock().expect("lock") {
            Err(kind) if what == GROUP_MEMBERS => Reply::ready(Err(LogError::new(kind, "nobody may look"))),
            _ => question(&*self.admin),
        }
    }
}
