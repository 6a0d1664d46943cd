//! Topics that are read by a pattern and come and go while instances run, and topics that get more partitions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::by_hand::{Instance, log};
use super::scene::stop;
use super::wrapped_log::{Answer, Ask, Asking, GROUP_MEMBERS, TOPICS, Wrap, WrappedLog};
use crate::clock::ManualClock;
use crate::dsl::StreamsBuilder;
use crate::log::{Admin, Doorbell, Embedded, Log as _, LogError, LogErrorKind, Reply};
use crate::runtime::{App, AppState, Guarantee, Settings};
use crate::topic::{Topic, TopicPattern};
use crate::topology::Topology;

const MANY: TopicPattern<String, String> = TopicPattern::new("many-.*");
const OUT: Topic<String, String> = Topic::new("out");

fn many(name: &str) -> Topic<String, String> {
    Topic::named(format!("many-{name}")).expect("a name")
}

/// Copies everything.
fn copy() -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream(MANY).to(OUT);
    builder.build().expect("a topology")
}

/// A member with that name that looks for topics that often.
fn instance(name: &str, look_every: u64, guarantee: Guarantee, (log, clock): (&Embedded, &ManualClock)) -> Instance {
    Instance::start(app_of(copy(), name, look_every, guarantee), log.clone(), clock)
}

fn app_of(topology: Topology, name: &str, look_every: u64, guarantee: Guarantee) -> App {
    let settings = Settings {
        client_id: Some(name.to_owned()),
        guarantee: Some(guarantee),
        commit_interval: Some(Duration::from_millis(500)),
        metadata_max_age: Some(Duration::from_secs(look_every)),
        ..Settings::default()
    };
    App::new("app", topology).settings(settings)
}

/// Lets time pass while the instances keep running.
fn pass(instances: &mut [Instance], clock: &ManualClock, seconds: u64) {
    for _ in 0..seconds * 4 {
        clock.advance(Duration::from_millis(250));
        for _ in 0..10 {
            for instance in &mut *instances {
                instance.step_control();
                instance.step_worker();
            }
        }
    }
}

fn send(log: &Embedded, topic: &str, values: std::ops::Range<u32>) {
    for value in values {
        log.send(&many(topic), format!("{topic}{value}"), format!("{topic}{value}")).expect("sent");
    }
}

/// How often each value came out.
fn counts(log: &Embedded) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for record in log.read(&OUT).expect("readable") {
        *counts.entry(record.value).or_default() += 1;
    }
    counts
}

#[track_caller]
fn expect_once(log: &Embedded, values: &[(&str, std::ops::Range<u32>)], what: &str) {
    let values =
        values.iter().flat_map(|(topic, values)| values.clone().map(move |value| (format!("{topic}{value}"), 1)));
    assert_eq!(counts(log), values.collect(), "{what}");
}

#[test]
fn a_new_topic_is_read_when_it_is_time_to_look_and_nothing_is_repeated() {
    for guarantee in [Guarantee::AtLeastOnce, Guarantee::ExactlyOnce] {
        let (log, clock) = log();
        log.create_topic("many-a", 2).expect("a topic");
        let mut instances = [instance("a", 10, guarantee, (&log, &clock))];
        send(&log, "a", 0..20);
        pass(&mut instances, &clock, 5);
        log.create_topic("many-b", 3).expect("a topic");
        send(&log, "b", 0..20);
        send(&log, "a", 20..40);
        pass(&mut instances, &clock, 3);
        expect_once(&log, &[("a", 0..40)], "before it looks");
        pass(&mut instances, &clock, 5);
        expect_once(&log, &[("a", 0..40), ("b", 0..20)], &format!("{guarantee:?}"));
        assert_eq!(instances[0].running_tasks(), 3);
        assert_eq!((instances[0].state(), instances[0].error()), (AppState::Running, None));
        stop(&mut instances[0]);
    }
}

