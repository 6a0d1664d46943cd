//! An application: a topology and what it takes to run it.
//!
//! [`App`] says what to run and how; [`Running`] is a handle to a running application.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use futures::Stream;
use tokio::sync::watch;

use std::collections::BTreeMap;

use super::about::About;
use super::control::{Control, InstanceParts, Status};
use super::failures::{ErrorPolicy, FailedRecord, Handler, Uncaught, UncaughtHandler, check_dead_letters};
use super::idle::Idleness;
use super::lifecycle::AppState;
use super::memory::{Holders, MemoryPlan};
use super::metrics::TaskMetrics;
use super::settings::{
    CreateInternalTopics, Guarantee, IsolationLevel, OnChangelogLoss, OnError, OnStall, TimestampPolicy,
};
use super::start_line;
use super::summary::Summary;
use super::threads::{StateListener, notify, start_control};
use super::voice::Voice;
use super::{AppError, Settings, signals};
use crate::clock::{SharedClock, SystemClock};
use crate::config::StreamsConfig;
use crate::executor::{OnTokio, SharedExecutor};
use crate::log::{Doorbell, Log};
use crate::random::{SharedRandom, SystemRandom};
use crate::record::TaskId;
use crate::state::{Memory, StateBackend};
use crate::topic::{NAME_LENGTH_MAX, TopicRef};
use crate::topology::{Optimizations, Topology};

/// How often [`App::run_until_idle`] commits while it has nothing else to do.
const IDLE_COMMIT_INTERVAL: Duration = Duration::from_millis(100);

/// A topology and how to run it.
///
/// The application's id determines its group, its internal topics and its state folder. Instances with the same id
/// share the work and must have the same topology: one that starts with another while others run fails with
/// [`AppError::OtherTopology`].
///
/// # What it says
///
/// Events go to the program's `tracing` subscriber. If the program has set none when it starts the application, the
/// application's threads print on standard error what a person must know: how it starts, that the log cannot be reached
/// and since when, how far its state is restored, how many records were dropped and why, and what ended it. The same
/// line does not come more often than every ten seconds or so. [`App::quiet`] turns that off. So does a subscriber; it is
/// best set before, because one that is set later is only noticed with the next line. So does a logger of the crate `log`
/// that was set before, if `tracing` has its feature `log`:
///
/// ```text
/// tracing_subscriber::fmt().init(); // in the program's dependencies: tracing-subscriber = "0.3"
/// ```
///
/// Nothing else is printed by the library, and a [`TestDriver`](crate::testing::TestDriver) prints nothing.
///
/// ```
/// use millstream::prelude::*;
///
/// const LINES: Topic<String, String> = Topic::new("lines");
/// const SHOUTED: Topic<String, String> = Topic::new("shouted");
///
/// let builder = StreamsBuilder::new();
/// builder.stream(LINES).map_values(|line| line.to_uppercase()).to(SHOUTED);
///
/// let log = Embedded::in_memory();
/// log.send(&LINES, "hamlet", "to be")?;
/// App::new("shouter", builder.build()?).workers(2).run_until_idle(log.clone())?;
/// assert_eq!(log.read(&SHOUTED)?[0].value, "TO BE");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "KafkaStreams")]
pub struct App {
    id: String,
    topology: Topology,
    settings: Settings,
    /// Where settings come from.
    config: Option<StreamsConfig>,
    backend: Arc<dyn StateBackend>,
    clock: SharedClock,
    random: SharedRandom,
    /// `None` if it depends on where the application is started.
    executor: Option<SharedExecutor>,
    listeners: Vec<StateListener>,
    handler: Option<Handler>,
    uncaught: Option<UncaughtHandler>,
    is_quiet: bool,
}

impl App {
    /// An application with Kafka Streams' default settings and its state in memory. Only the guarantee depends on the log
    /// that it runs on, see [`App::exactly_once`].
    #[must_use]
    pub fn new(id: impl Into<String>, topology: Topology) -> Self {
        Self {
            id: id.into(),
            topology,
            settings: Settings::default(),
            config: None,
            backend: Arc::new(Memory),
            clock: SystemClock::shared(),
            random: Arc::new(SystemRandom),
            executor: None,
            listeners: Vec::new(),
            handler: None,
            uncaught: None,
            is_quiet: false,
        }
    }

