//! The test driver: the production worker on an in-memory log, with a clock that moves only when told to.
//!
//! A test pipes records in, reads the output and looks into stores, without threads, brokers or waiting. The driver
//! does not process records itself: it steps production's control and worker until they have nothing left to do.

use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::clock::{Clock as _, ManualClock, SharedClock};
use crate::executor::{SharedExecutor, Stepped};
use crate::log::Embedded;
use crate::query::first_and_last;
use crate::record::{Headers, Offset, Record, TaskId, Timestamp, TopicPartition};
use crate::runtime::{
    App, AppError, AppState, Control, ControlTurn, Status, TaskMetrics, Turn, Worker, external_topics, patterns,
};
use crate::state::{KeyValueStore, SessionStore, StateBackend, VersionedStore, WindowStore};
use crate::topic::Topic;
use crate::topology::{Node, NodeKind, Topology};
use crate::windows::{Session, Window};
use crate::wire::{Field, IntoField, Key, Value};

use super::rows::{Share, StoreRows};

/// After this many rounds the application is assumed to be in an endless loop.
const ROUNDS_MAX: usize = 100_000;

/// After this long the group has noticed that a member is dead, and assigns its tasks to the next one.
const DEAD_AFTER: Duration = Duration::from_secs(60);

const MILLISECOND: Duration = Duration::from_millis(1);

const APPLICATION_ID: &str = "test";

/// Runs a topology for a test. (To compare topologies with Kafka Streams record by record, there is
/// [`TopologyTestDriver`](super::TopologyTestDriver).)
///
/// By default each input topic has one partition, caches have [`App`]'s default size, and each piped record is
/// followed by a commit, which flushes them. As with Kafka Streams' driver, all that one record does to a row thus
/// appears as a single update. [`TestDriver::configure`] changes this: without a cache every single update is
/// visible, and with commits by hand updates are held back for longer, as in production.
///
/// The guarantee is at-least-once, as with Kafka Streams' driver, unless [`Setup::with`] chooses another: what the
/// application sends can be read at once. Under exactly-once it can be read only after a commit.
///
/// ```
/// use millstream::prelude::*;
/// use millstream::testing::TestDriver;
///
/// const VIEWS: Topic<String, String> = Topic::new("views");
/// const COUNTS: Topic<String, i64> = Topic::new("counts");
/// const STORE: KeyValueStore<String, i64> = KeyValueStore::new("views-per-user");
///
/// let builder = StreamsBuilder::new();
/// builder.stream(VIEWS).group_by_key().count().stored_as(STORE).to_stream().to(COUNTS);
///
/// let mut driver = TestDriver::new(builder.build()?);
/// driver.pipe(&VIEWS, "ada", "/cart");
/// driver.pipe(&VIEWS, "ada", "/checkout");
/// assert_eq!(driver.read(&COUNTS), [("ada".to_owned(), 1), ("ada".to_owned(), 2)]);
///
/// driver.kill(); // as a crash would
/// driver.restart();
/// assert_eq!(driver.get(&STORE, "ada"), Some(2));
/// # Ok::<_, TopologyError>(())
/// ```
///
/// # Panics
/// If the application fails, the methods panic with its error, which fails the test.
pub struct TestDriver {
    setup: Setup,
    log: Embedded,
    clock: ManualClock,
    /// Runs the handlers of all instances.
    executor: SharedExecutor,
    instance: Option<Instance>,
    /// More instances of the same application.
    others: Vec<Instance>,
    /// Whether the last instance was killed, so that the group still has its member.
    has_dead_member: bool,
    read_up_to: BTreeMap<TopicPartition, Offset>,
}

/// How a [`TestDriver`] runs a topology.
pub struct Setup {
    topology: Topology,
    partitions: u32,
    start: Timestamp,
    commit_each_record: bool,
    app: Box<dyn Fn(App) -> App>,
}

struct Instance {
    control: Control,
    workers: Vec<Worker>,
    status: Arc<Status>,
}

