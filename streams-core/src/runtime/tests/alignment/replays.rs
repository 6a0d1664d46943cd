//! Replays of a backlog through a repartition topic, into windows with a short grace.
//!
//! The partitions of the input are out of step: the same time takes ten times as many records in one of them as in
//! another, so that a task that goes as fast as it can is far ahead of the others. Aligned, no record is late, and the
//! counts are those of the whole input, whatever the number of workers and instances.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::clock::ManualClock;
use crate::dsl::StreamsBuilder;
use crate::log::{Doorbell, Embedded, Isolation, Log as _};
use crate::operators::DropReason;
use crate::record::{Timestamp, TopicPartition};
use crate::runtime::tests::by_hand::{Instance, log};
use crate::runtime::{App, Guarantee, Settings, TaskMetrics};
use crate::topic::Topic;
use crate::topology::Topology;
use crate::windows::{Tumbling, Windowed};

pub(super) const EVENTS: Topic<i32, String> = Topic::new("events");
pub(super) const WINDOW_MS: i64 = 1_000;
pub(super) const WINDOW: Duration = Duration::from_millis(1_000);
pub(super) const COUNTS: Topic<Windowed<String>, i64> = Topic::new("counts").windows_of(WINDOW);

/// The bound, which is also the windows' grace.
pub(super) const BOUND: Duration = Duration::from_millis(500);
pub(super) const PARTITIONS: u32 = 4;

pub(super) fn counting() -> Topology {
    let builder = StreamsBuilder::new();
    let words = builder.stream(EVENTS).group_by(|_, word| word.clone());
    words.windowed_by(Tumbling::of(WINDOW).grace(BOUND)).count().to_stream().to(COUNTS);
    builder.build().expect("a topology")
}

/// A record of the input: its partition, word and time.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) partition: i32,
    pub(super) word: String,
    pub(super) time: i64,
}

impl Event {
    pub(super) fn new(partition: i32, word: &str, time: i64) -> Self {
        Self { partition, word: word.to_owned(), time }
    }
}

/// A minute of each of these partitions, whose records are so many milliseconds apart.
pub(super) fn minute(apart: &[(i32, usize)]) -> Vec<Event> {
    let of_partition = |(partition, apart): &(i32, usize)| {
        let partition = *partition;
        let event = move |time: usize| Event { partition, word: format!("w{}", time / 7 % 5), time: time as i64 };
        (0..60_000).step_by(*apart).map(event).collect::<Vec<_>>()
    };
    apart.iter().flat_map(of_partition).collect()
}

fn out_of_step() -> Vec<Event> {
    minute(&[(0, 10), (1, 20), (2, 50), (3, 100)])
}

fn key_in(partition: i32) -> i32 {
    let partition_of = |key: i32| crate::wire::murmur2::partition_of(&key.to_be_bytes(), PARTITIONS).0;
    (0..1_000).find(|key| partition_of(*key) == partition).expect("some key is there")
}

/// Some instances on one log.
pub(super) struct Replay {
    pub(super) log: Embedded,
    pub(super) clock: ManualClock,
    pub(super) settings: Settings,
    topology: Topology,
    sent: Vec<Event>,
}

impl Replay {
    pub(super) fn of(events: &[Event], settings: Settings) -> Self {
        Self::with(counting(), events, settings)
    }

    pub(super) fn with(topology: Topology, events: &[Event], settings: Settings) -> Self {
        let (log, clock) = log();
        for topic in ["events", "counts"] {
            log.create_topic(topic, PARTITIONS).expect("a topic");
        }
        let mut replay = Self { log, clock, settings, topology, sent: Vec::new() };
        replay.send(events);
        replay
    }

    pub(super) fn send(&mut self, events: &[Event]) {
        for event in events {
            let Event { partition, word, time } = event;
            self.log.send_at(&EVENTS, key_in(*partition), word.as_str(), Timestamp(*time)).expect("sent");
        }
        self.sent.extend_from_slice(events);
    }

    pub(super) fn instance(&self, name: &str) -> Instance {
        let settings = Settings { client_id: Some(name.to_owned()), ..self.settings.clone() };
        let app = App::new("app", self.topology.clone()).settings(settings);
        Instance::start(app, self.log.clone(), &self.clock)
    }

    pub(super) fn instances(&self, count: usize) -> Vec<Instance> {
        ["one", "two", "three"].iter().take(count).map(|name| self.instance(name)).collect()
    }

    /// Stops one instance in good order.
    pub(super) fn stop(&self, instances: &mut Vec<Instance>, number: usize) {
        instances[number].status.stop.store(true, Ordering::SeqCst);
        for _ in 0..10_000 {
            if instances[number].state().is_final() {
                assert_eq!(instances.remove(number).error(), None);
                return;
            }
            self.step(instances);
        }
        panic!("it does not stop");
    }

    /// Lets the instances do what they have to, in turn, until everything is processed.
    pub(super) fn run(&self, instances: &mut [Instance]) {
        for round in 0.. {
            if self.is_done(instances) {
                return;
            }
            assert!(round < 20_000, "somebody waits for ever: {}", self.state(instances));
            self.step(instances);
        }
    }