    /// An application with the settings of a configuration. The log takes the brokers' addresses and the client
    /// settings from the same configuration (`Kafka::configured`).
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const IN: Topic<String, String> = Topic::new("in");
    /// const OUT: Topic<String, String> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).to(OUT);
    /// let config = Layers::new().set("application.id", "shop").set("num.stream.threads", "2").read()?;
    /// let app = App::configured(&config, builder.build()?);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn configured(config: &StreamsConfig, topology: Topology) -> Self {
        let app = Self::new(config.application_id.as_str(), topology).settings(config.into());
        Self { config: Some(config.clone()), ..app }
    }

    /// Replaces all settings.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// The number of worker threads that run its tasks (`num.stream.threads`).
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.settings.workers = workers;
        self
    }

    /// Commits input positions, state and output atomically, every 100 ms unless [`App::commit_interval`] sets
    /// another interval. This is the default on an embedded log; on Kafka the default is [`App::at_least_once`], as in
    /// Kafka Streams.
    #[must_use]
    pub fn exactly_once(mut self) -> Self {
        self.settings.guarantee = Some(Guarantee::ExactlyOnce);
        self
    }

    /// Loses nothing, but repeats the work since the last commit after a crash, so that records may be written twice.
    /// Commits every 30 seconds unless [`App::commit_interval`] sets another interval, and holds updates of tables
    /// back until then, as far as they fit into the caches ([`App::cache_bytes`]).
    #[must_use]
    pub fn at_least_once(mut self) -> Self {
        self.settings.guarantee = Some(Guarantee::AtLeastOnce);
        self
    }

    /// Reads only committed records of input topics (`consumer.isolation.level = read_committed`), as
    /// [`App::exactly_once`] does: for input that other programs write in transactions. Records of an open
    /// transaction are held back until it ends.
    #[must_use]
    pub fn read_committed(mut self) -> Self {
        self.settings.isolation_level = Some(IsolationLevel::ReadCommitted);
        self
    }

    /// Which time records have, for all sources that don't say it themselves with
    /// [`KStream::timestamps`](crate::dsl::KStream::timestamps) or
    /// [`KStream::timestamped_by`](crate::dsl::KStream::timestamped_by) (`default.timestamp.extractor`).
    #[must_use]
    pub fn timestamps(mut self, policy: TimestampPolicy) -> Self {
        self.settings.timestamps = policy;
        self
    }

    /// Tasks advance by event time (`event.time.alignment`), so that a replay has the results of a live run: while there
    /// are records to catch up with, no task goes ahead of the others by more than `bound` of event time, and a record
    /// that was sent through a repartition topic waits until no other task upstream can still send one that is older by
    /// more than that. Tasks at the end of their inputs hold nobody up, nor do those of an instance that is paused, so what
    /// they come with after a pause may be late.
    ///
    /// Without it, each task goes as fast as it can, as in Kafka Streams. In a backlog, tasks are then hours of event time
    /// apart, and of the records that meet behind a repartition topic, most are too late for their windows. The grace of
    /// windows should be no shorter than `bound` plus the disorder of the input itself.
    ///
    /// All instances must have it, or none: records of repartition topics then carry one header more.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use std::time::Duration;
    ///
    /// const VIEWS: Topic<String, String> = Topic::new("views");
    /// const MINUTE: Duration = Duration::from_secs(60);
    /// const PER_PAGE: Topic<Windowed<String>, i64> = Topic::new("views-per-page").windows_of(MINUTE);
    ///
    /// let builder = StreamsBuilder::new();
    /// let minutes = Tumbling::of(MINUTE).grace(Duration::from_secs(10));
    /// builder.stream(VIEWS).group_by(|_, page| page.clone()).windowed_by(minutes).count().to_stream().to(PER_PAGE);
    /// let app = App::new("views", builder.build()?).align_event_time(Duration::from_secs(5));
    /// # Ok::<_, TopologyError>(())
    /// ```
    #[must_use]
    pub fn align_event_time(mut self, bound: Duration) -> Self {
        self.settings.event_time_alignment = Some(bound);
        self
    }

    /// What becomes of a record whose bytes cannot be read (`deserialization.exception.handler`). By default the application
    /// ends with an error that names it.
    #[must_use]
    pub fn on_undecodable(mut self, answer: OnError) -> Self {
        self.settings.errors.undecodable = answer;
        self
    }

    /// What becomes of a record with which the application's code fails, by refusing it in a `try_..` operation or by a
    /// panic (`processing.exception.handler`). By default the application ends with an error that names the record and the
    /// node.
    ///
    /// A record that is left out has no effects at all under exactly-once, also where one of several branches fails with
    /// it: the work since the last commit is undone and done again without it, unless the record has not done anything
    /// yet. Under at-least-once, what it has done before it fails stays done; only a panic is undone, and what its task
    /// has sent since the last commit is then sent again. What is not made of one record, such as the result of a window that
    /// closes, is left out by itself.
    ///
    /// ```
    /// use millstream::config::OnError;
    /// use millstream::prelude::*;
    ///
    /// const PRICES: Topic<String, String> = Topic::new("prices");
    /// const CENTS: Topic<String, i64> = Topic::new("cents");
    /// const DEAD: Topic<Option<Vec<u8>>, Option<Vec<u8>>> = Topic::new("dead-letters");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(PRICES).try_map_values(|price| price.parse::<i64>()).to(CENTS);
    /// let log = Embedded::in_memory();
    /// for (pen, price) in [("red", "120"), ("blue", "cheap"), ("green", "90")] {
    ///     log.send(&PRICES, pen, price)?;
    /// }
    /// let app = App::new("prices", builder.build()?).on_processing_error(OnError::DeadLetter);
    /// app.dead_letters_to("dead-letters").run_until_idle(log.clone())?;
    ///
    /// assert_eq!(log.read(&CENTS)?.len(), 2);
    /// let dead = &log.read(&DEAD)?[0];
    /// assert_eq!(dead.key.as_deref(), Some(&b"blue"[..]));
    /// assert_eq!(dead.headers.get("__streams.errors.topic"), Some(&b"prices"[..]));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "ProcessingExceptionHandler")]
    #[must_use]
    pub fn on_processing_error(mut self, answer: OnError) -> Self {
        self.settings.errors.processing = answer;
        self
    }

    /// What becomes of a record of which something is made that cannot be encoded, or that its topic does not accept because
    /// of its size or its timestamp (`production.exception.handler`). By default the application ends with an error. What
    /// [`App::on_processing_error`] says about effects holds here, too.
    #[doc(alias = "ProductionExceptionHandler")]
    #[must_use]
    pub fn on_production_error(mut self, answer: OnError) -> Self {
        self.settings.errors.production = answer;
        self
    }

    /// The topic for dead letters (`errors.dead.letter.queue.topic.name`): records that are left out because of an error,
    /// as they were, with KIP-1034's headers. They are written in the same transaction as everything else. On Kafka the
    /// topic must exist.
    #[must_use]
    pub fn dead_letters_to(mut self, topic: impl Into<String>) -> Self {
        self.settings.errors.dead_letter_topic = Some(topic.into());
        self
    }

    /// Decides about each record with which something fails, instead of the settings: they are only what
    /// [`FailedRecord::answer`] returns. A failure that is no record's fault, of a store or of the log, always ends the
    /// application.
    ///
    /// ```
    /// use millstream::config::OnError;
    /// use millstream::prelude::*;
    /// use std::time::Duration;
    ///
    /// const IN: Topic<String, String> = Topic::new("in");
    /// const OUT: Topic<String, i64> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).try_map_values(|number| number.parse::<i64>()).named("parse").to(OUT);
    /// let app = App::new("numbers", builder.build()?).handle_errors(|failed| match failed.node() {
    ///     Some("parse") if failed.value() == Some(b"-") => OnError::Skip,
    ///     _ if failed.attempts() < 3 => OnError::Retry(Duration::from_secs(1)),
    ///     _ => failed.answer(),
    /// });
    /// # Ok::<_, TopologyError>(())
    /// ```
    #[must_use]
    pub fn handle_errors(mut self, handler: impl Fn(&FailedRecord<'_>) -> OnError + Send + Sync + 'static) -> Self {
        self.handler = Some(Arc::new(handler));
        self
    }

    /// Decides what becomes of a worker with an error that nothing else has taken. By default, and if the closure panics, the
    /// instance ends with it. It may also end all instances of the application, so that nobody else takes on tasks with which
    /// they would fail, too.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::runtime::{AppError, Uncaught};
    ///
    /// const IN: Topic<String, String> = Topic::new("in");
    /// const OUT: Topic<String, String> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).to(OUT);
    /// let app = App::new("copy", builder.build()?).on_uncaught_error(|error| match error {
    ///     AppError::Store { .. } => Uncaught::RestartWorker,
    ///     AppError::Record { .. } => Uncaught::StopApplication,
    ///     _ => Uncaught::StopInstance,
    /// });
    /// # Ok::<_, TopologyError>(())
    /// ```
    #[doc(alias = "set_uncaught_exception_handler")]
    #[must_use]
    pub fn on_uncaught_error(mut self, decide: impl Fn(&AppError) -> Uncaught + Send + Sync + 'static) -> Self {
        self.uncaught = Some(Arc::new(decide));
        self
    }

    /// What becomes of a task that has records and does not process any for this long, or is busy with a single step for
    /// this long (`task.stall.timeout.ms`, 1 minute unless set, and `task.stall.handler`). The usual cause is code that waits
    /// for something without a time limit. By default that is said once, with the record that the task has in hand.
    ///
    /// An instance stays in its group whatever its workers do, so nobody takes over the tasks of one that stands still
    /// unless [`OnStall::Leave`] or [`OnStall::Fail`] says so. An application that is asked to stop meanwhile waits for such
    /// a worker this long and then ends without it, with [`AppError::Stalled`].
    ///
    /// ```
    /// use millstream::config::OnStall;
    /// use millstream::prelude::*;
    /// use std::time::Duration;
    ///
    /// const IN: Topic<String, String> = Topic::new("in");
    /// const OUT: Topic<String, String> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).map_values(|word| word.to_uppercase()).to(OUT);
    /// let app = App::new("copy", builder.build()?).on_stall(Duration::from_secs(300), OnStall::Leave);
    /// # Ok::<_, TopologyError>(())
    /// ```
    #[doc(alias = "max.poll.interval.ms")]
    #[must_use]
    pub fn on_stall(mut self, after: Duration, answer: OnStall) -> Self {
        (self.settings.task_stall_timeout, self.settings.task_stall) = (after, answer);
        self
    }

    /// How often work is committed (`commit.interval.ms`).
    #[must_use]
    pub fn commit_interval(mut self, interval: Duration) -> Self {
        self.settings.commit_interval = Some(interval);
        self
    }

    /// The size in bytes of the caches that hold updates back between commits (`statestore.cache.max.bytes`); 0
    /// forwards every update at once.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.settings.cache_bytes = bytes;
        self
    }

    /// What this process may hold in memory, in bytes (`memory.max.bytes`): caches, uncommitted state, input buffers, what
    /// handlers work on, what Kafka's clients have fetched ahead or not sent yet, and RocksDB. Sizes that you have set
    /// yourself are part of it and stay; the others share the rest. How it is divided is told at the start.
    ///
    /// It does not include what your own code keeps, stores in memory, an embedded log, or the program itself (about 30
    /// MiB). A record that is being processed exists several times, so leave room for a few of the largest ones.
    ///
    /// Nor does it include what the allocator does not give back: glibc's keeps freed blocks of up to 32 MiB once some as
    /// large were in use. With records of 10 MiB a process took up to 85 MiB more than with
    /// `MALLOC_TRIM_THRESHOLD_=131072` in its environment.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// # const LINES: Topic<(), String> = Topic::new("lines");
    /// # const COPY: Topic<(), String> = Topic::new("copy");
    /// # fn topology() -> Result<Topology, TopologyError> {
    /// #     let builder = StreamsBuilder::new();
    /// #     builder.stream(LINES).to(COPY);
    /// #     builder.build()
    /// # }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let app = App::new("copy", topology()?).memory_bytes(256 << 20);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn memory_bytes(mut self, bytes: usize) -> Self {
        self.settings.memory_bytes = Some(bytes);
        self
    }

    /// Creates internal topics that are missing although the application has run before (`internal.topics.create =
    /// always`). Use it once after adding a store or a repartition topic to a topology, if the instance has no state on disk
    /// that says which topics there were before. Otherwise a missing topic counts as lost, and an error names it.
    ///
    /// A new store starts empty and sees only later records.
    #[must_use]
    pub fn create_new_internal_topics(mut self) -> Self {
        self.settings.create_internal_topics = CreateInternalTopics::Always;
        self
    }

    /// What happens to a store whose changelog was deleted, created again, or has lost its first or last records
    /// (`on.changelog.loss`). The default is an error ([`AppError::ChangelogLost`]) that says what is missing; nothing is
    /// processed on state that lacks committed changes.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::runtime::OnChangelogLoss;
    ///
    /// # let builder = StreamsBuilder::new();
    /// # builder.stream(Topic::<String, String>::new("lines")).group_by_key().count();
    /// # let topology = builder.build()?;
    /// // Counts from before may be missing from now on; go on with what is left of them.
    /// let app = App::new("counts", topology).on_changelog_loss(OnChangelogLoss::Rebuild);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn on_changelog_loss(mut self, choice: OnChangelogLoss) -> Self {
        self.settings.on_changelog_loss = choice;
        self
    }

    /// How long an instance may be silent before the others take over its tasks (`session.timeout.ms`, 45 seconds unless
    /// set). This is about instances that cannot say goodbye: killed with `kill -9`, cut off, or standing still.
    ///
    /// * An instance that stops cleanly gives its tasks away at once.
    /// * One that was killed and comes back with the same state folder within this time has its tasks at once, and the
    ///   others notice nothing (static membership, KIP-345). If nobody comes back, its tasks wait this long.
    /// * One whose state is in memory is a stranger after a restart. The group waits this long for its predecessor.
    ///
    /// A short time means short outages, and that an instance which merely stood still for a moment, or lost its
    /// connection, loses its tasks. Kafka's brokers accept 6 seconds to 30 minutes unless `group.min.session.timeout.ms`
    /// and `group.max.session.timeout.ms` say otherwise. An instance is heard from every 500 milliseconds, or four times
    /// within a session that is shorter than two seconds.
    ///
    /// Under exactly-once, `transaction.timeout.ms` must be shorter. If it was not set, it is 10 seconds, or two thirds of
    /// this time if that is less.
    #[must_use]
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        self.settings.session_timeout = timeout;
        self
    }

    /// Where persistent state is kept (`state.dir`).
    #[must_use]
    pub fn state_dir(mut self, folder: impl Into<std::path::PathBuf>) -> Self {
        self.settings.state_dir = folder.into();
        self
    }

    /// The backend that keeps the state, for instance RocksDB. State in memory is restored from the changelogs at
    /// every start.
    #[must_use]
    pub fn state_in(mut self, backend: impl StateBackend) -> Self {
        self.backend = Arc::new(backend);
        self
    }

    /// Replaces the clock, for instance in tests.
    #[must_use]
    pub fn clock(mut self, clock: SharedClock) -> Self {
        self.clock = clock;
        self
    }

    /// Runs the handlers of [`KStream::handle`](crate::dsl::KStream::handle) on this tokio runtime.
    ///
    /// If it is not set, they run on the runtime within which the application is started, if that has several threads, and
    /// otherwise on one of the application's own with two threads.
    #[must_use]
    pub fn handlers_on(mut self, runtime: tokio::runtime::Handle) -> Self {
        self.executor = Some(Arc::new(OnTokio::given(runtime)));
        self
    }

    /// How long an instance that stops waits for handlers that are running (`handler.stop.timeout.ms`, 10 seconds unless
    /// set). Those that take longer are cancelled, and begin again at the next start or where their tasks move to.
    #[must_use]
    pub fn handler_stop_timeout(mut self, timeout: Duration) -> Self {
        self.settings.handler_stop_timeout = timeout;
        self
    }

    /// Handlers are run by this.
    #[must_use]
    pub(crate) fn executor(mut self, executor: SharedExecutor) -> Self {
        self.executor = Some(executor);
        self
    }

    /// The source of names that must be unique, for tests that have to run the same way twice.
    #[cfg(test)]
    pub(crate) fn random(mut self, random: SharedRandom) -> Self {
        self.random = random;
        self
    }

    /// Calls `listener` with the old and the new state at each change, in order, on a separate thread. A slow
    /// listener delays only the return of [`Running::wait`], which waits until the last change has been delivered.
    #[doc(alias("set_state_listener", "StateListener"))]
    #[must_use]
    pub fn on_state_change(mut self, listener: impl Fn(AppState, AppState) + Send + 'static) -> Self {
        self.listeners.push(Box::new(listener));
        self
    }

    /// Prints nothing on standard error, even if the program has no `tracing` subscriber. See
    /// [what it says](App#what-it-says).
    #[must_use]
    pub const fn quiet(mut self) -> Self {
        self.is_quiet = true;
        self
    }

    /// The application's topology.
    #[must_use]
    pub const fn topology(&self) -> &Topology {
        &self.topology
    }

    /// All settings, those that the program has made included; what it leaves to the log is not decided yet.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const IN: Topic<String, String> = Topic::new("in");
    /// const OUT: Topic<String, String> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).to(OUT);
    /// let app = App::new("copy", builder.build()?).dead_letters_to("dead-letters");
    /// assert_eq!(app.config()?.errors.dead_letter_topic.as_deref(), Some("dead-letters"));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the application's id cannot be one.
    pub fn config(&self) -> Result<StreamsConfig, AppError> {
        let named = || StreamsConfig::new(&self.id);
        let base = self.config.clone().map_or_else(named, Ok);
        let base = base.map_err(|error| AppError::ApplicationId { id: self.id.clone(), error })?;
        Ok(self.settings.as_config(&base))
    }

    /// For tests, where time jumps: at-least-once unless another guarantee was chosen, and unless an interval was set,
    /// commits as rarely as the guarantee allows. So a test sees each record as it is written, as with Kafka Streams'
    /// driver.
    pub(crate) fn seldom_committing(mut self) -> Self {
        let interval = match *self.settings.guarantee.get_or_insert(Guarantee::AtLeastOnce) {
            Guarantee::AtLeastOnce => Guarantee::AtLeastOnce.commit_interval(),
            Guarantee::ExactlyOnce => self.settings.transaction_timeout() / 2,
        };
        self.settings.commit_interval.get_or_insert(interval);
        self
    }

    pub(crate) fn into_parts(self, log: Arc<dyn Log>) -> Result<(InstanceParts, Vec<StateListener>), AppError> {
        let asked = self.config()?;
        check_internal_names(&self.id, &self.topology)?;
        check_optimizations(self.settings.optimizations, self.topology.optimizations())?;
        let mut settings = self.settings.decided_by(&*log);
        settings.check()?;
        let has_global_tables = self.topology.graph().stores.iter().any(|store| store.global);
        check_dead_letters(&self.topology, &settings.errors)?;
        let holders = Holders {
            has_global_tables,
            has_handlers: self.topology.handlers().iter().any(|handler| !handler.has_own_limit),
        };
        let memory = MemoryPlan::divide(&mut settings, &*log, &*self.backend, holders)?;
        memory.limit(&*self.backend);
        let policy = ErrorPolicy { settings: settings.errors.clone(), handler: self.handler, uncaught: self.uncaught };
        let parts = InstanceParts {
            application_id: self.id.into(),
            topology: Arc::new(self.topology),
            settings: Arc::new(settings),
            asked: Arc::new(asked),
            memory: Arc::new(memory),
            policy: Arc::new(policy),
            log,
            backend: self.backend,
            clock: self.clock,
            random: self.random,
            executor: self.executor.unwrap_or_else(|| Arc::new(OnTokio::here())),
        };
        Ok((parts, self.listeners))
    }

    /// Starts the application on a log and returns at once.
    ///
    /// # Errors
    /// When a setting is invalid or the state folder cannot be used. Later errors end the application and are
    /// returned by [`Running::wait`].
    pub fn start(self, log: impl Log) -> Result<Running, AppError> {
        let voice = self.voice(false);
        self.start_on(Arc::new(log), &voice)
    }

    /// What the application says if nobody listens.
    fn voice(&self, returns_its_error: bool) -> Voice {
        if self.is_quiet { Voice::default() } else { Voice::new(Arc::clone(&self.clock), returns_its_error) }
    }

    pub(super) fn committing_when_idle(mut self) -> Self {
        self.settings.idle_commit_interval = Some(IDLE_COMMIT_INTERVAL);
        self
    }

    fn start_on(self, log: Arc<dyn Log>, voice: &Voice) -> Result<Running, AppError> {
        let (parts, listeners) = self.into_parts(log)?;
        let (status, about) = (Status::new(), About::new(&parts, voice));
        let id = Arc::clone(&parts.application_id);
        let listening = notify(&status, &id, listeners, voice)?;
        let control = voice.heard_or_guarded(|| {
            start_line::tell(&parts);
            Control::new(parts, Arc::clone(&status))
        })?;
        let control = start_control(control, &status, &id, voice)?;
        Ok(Running { handle: Handle(status, about), threads: listening.into_iter().chain([control]).collect() })
    }

    /// Processes everything in the input topics, then stops: a batch job. Records that arrive meanwhile are processed
    /// too, so it keeps running as long as somebody keeps writing. Without a broker it waits for one. If nothing
    /// happens for a long time, a warning says what it is waiting for. It returns a [`Summary`] of what it has done.
    ///
    /// It commits whenever it has caught up with its inputs, and at its commit interval, which is at least a second
    /// unless [`App::commit_interval`] sets another. A cached table therefore sends few updates, often only the last one
    /// of each row; `cache_bytes(0)` sends all.
    ///
    /// # Errors
    /// As [`App::start`] and [`Running::wait`].
    pub fn run_until_idle(self, log: impl Log) -> Result<Summary, AppError> {
        let began = self.clock.monotonic();
        let log: Arc<dyn Log> = Arc::new(log);
        let doorbell = Doorbell::new();
        let admin = log.admin(doorbell.clone()).map_err(|error| AppError::log("creating an admin client", error))?;
        let (clock, voice) = (Arc::clone(&self.clock), self.voice(true));
        let running = self.committing_when_idle().start_on(log, &voice)?;
        let handle = running.handle();
        let idle = voice.heard_or_guarded(|| Idleness::new(&handle, admin, doorbell, Arc::clone(&clock)).wait());
        running.close().and(idle)?;
        Ok(handle.0.totals.summary(clock.monotonic().saturating_sub(began)))
    }

    /// Runs the application until Ctrl-C, SIGTERM or an error, then shuts it down cleanly. A second Ctrl-C ends the
    /// process at once; uncommitted work is repeated at the next start.
    ///
    /// A clean shutdown gives the tasks to other instances at once. After `kill -9` they stay where they are until this
    /// instance comes back with its state folder, or until its session times out, by default after 45 seconds; see
    /// [`App::session_timeout`].
    ///
    /// # Errors
    /// As [`App::start`] and [`Running::wait`].
    pub fn run(self, log: impl Log) -> Result<(), AppError> {
        self.run_with(log, |_| Ok(()))
    }

    /// As [`App::run`], with something beside it, such as a server: `beside` is called when the application has been started,
    /// and what it returns is dropped when the application has ended.
    ///
    /// ```no_run
    /// use millstream::prelude::*;
    ///
    /// # fn topology() -> Result<Topology, TopologyError> { StreamsBuilder::new().build() }
    /// App::new("shop", topology()?).run_with(Embedded::in_memory(), |app| {
    ///     println!("{} has been started", app.about().application_id());
    ///     Ok(())
    /// })?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`App::run`], and that of `beside`, with which the application ends.
    pub fn run_with<T>(
        self,
        log: impl Log,
        beside: impl FnOnce(&Handle) -> Result<T, AppError>,
    ) -> Result<(), AppError> {
        let voice = self.voice(true);
        let running = self.start_on(Arc::new(log), &voice)?;
        running.stop_on_signals()?;
        // Dropping what runs ends it.
        let beside = beside(&running)?;
        let outcome = running.wait();
        drop(beside);
        outcome
    }
}