impl Setup {
    /// Sets the number of partitions of each of the user's topics.
    #[must_use]
    pub fn partitions(mut self, partitions: u32) -> Self {
        self.partitions = partitions;
        self
    }

    /// Sets the clock's initial time, which is 0 by default.
    #[must_use]
    pub fn start_at(mut self, start: Timestamp) -> Self {
        self.start = start;
        self
    }

    /// Commits, which flushes the caches, only when [`TestDriver::commit`] is called or time passes, rather than
    /// after each piped record.
    #[must_use]
    pub const fn commit_by_hand(mut self) -> Self {
        self.commit_each_record = false;
        self
    }

    /// Holds updates back in caches of `bytes` bytes until a commit [by hand](Setup::commit_by_hand); with 0 there
    /// are no caches.
    #[must_use]
    pub fn caching(self, bytes: usize) -> Self {
        self.commit_by_hand().with(move |app| app.cache_bytes(bytes))
    }

    /// Changes anything else about the application: workers, guarantee, state. `with(|app| app.cache_bytes(0))` makes
    /// every single update of a row visible.
    #[must_use]
    pub fn with(mut self, change: impl Fn(App) -> App + 'static) -> Self {
        let before = self.app;
        self.app = Box::new(move |app| change(before(app)));
        self
    }

    /// Keeps state in another backend, which survives [`TestDriver::kill`] if it is persistent.
    #[must_use]
    pub fn state_in(self, backend: impl StateBackend + Clone) -> Self {
        self.with(move |app| app.state_in(backend.clone()))
    }

    /// Starts the application.
    #[must_use]
    #[track_caller]
    pub fn start(self) -> TestDriver {
        let clock = ManualClock::at(self.start);
        let log = Embedded::with_clock(Arc::new(clock.clone()));
        let topics = external_topics(&self.topology);
        for topic in topics.sources.union(&topics.sinks) {
            succeed(log.create_topic(topic, self.partitions));
        }
        let read_up_to = BTreeMap::new();
        let executor = Arc::new(Stepped::new(Arc::new(clock.clone())));
        let mut driver = TestDriver {
            setup: self,
            log,
            clock,
            executor,
            instance: None,
            others: Vec::new(),
            has_dead_member: false,
            read_up_to,
        };
        driver.begin();
        driver
    }
}

impl TestDriver {
    /// Starts a topology with the defaults.
    #[must_use]
    #[track_caller]
    pub fn new(topology: Topology) -> Self {
        Self::configure(topology).start()
    }

    /// Starts configuring how to run a topology.
    #[must_use]
    pub fn configure(topology: Topology) -> Setup {
        Setup { topology, partitions: 1, start: Timestamp(0), commit_each_record: true, app: Box::new(|app| app) }
    }

    /// Writes a record with the clock's time as its timestamp and lets the application process it.
    #[doc(alias("pipe_input", "TestInputTopic"))]
    #[track_caller]
    pub fn pipe<K: Field, V: Field>(&mut self, topic: &Topic<K, V>, key: impl IntoField<K>, value: impl IntoField<V>) {
        let now = self.clock.now();
        self.pipe_at(topic, key, value, now);
    }

    /// Writes a record with the given timestamp and lets the application process it.
    #[track_caller]
    pub fn pipe_at<K: Field, V: Field>(
        &mut self,
        topic: &Topic<K, V>,
        key: impl IntoField<K>,
        value: impl IntoField<V>,
        timestamp: Timestamp,
    ) {
        self.pipe_record(
            topic,
            Record { key: key.into_field(), value: value.into_field(), timestamp, headers: Headers::new() },
        );
    }

    /// Writes a record and lets the application process it. Its key chooses the partition; records without a
    /// key go to the partitions in turn.
    #[track_caller]
    pub fn pipe_record<K: Field, V: Field>(&mut self, topic: &Topic<K, V>, record: Record<K, V>) {
        self.create_matching(topic.name());
        succeed(self.log.send_record(topic, &record));
        self.run();
    }