/// The second one would look much later. A wider topic decides who owns which task, so that two members that see
/// different topics would own the same tasks.
#[test]
fn members_that_see_different_topics_wait_until_they_see_the_same() {
    for guarantee in [Guarantee::AtLeastOnce, Guarantee::ExactlyOnce] {
        for (first, second) in [(4, 100_000), (100_000, 4)] {
            let (log, clock) = log();
            log.create_topic("many-a", 2).expect("a topic");
            send(&log, "a", 0..20);
            let of = (&log, &clock);
            let mut instances = [instance("a", first, guarantee, of), instance("b", second, guarantee, of)];
            pass(&mut instances, &clock, 3);
            log.create_topic("many-b", 5).expect("a topic");
            for round in 1..12 {
                send(&log, "a", round * 20..round * 20 + 20);
                send(&log, "b", round * 20..round * 20 + 20);
                pass(&mut instances, &clock, 2);
            }
            let what = format!("{guarantee:?}, {first} s, {second} s");
            expect_once(&log, &[("a", 0..240), ("b", 20..240)], &what);
            let tasks = instances.iter().map(Instance::running_tasks).collect::<Vec<_>>();
            assert!(tasks.iter().sum::<usize>() == 5 && !tasks.contains(&0), "{what}: {tasks:?}");
            for instance in &instances {
                assert_eq!((instance.state(), instance.error()), (AppState::Running, None), "{what}");
            }
        }
    }
}

/// Two topics are merged, and the one that grows decides from then on who owns which task. The second member cannot
/// look at topics for a while, so for that while nobody may process anything.
#[test]
fn members_that_see_different_partitions_wait_until_they_see_the_same() {
    let merged = || {
        let builder = StreamsBuilder::new();
        let [left, right] = ["a", "b"].map(|name| builder.stream(many(name)));
        left.merge(right).to(OUT);
        builder.build().expect("a topology")
    };
    for guarantee in [Guarantee::AtLeastOnce, Guarantee::ExactlyOnce] {
        let (log, clock) = log();
        for topic in ["many-a", "many-b"] {
            log.create_topic(topic, 2).expect("a topic");
        }
        let blind = Blind::to(TOPICS, LogErrorKind::Unavailable);
        let app = |name| app_of(merged(), name, 4, guarantee);
        let behind = WrappedLog { log: log.clone(), wrap: blind.clone() };
        let mut instances = [Instance::start(app("a"), log.clone(), &clock), Instance::start(app("b"), behind, &clock)];
        for round in 0..12 {
            if round == 2 {
                blind.set(true);
                log.add_partitions("many-b", 5).expect("grown");
            }
            if round == 6 {
                blind.set(false);
            }
            send(&log, "a", round * 20..round * 20 + 20);
            send(&log, "b", round * 20..round * 20 + 20);
            pass(&mut instances, &clock, 2);
        }
        expect_once(&log, &[("a", 0..240), ("b", 0..240)], &format!("{guarantee:?}"));
        let tasks = instances.iter().map(Instance::running_tasks).collect::<Vec<_>>();
        assert!(tasks.iter().sum::<usize>() == 5 && !tasks.contains(&0), "{guarantee:?}: {tasks:?}");
        for instance in &instances {
            assert_eq!((instance.state(), instance.error()), (AppState::Running, None), "{guarantee:?}");
        }
    }
}

/// Regression: what it was assigned was held back for ever, until it had seen that all others see the same topics.
#[test]
fn who_may_not_look_at_the_group_reads_topics_by_a_pattern_all_the_same() {
    let (log, clock) = log();
    log.create_topic("many-a", 2).expect("a topic");
    send(&log, "a", 0..20);
    let blind = Blind::to(GROUP_MEMBERS, LogErrorKind::Denied);
    blind.set(true);
    let behind = WrappedLog { log: log.clone(), wrap: blind };
    let app = app_of(copy(), "a", 4, Guarantee::AtLeastOnce);
    let mut instances = [Instance::start(app, behind, &clock)];
    pass(&mut instances, &clock, 2);
    expect_once(&log, &[("a", 0..20)], "it may not look");
}

/// While it is set, a question fails.
#[derive(Clone)]
struct Blind {
    question: &'static str,
    kind: LogErrorKind,
    is_set: Arc<AtomicBool>,
}

impl Blind {
    fn to(question: &'static str, kind: LogErrorKind) -> Self {
        Self { question, kind, is_set: Arc::default() }
    }

    fn set(&self, is_set: bool) {
        self.is_set.store(is_set, Ordering::SeqCst);
    }
}

struct Blinded(Arc<dyn Admin>, Blind);