/// Checked here, because Kafka refuses a name that is too long only when the topic is created, in the middle of the
/// start.
fn check_internal_names(application_id: &str, topology: &Topology) -> Result<(), AppError> {
    let references = topology.internal_topics().iter().map(|topic| TopicRef::Internal(Arc::clone(&topic.name)));
    match references.max_by_key(|reference| reference.short_name().len()) {
        Some(longest) if longest.full_name(application_id).len() > NAME_LENGTH_MAX => {
            let topic = longest.full_name(application_id).to_string();
            Err(AppError::InternalTopicName { topic, name: longest.short_name().to_owned(), max: NAME_LENGTH_MAX })
        }
        _ => Ok(()),
    }
}

/// A topology is optimised when it is built, which may be before the settings are read.
fn check_optimizations(set: Optimizations, built_with: Optimizations) -> Result<(), AppError> {
    if set == Optimizations::NONE || set == built_with {
        return Ok(());
    }
    Err(AppError::Setting {
        setting: "topology.optimization".to_owned(),
        reason: format!(
            "it is `{set}`, but the topology was built with `{built_with}`; build it with \
             `builder.build_with(config.topology_optimization)`"
        ),
    })
}

/// A handle to a running application. Cheap to clone, and usable from any thread or async task.
///
/// ```
/// use millstream::prelude::*;
/// use millstream::runtime::Handle;
///
/// const IN: Topic<String, String> = Topic::new("in");
/// const OUT: Topic<String, String> = Topic::new("out");
///
/// /// For whoever asks how the service does.
/// fn health(app: &Handle) -> String {
///     let processed: u64 = app.tasks().values().map(|task| task.processed).sum();
///     format!("{}, {processed} records", app.state())
/// }
/// let builder = StreamsBuilder::new();
/// builder.stream(IN).to(OUT);
/// let topology = builder.build()?;
/// let log = Embedded::in_memory();
/// log.create_topic("in", 1)?;
///
/// let running = App::new("copy", topology).start(log)?;
/// let handle = running.handle();
/// std::thread::spawn(move || {
///     println!("{}", health(&handle));
///     handle.stop();
/// });
/// running.wait()?; // until somebody stops it, or an error
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Handle(Arc<Status>, Arc<About>);