    /// Creates a topic that matches a pattern of the topology with its first record, and lets the application notice.
    #[track_caller]
    fn create_matching(&mut self, topic: &str) {
        if patterns(&self.setup.topology).any(|pattern| pattern.matcher()(topic)) && !self.log.has_topic(topic) {
            succeed(self.log.create_topic(topic, self.setup.partitions));
            self.instances().for_each(|instance| instance.control.look_for_topics());
            self.settle();
        }
        if !self.log.has_topic(topic) {
            let named = external_topics(&self.setup.topology).sources.into_iter().map(|name| format!("`{name}`"));
            let matching = patterns(&self.setup.topology).map(|pattern| format!("what matches `{}`", pattern.text()));
            let read = named.chain(matching).collect::<Vec<_>>().join(", ");
            fail(&format!("the topology does not read `{topic}`, and there is no such topic; it reads {read}"));
        }
    }

    /// Lets the application process records that were written to the log directly.
    #[track_caller]
    pub fn run(&mut self) {
        self.settle();
        if self.setup.commit_each_record {
            self.commit();
        }
    }

    /// The keys and values written to a topic since the last call, partition by partition.
    #[doc(alias("read_key_value", "read_key_values_to_list", "TestOutputTopic"))]
    #[track_caller]
    pub fn read<K: Field, V: Field>(&mut self, topic: &Topic<K, V>) -> Vec<(K, V)> {
        self.read_records(topic).into_iter().map(|record| (record.key, record.value)).collect()
    }

    /// The records written to a topic since the last call, partition by partition.
    #[doc(alias("read_record", "read_records_to_list"))]
    #[track_caller]
    pub fn read_records<K: Field, V: Field>(&mut self, topic: &Topic<K, V>) -> Vec<Record<K, V>> {
        if self.may_be_chosen_later(topic.name()) {
            return Vec::new();
        }
        succeed(self.log.read_on(topic, &mut self.read_up_to))
    }

    /// Whether a topic does not exist yet because no record was sent to it: topics that the topology chooses record by
    /// record are created with their first one.
    fn may_be_chosen_later(&self, topic: &str) -> bool {
        let chooses = |node: &Node| matches!(node.kind, NodeKind::ChosenSink { .. });
        self.setup.topology.graph().nodes.iter().any(chooses) && !self.log.has_topic(topic)
    }

    /// Commits, which flushes the caches.
    #[track_caller]
    pub fn commit(&mut self) {
        // A commit's output may be another sub-topology's input, which then has something to commit.
        for _ in 0..=self.setup.topology.subtopologies().len() {
            self.instances().for_each(|instance| instance.workers.iter_mut().for_each(Worker::commit_now));
            self.settle();
        }
    }

    /// Advances the clock, which fires wall-clock punctuators and commits that are due. A punctuator that is due
    /// several times fires once.
    #[doc(alias = "advance_wall_clock_time")]
    #[track_caller]
    pub fn advance_wall_clock(&mut self, by: Duration) {
        self.let_pass(by);
        self.run();
    }

    fn let_pass(&mut self, time: Duration) {
        let mut left = time;
        while !left.is_zero() {
            let patience = self.instances().next().map(|instance| instance.control.session_timeout());
            let step = patience.map_or(left, |patience| (patience / 3).clamp(MILLISECOND, left.max(MILLISECOND)));
            self.clock.advance(step);
            left = left.saturating_sub(step);
            // Step the application all the while, so that the group does not remove it.
            for instance in self.instances().filter(|instance| !instance.workers.is_empty()) {
                instance.control.step();
            }
        }
    }

    /// Ends the application as a crash would: it commits nothing and does not leave the group.
    pub fn kill(&mut self) {
        self.has_dead_member |= self.instance.take().is_some();
    }

    /// Starts the application again after [`TestDriver::kill`] or [`TestDriver::stop`]. If it is still running, it is
    /// killed first.
    ///
    /// After a kill the clock advances by a minute, because the group waits that long for the dead instance. Unless there
    /// are [others](TestDriver::start_another), nothing runs meanwhile, so anything due in that minute happens after the start.
    #[track_caller]
    pub fn restart(&mut self) {
        self.kill();
        if std::mem::take(&mut self.has_dead_member) {
            self.let_pass(DEAD_AFTER);
        }
        self.begin();
    }