impl Wrap for Blind {
    fn admin(&self, admin: Arc<dyn Admin>, _doorbell: Doorbell) -> Arc<dyn Admin> {
        Arc::new(Asking(Blinded(admin, self.clone())))
    }
}

impl Ask for Blinded {
    fn ask<T: Send + 'static>(
        &self,
        what: &'static str,
        question: impl FnOnce(&dyn Admin) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        match self.1.is_set.load(Ordering::SeqCst) {
            true if what == self.1.question => Reply::ready(Err(LogError::new(self.1.kind, "nobody may look"))),
            _ => question(&*self.0),
        }
    }
}

#[test]
fn an_instance_whose_topics_are_gone_goes_on_with_the_others() {
    let (log, clock) = log();
    for topic in ["many-a", "many-b"] {
        log.create_topic(topic, 1).expect("a topic");
    }
    let mut instances = [instance("a", 4, Guarantee::AtLeastOnce, (&log, &clock))];
    send(&log, "a", 0..5);
    send(&log, "b", 0..5);
    pass(&mut instances, &clock, 2);
    let delete = |topic: &str| {
        let deleted = log.admin(Doorbell::new()).expect("an admin").delete_topics(vec![topic.to_owned()]).wait();
        assert_eq!(deleted, Some(Ok(vec![Ok(())])));
    };
    delete("many-b");
    pass(&mut instances, &clock, 15);
    send(&log, "a", 5..10);
    pass(&mut instances, &clock, 2);
    expect_once(&log, &[("a", 0..10), ("b", 0..5)], "one is gone");
    delete("many-a");
    pass(&mut instances, &clock, 15);
    assert_eq!((instances[0].state(), instances[0].running_tasks()), (AppState::Running, 0), "nothing is left to read");
    log.create_topic("many-c", 1).expect("a topic");
    send(&log, "c", 0..5);
    pass(&mut instances, &clock, 8);
    expect_once(&log, &[("a", 0..10), ("b", 0..5), ("c", 0..5)], "another came");
    assert_eq!(instances[0].error(), None);
    stop(&mut instances[0]);
}

#[test]
fn an_instance_stops_also_while_it_waits_for_a_topic() {
    let (log, clock) = log();
    let mut instances = [instance("a", 4, Guarantee::AtLeastOnce, (&log, &clock))];
    pass(&mut instances, &clock, 2);
    assert_eq!(instances[0].state(), AppState::Running);
    stop(&mut instances[0]);
}

/// Regression: its changelog and its repartition topic were to be created without a partition, or with one.
#[test]
fn topics_behind_a_pattern_are_created_once_something_matches() {
    let builder = StreamsBuilder::new();
    builder.stream(Topic::<String, String>::new("other")).to(OUT);
    let counts = builder.stream(MANY).group_by(|_, value| value.len().to_string()).named("by-length").count();
    counts.to_stream().map_values(|count| format!("{count:?}")).to(OUT);
    let topology = builder.build().expect("a topology");
    let (log, clock) = log();
    log.create_topic("other", 1).expect("a topic");
    let settings = Settings { cache_bytes: 0, ..Settings::default() };
    let app = App::new("app", topology).settings(settings).at_least_once();
    let mut instances = [Instance::start(app, log.clone(), &clock)];
    pass(&mut instances, &clock, 2);
    let internal = || {
        let found =
            log.admin(Doorbell::new()).expect("an admin").topics(None).wait().expect("an answer").expect("topics");
        let internal = found.into_iter().filter(|topic| topic.name.starts_with("app-"));
        internal.map(|topic| topic.partitions).collect::<Vec<_>>()
    };
    assert_eq!((instances[0].running_tasks(), internal()), (1, vec![]));
    log.create_topic("many-a", 3).expect("a topic");
    send(&log, "a", 0..5);
    pass(&mut instances, &clock, 3);
    assert_eq!((instances[0].running_tasks(), internal()), (7, vec![3, 3]), "a changelog and a repartition topic");
    assert_eq!(counts_of(&log), (1..=5).map(|count| format!("Some({count})")).collect::<Vec<_>>());
}

fn counts_of(log: &Embedded) -> Vec<String> {
    log.read(&OUT).expect("readable").into_iter().map(|record| record.value).collect()
}