impl Handle {
    pub(crate) const fn status(&self) -> &Arc<Status> {
        &self.0
    }

    /// What the application is and what it runs on.
    #[must_use]
    pub fn about(&self) -> &About {
        &self.1
    }

    /// The application's current state.
    #[must_use]
    pub fn state(&self) -> AppState {
        *self.0.state.borrow()
    }

    /// A stream of states, starting with the current one. It may skip states if they change faster than they are
    /// read, but the latest is always delivered. A final state ends the stream.
    pub fn states(&self) -> impl Stream<Item = AppState> + Send + Unpin + use<> {
        let mut receiver = self.0.state.subscribe();
        let current = *receiver.borrow_and_update();
        Box::pin(futures::stream::unfold((receiver, Some(current)), next_state))
    }

    /// Asks the application to stop and returns at once.
    pub fn stop(&self) {
        self.0.stop.store(true, Ordering::SeqCst);
        self.0.doorbell.ring();
    }

    /// Stops processing records until [`Handle::resume`]. The instance stays in the group and keeps its tasks.
    pub fn pause(&self) {
        self.0.paused.store(true, Ordering::SeqCst);
    }

    /// Continues after [`Handle::pause`].
    pub fn resume(&self) {
        self.0.paused.store(false, Ordering::SeqCst);
    }