    /// A hundredth of a second of each instance. One is ten times as quick as another.
    pub(super) fn step(&self, instances: &mut [Instance]) {
        for (number, instance) in instances.iter_mut().enumerate() {
            for _ in 0..[10, 1, 3].get(number).copied().unwrap_or(1) {
                instance.step_control();
                instance.step_worker();
            }
        }
        self.clock.advance(Duration::from_millis(10));
    }

    /// Whether everything is processed and committed, of the input and of the repartition topic.
    pub(super) fn is_done(&self, instances: &[Instance]) -> bool {
        let admin = self.log.admin(Doorbell::new()).expect("an admin client");
        let topics = admin.topics(None).wait().expect("an answer").expect("topics");
        let is_input = |name: &str| name == "events" || name.ends_with("-repartition");
        let inputs: Vec<_> = topics
            .iter()
            .filter(|topic| is_input(&topic.name))
            .flat_map(|topic| {
                (0..topic.partitions.cast_signed()).map(|number| TopicPartition::new(&*topic.name, number))
            })
            .collect();
        let ends = admin.end_offsets(inputs.clone(), Isolation::ReadUncommitted).wait();
        let ends = ends.expect("an answer").expect("offsets");
        let tasks: Vec<_> =
            instances.iter().flat_map(|instance| instance.status.metrics.snapshot().into_values()).collect();
        let position = |input| tasks.iter().filter_map(|task| task.positions.get(input)).max().copied();
        inputs.len() > PARTITIONS as usize
            && inputs.iter().zip(ends).all(|(input, end)| position(input) >= Some(end))
            && tasks.iter().all(|task| task.uncommitted == 0)
    }

    /// The last count of each word and window.
    pub(super) fn counted(&self) -> BTreeMap<(String, i64), i64> {
        let counts = self.log.read(&COUNTS).expect("readable").into_iter();
        counts.map(|record| ((record.key.key, record.key.window.start.0), record.value)).collect()
    }

    /// The counts of the whole input.
    pub(super) fn expected(&self) -> BTreeMap<(String, i64), i64> {
        let mut counts = BTreeMap::new();
        for Event { word, time, .. } in &self.sent {
            *counts.entry((word.clone(), time / WINDOW_MS * WINDOW_MS)).or_default() += 1;
        }
        counts
    }

    /// The number of records of the input.
    pub(super) fn all(&self) -> i64 {
        i64::try_from(self.sent.len()).expect("few")
    }

    /// How many records were too late, as the instances count them.
    pub(super) fn late(&self, instances: &[Instance]) -> u64 {
        instances.iter().map(|instance| late(instance.status.metrics.snapshot().values())).sum()
    }

    fn state(&self, instances: &[Instance]) -> String {
        let counted = self.counted().values().sum::<i64>();
        let tasks: Vec<_> = instances.iter().map(|instance| instance.status.metrics.snapshot()).collect();
        format!("{counted} of {} are counted; {tasks:#?}", self.sent.len())
    }
}

/// How many records were too late for these tasks.
pub(super) fn late<'a>(tasks: impl Iterator<Item = &'a TaskMetrics>) -> u64 {
    tasks.filter_map(|task| task.dropped.get(DropReason::Late.label()).copied()).sum()
}

pub(super) fn settings(guarantee: Guarantee, workers: usize, is_aligned: bool) -> Settings {
    let event_time_alignment = is_aligned.then_some(BOUND);
    let commit_interval = Some(Duration::from_millis(100));
    Settings { guarantee: Some(guarantee), workers, event_time_alignment, commit_interval, ..Settings::default() }
}

pub(super) const GUARANTEES: [Guarantee; 2] = [Guarantee::ExactlyOnce, Guarantee::AtLeastOnce];

#[test]
fn a_replay_loses_nothing_in_one_process() {
    for (guarantee, workers) in
        GUARANTEES.into_iter().flat_map(|guarantee| [1, 2, 4].map(|workers| (guarantee, workers)))
    {
        let replay = Replay::of(&out_of_step(), settings(guarantee, workers, true));
        let mut instances = [replay.instance("one")];
        replay.run(&mut instances);
        assert_eq!(replay.late(&instances), 0, "{guarantee:?}, {workers} workers");
        assert_eq!(replay.counted(), replay.expected(), "{guarantee:?}, {workers} workers");
    }
}

#[test]
fn a_replay_loses_nothing_in_three_instances() {
    for guarantee in GUARANTEES {
        let replay = Replay::of(&out_of_step(), settings(guarantee, 1, true));
        let mut instances = ["one", "two", "three"].map(|name| replay.instance(name));
        replay.run(&mut instances);
        assert_eq!(replay.late(&instances), 0, "{guarantee:?}");
        assert_eq!(replay.counted(), replay.expected(), "{guarantee:?}");
    }
}

/// Otherwise the tests above would show nothing.
#[test]
fn a_replay_loses_most_records_without_alignment() {
    for (guarantee, names) in GUARANTEES.into_iter().flat_map(|guarantee| [1, 3].map(|count| (guarantee, count))) {
        let replay = Replay::of(&out_of_step(), settings(guarantee, 1, false));
        let mut instances = replay.instances(names);
        replay.run(&mut instances);
        let (late, all) = (replay.late(&instances), replay.sent.len() as u64);
        assert!(late > all / 3, "{guarantee:?}, {names} instances: {late} of {all} are late");
    }
}