    fn begin(&mut self) {
        self.instance = Some(self.new_instance());
        self.settle();
    }

    fn new_instance(&self) -> Instance {
        let app = App::new(APPLICATION_ID, self.setup.topology.clone()).executor(Arc::clone(&self.executor));
        let app = (self.setup.app)(app);
        let clock: SharedClock = Arc::new(self.clock.clone());
        let (parts, _) = succeed(app.seldom_committing().clock(clock).into_parts(Arc::new(self.log.clone())));
        let status = Status::new();
        let control = succeed(Control::new(parts, Arc::clone(&status)));
        Instance { control, workers: Vec::new(), status }
    }

    /// Starts another instance of the application, which gets a share of its tasks. Workers share tasks by partition, so
    /// there should be [several](Setup::partitions). State that is [kept](Setup::state_in) belongs to one instance alone.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const VIEWS: Topic<String, String> = Topic::new("views");
    /// const STORE: KeyValueStore<String, i64> = KeyValueStore::new("views-per-user");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(VIEWS).group_by_key().count().stored_as(STORE);
    ///
    /// let mut driver = TestDriver::configure(builder.build()?).partitions(3).start();
    /// driver.pipe(&VIEWS, "ada", "/cart");
    /// driver.start_another();
    /// driver.pipe(&VIEWS, "ada", "/checkout");
    /// driver.kill_another(); // its tasks move back
    /// assert_eq!(driver.get(&STORE, "ada"), Some(2));
    /// # Ok::<_, TopologyError>(())
    /// ```
    #[track_caller]
    pub fn start_another(&mut self) {
        let another = self.new_instance();
        self.others.push(another);
        self.settle();
    }

    /// Shuts down cleanly what [`TestDriver::start_another`] has started last. Its tasks move to the others.
    #[track_caller]
    pub fn stop_another(&mut self) {
        if let Some(another) = self.others.last() {
            another.status.stop.store(true, Ordering::SeqCst);
        }
        self.settle_without_handlers(|driver| driver.others.last());
        self.others.pop();
    }

    /// Ends what [`TestDriver::start_another`] has started last as a crash would. The clock advances by a minute, after
    /// which the others have its tasks.
    #[track_caller]
    pub fn kill_another(&mut self) {
        if self.others.pop().is_some() {
            self.let_pass(DEAD_AFTER);
            self.settle();
        }
    }

    fn instances(&mut self) -> impl Iterator<Item = &mut Instance> {
        self.instance.iter_mut().chain(&mut self.others)
    }

    /// Shuts the application down cleanly: it commits first. If it has handlers that do not end, the clock advances until it
    /// waits for them no more.
    #[track_caller]
    pub fn stop(&mut self) {
        if let Some(instance) = &self.instance {
            instance.status.stop.store(true, Ordering::SeqCst);
        }
        self.settle_without_handlers(|driver| driver.instance.as_ref());
        self.instance = None;
    }

    /// Steps the application until an instance has ended that was told to.
    #[track_caller]
    fn settle_without_handlers(&mut self, instance: impl Fn(&Self) -> Option<&Instance>) {
        let patience = instance(self).map_or(Duration::ZERO, |instance| instance.control.patience_with_handlers());
        let until = self.clock.monotonic().saturating_add(patience);
        loop {
            let is_waiting = |driver: &Self| {
                let workers = instance(driver).into_iter().flat_map(|instance| &instance.workers);
                workers.flat_map(|worker| worker.slots().running()).any(|task| task.handlers_running() > 0)
            };
            self.step_until_idle();
            if !is_waiting(self) || self.clock.monotonic() >= until {
                return self.settle();
            }
            self.clock.advance(MILLISECOND.max(patience / 100));
        }
    }

    /// The log, for looking at internal topics or writing records directly.
    #[must_use]
    pub const fn log(&self) -> &Embedded {
        &self.log
    }