    /// Whether it is paused.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.0.paused.load(Ordering::SeqCst)
    }

    /// The metrics of each task, at most about 100 ms old. While the application runs, every task of its
    /// [`assignment`](Handle::assignment) is there.
    #[must_use]
    pub fn tasks(&self) -> BTreeMap<TaskId, TaskMetrics> {
        self.0.metrics.snapshot()
    }

    /// The tasks assigned to this instance, each with the worker that runs it.
    #[must_use]
    pub fn assignment(&self) -> BTreeMap<TaskId, usize> {
        self.0.desk.owners()
    }

    /// The error that ended the application, if there was one.
    #[must_use]
    pub fn error(&self) -> Option<AppError> {
        self.0.error()
    }

    /// Waits until the application is in a state for which `wanted` returns true, or has ended.
    pub async fn until(&self, wanted: impl Fn(AppState) -> bool + Send) -> AppState {
        let mut receiver = self.0.state.subscribe();
        receiver.wait_for(|state| wanted(*state) || state.is_final()).await.map_or(AppState::Error, |state| *state)
    }

    /// Waits until the application has ended.
    ///
    /// # Errors
    /// The error that ended it, if it did not stop on request.
    pub async fn ended(&self) -> Result<(), AppError> {
        self.until(AppState::is_final).await;
        self.error().map_or(Ok(()), Err)
    }
}