    /// Pipes a record and returns the error that it ended the application with, if any. Use this to test for
    /// failures: it does not panic.
    #[track_caller]
    pub fn error_after<K: Field, V: Field>(&mut self, topic: &Topic<K, V>, record: &Record<K, V>) -> Option<AppError> {
        self.create_matching(topic.name());
        succeed(self.log.send_record(topic, record));
        self.step_until_settled();
        self.instance.as_ref().and_then(|instance| instance.status.error())
    }

    /// The metrics of each task.
    pub fn tasks(&mut self) -> BTreeMap<TaskId, TaskMetrics> {
        let mut tasks = BTreeMap::new();
        for instance in self.instances() {
            instance.workers.iter_mut().for_each(Worker::publish_now);
            tasks.extend(instance.status.metrics.snapshot());
        }
        tasks
    }

    /// What was done and committed since the last start.
    #[cfg(test)]
    pub(crate) fn summary(&self) -> crate::runtime::Summary {
        self.instance.as_ref().map(|instance| instance.status.totals.summary(Duration::ZERO)).unwrap_or_default()
    }

    /// The value of a key in a store, which may be a global table's. Includes updates that a cache still holds back.
    #[doc(alias = "get_key_value_store")]
    #[must_use]
    #[track_caller]
    pub fn get<K: Key, V: Value>(&self, store: &KeyValueStore<K, V>, key: impl IntoField<K>) -> Option<V> {
        let mut bytes = Vec::new();
        succeed(key.into_field().encode(&mut bytes));
        let row = self.store(store.name()).get(&bytes);
        succeed(row).map(|value| succeed(V::decode(&value)))
    }

    /// The value that a key had at some time in a versioned store; with a time that is still to come, its latest one.
    #[must_use]
    #[track_caller]
    pub fn get_as_of<K: Key, V: Value>(
        &self,
        store: &VersionedStore<K, V>,
        key: impl IntoField<K>,
        time: Timestamp,
    ) -> Option<V> {
        let mut bytes = Vec::new();
        succeed(key.into_field().encode(&mut bytes));
        let row = self.store(store.name()).as_of(&bytes, time);
        succeed(row).map(|value| succeed(V::decode(&value)))
    }

    /// All keys and values of a store, which may be a global table's: task by task, ordered by the keys' bytes.
    #[must_use]
    #[track_caller]
    pub fn rows<K: Key, V: Value>(&self, store: &KeyValueStore<K, V>) -> Vec<(K, V)> {
        let rows = self.store(store.name());
        succeed(rows.all(|row| (succeed(rows.key(&row)), succeed(V::decode(row.value)))))
    }

    /// All rows of a window store as key, window start and value: task by task, ordered by time.
    #[must_use]
    #[track_caller]
    pub fn windows<K: Key, V: Value>(&self, store: &WindowStore<K, V>) -> Vec<(K, Timestamp, V)> {
        let rows = self.store(store.name());
        let found = succeed(rows.all(|row| {
            let start = row.window?.start;
            Some((succeed(rows.key(&row)), start, succeed(V::decode(row.value))))
        }));
        let mut found: Vec<_> = found.into_iter().flatten().collect();
        if !rows.kind.is_in_order_of_time() {
            found.sort_by_key(|(_, start, _)| *start);
        }
        found
    }

    /// A key's rows in the windows that start in a range of time, as pairs of window start and value, ordered by time.
    #[must_use]
    #[track_caller]
    pub fn windows_with_key<K: Key, V: Value>(
        &self,
        store: &WindowStore<K, V>,
        key: impl IntoField<K>,
        starts: impl RangeBounds<Timestamp>,
    ) -> Vec<(Timestamp, V)> {
        let Some(starts) = first_and_last(&starts) else { return Vec::new() };
        let mut bytes = Vec::new();
        succeed(key.into_field().encode(&mut bytes));
        let found = self.store(store.name()).in_windows(&bytes, starts);
        succeed(found).into_iter().map(|(start, value)| (start, succeed(V::decode(&value)))).collect()
    }

    /// All rows of a session store as key, session and value, ordered by the sessions' ends.
    #[must_use]
    #[track_caller]
    pub fn sessions<K: Key, V: Value>(&self, store: &SessionStore<K, V>) -> Vec<(K, Session, V)> {
        let rows = self.store(store.name());
        let found = succeed(rows.all(|row| {
            let Window { start, end } = row.window?;
            Some((succeed(rows.key(&row)), Session { start, end }, succeed(V::decode(row.value))))
        }));
        let mut found: Vec<_> = found.into_iter().flatten().collect();
        found.sort_by_key(|(_, session, _)| (session.end, session.start));
        found
    }

    #[track_caller]
    fn store(&self, name: &str) -> StoreRows {
        self.expect_running();
        let definitions = &self.setup.topology.graph().stores;
        let Some(definition) = definitions.iter().find(|store| *store.name == *name) else {
            fail(&format!(
                "there is no store {name}; there are {:?}",
                definitions.iter().map(|store| &store.name).collect::<Vec<_>>()
            ))
        };
        let instances = self.instance.iter().chain(&self.others);
        let tasks = instances.flat_map(|instance| &instance.workers).flat_map(|worker| worker.slots().running());
        let shares = tasks.filter_map(|task| task.view(name).filter(|_| !definition.global)).map(Share::Task);
        let globals = self.instance.iter().flat_map(|instance| instance.control.global_stores());
        let globals = globals.filter(|store| store.name() == name).map(Share::Global);
        StoreRows {
            kind: Arc::clone(&definition.kind),
            windows: definition.windows,
            shares: shares.chain(globals).collect(),
        }
    }

    /// Steps the application until it is idle; panics if it has failed.
    #[track_caller]
    fn settle(&mut self) {
        self.step_until_settled();
        if let Some(error) = self.instances().find_map(|instance| instance.status.error()) {
            fail(&format!("the application failed: {error}"));
        }
    }

    #[track_caller]
    fn expect_running(&self) {
        if self.instance.is_none() {
            fail("the application is not running; call restart() first");
        }
    }

    /// Steps the application until it waits for something, whatever that is.
    #[track_caller]
    fn step_until_idle(&mut self) {
        self.expect_running();
        let mut quiet = 0;
        for _ in 0..ROUNDS_MAX {
            let is_busy = self.instances().filter_map(|instance| instance.round().then_some(())).count() > 0;
            quiet = if is_busy { 0 } else { quiet + 1 };
            if quiet > 2 {
                return;
            }
        }
        fail("the application does not come to rest");
    }

    #[track_caller]
    fn step_until_settled(&mut self) {
        self.expect_running();
        let mut quiet = 0;
        for _ in 0..ROUNDS_MAX {
            let (mut is_busy, mut are_settled) = (false, true);
            for instance in self.instances() {
                is_busy |= instance.round();
                let state = *instance.status.state.borrow();
                are_settled &= state == AppState::Running || state.is_final();
            }
            quiet = if is_busy { 0 } else { quiet + 1 };
            if quiet > 2 && are_settled {
                return;
            }
        }
        fail("the application does not come to rest");
    }
}

impl Instance {
    /// Steps control and worker once. Returns whether either did something or is waiting for an answer.
    fn round(&mut self) -> bool {
        let mut busy = match self.control.step() {
            ControlTurn::Busy => true,
            ControlTurn::Spawn(seeds) => {
                self.workers = seeds.into_iter().map(|seed| succeed(Worker::new(seed))).collect();
                true
            }
            ControlTurn::Idle(_) => false,
            ControlTurn::Finished => return false,
        };
        for worker in &mut self.workers {
            busy |= worker.run_once() == Turn::Busy || !worker.is_settled();
        }
        busy
    }
}

#[track_caller]
fn succeed<T, E: std::fmt::Display>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => fail(&error.to_string()),
    }
}

#[allow(clippy::panic, reason = "this is how a test fails")]
#[track_caller]
fn fail(message: &str) -> ! {
    panic!("{message}")
}