type StatesLeft = (watch::Receiver<AppState>, Option<AppState>);

async fn next_state((mut receiver, first): StatesLeft) -> Option<(AppState, StatesLeft)> {
    if let Some(state) = first {
        return Some((state, (receiver, None)));
    }
    if receiver.borrow().is_final() && !receiver.has_changed().unwrap_or(false) {
        return None;
    }
    receiver.changed().await.ok()?;
    let state = *receiver.borrow_and_update();
    Some((state, (receiver, None)))
}

/// A running application. Dropping it stops the application and waits for the end.
///
/// It dereferences to its [`Handle`], so everything that a handle can do works here too.
///
/// ```
/// use millstream::prelude::*;
///
/// const IN: Topic<String, String> = Topic::new("in");
/// const OUT: Topic<String, String> = Topic::new("out");
///
/// let builder = StreamsBuilder::new();
/// builder.stream(IN).to(OUT);
/// let topology = builder.build()?;
/// let log = Embedded::in_memory();
/// log.create_topic("in", 1)?;
///
/// let running = App::new("copy", topology).start(log)?;
/// running.wait_until_running()?;
/// assert_eq!(running.state(), AppState::Running);
/// running.close()?; // commits what is done
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct Running {
    handle: Handle,
    threads: Vec<JoinHandle<()>>,
}

impl Running {
    /// A handle to observe and control it from elsewhere.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Blocks until the application has ended.
    ///
    /// # Errors
    /// The error that ended it, if it did not stop on request.
    pub fn wait(mut self) -> Result<(), AppError> {
        self.join();
        self.handle.error().map_or(Ok(()), Err)
    }

    /// Shuts the application down cleanly and blocks until it has ended.
    ///
    /// # Errors
    /// As [`Running::wait`].
    pub fn close(self) -> Result<(), AppError> {
        self.handle.stop();
        self.wait()
    }

    /// Ends the application at once, as a crash would: it commits nothing and does not leave the group. For
    /// demonstrations and tests. The state folder is free again when this returns.
    pub fn kill(mut self) {
        self.handle.0.killed.store(true, Ordering::SeqCst);
        self.handle.0.doorbell.ring();
        self.join();
    }

    /// Blocks until all tasks are running.
    ///
    /// # Errors
    /// The error that ended the application before that.
    pub fn wait_until_running(&self) -> Result<(), AppError> {
        match self.handle.0.wait_until(|state| state == AppState::Running) {
            AppState::Running => Ok(()),
            _ => self.handle.error().map_or(Ok(()), Err),
        }
    }

    /// Stops the application at the first Ctrl-C or SIGTERM; the second ends the process at once. The handler stays
    /// installed for later applications; while none is running, a signal ends the process.
    ///
    /// Other handlers are replaced, unless they were set through the crate `ctrlc`.
    ///
    /// # Errors
    /// When a handler was already set through `ctrlc`. Call [`Handle::stop`] from that one instead.
    pub fn stop_on_signals(&self) -> Result<(), AppError> {
        signals::stop(&self.handle.0)
    }

    fn join(&mut self) {
        // A listener that ends the application must not wait for its own thread.
        let me = std::thread::current().id();
        for thread in std::mem::take(&mut self.threads).into_iter().filter(|thread| thread.thread().id() != me) {
            let name = thread.thread().name().unwrap_or_default().to_owned();
            if thread.join().is_err() {
                let error = AppError::Panic { thread: name, message: "see the log".to_owned() };
                self.handle.0.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            }
        }
    }
}

impl std::ops::Deref for Running {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.stop();
        self.join();
    }
}
