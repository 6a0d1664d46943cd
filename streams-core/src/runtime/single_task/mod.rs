//! A topology as one task without a log, stepped record by record, as Kafka Streams' `TopologyTestDriver` does.
//!
//! It owns the order of things: which record comes next, when punctuators fire, when the caches are flushed, and that
//! what is sent comes back in where the topology reads it. What a record does is left to [`Task`], which is
//! production's. `sent.rs` stands in for the log, `globals.rs` has the global tables, and `rows.rs` reads the stores.
//!
//! All sub-topologies are one task with one stream time, and every topic has one partition.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::collector::ProducerCollector;
use super::control::Status;
use super::directory::StateDirectory;
use super::failures::{ErrorPolicy, Failures, check_dead_letters};
use super::home::Home;
use super::matching::patterns;
use super::output_topics::OutputTopics;
use super::plan::Plan;
use super::settings::ErrorSettings;
use super::task::{BufferedBytes, Building, DueQueue, Ready, StartPosition, Task, TaskStore, resolve};
use super::worker::panic_message;
use super::{AppError, TaskMetrics};
use crate::clock::{Clock as _, ManualClock};
use crate::executor::{SharedExecutor, Stepped};
use crate::log::{BatchBuilder, Doorbell, RecordBatch};
use crate::operators::handler::{Handling, InFlightBudget};
use crate::operators::{BuildError, DropReason, PunctuationTime, StoreId};
use crate::random::{Seeded, SystemRandom};
use crate::record::{Headers, Offset, Partition, TaskId, Timestamp, TopicPartition};
use crate::state::{CacheBudget, Memory, StateBackend as _, TaskState};
use crate::topic::{Pattern, TimestampPolicy};
use crate::topology::Topology;

mod globals;
mod rows;
mod sent;

pub use rows::RawRow;
pub use sent::SentRecord;

use globals::Globals;
use sent::Sent;

/// The only task, as in Kafka Streams' driver.
const TASK: TaskId = TaskId { subtopology: 0, partition: Partition(0) };

/// How many rows are looked at in one call.
const ROWS_PER_CALL: usize = usize::MAX;

/// What a [`SingleTask`] is started with.
pub(crate) struct SingleTaskOptions {
    pub(crate) application_id: String,
    pub(crate) cache_bytes: usize,
    pub(crate) errors: ErrorSettings,
    pub(crate) timestamps: TimestampPolicy,
    pub(crate) start: Timestamp,
}

/// A record for an input topic.
pub(crate) struct RecordIn<'a> {
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) timestamp: Timestamp,
    pub(crate) headers: &'a Headers,
}

/// Tells of topics whether they match a pattern.
type Matcher = Box<dyn Fn(&str) -> bool>;

/// A topology as one task.
pub(crate) struct SingleTask {
    task: Task,
    inputs: BTreeMap<Arc<str>, usize>,
    patterns: Vec<(Arc<str>, Matcher)>,
    /// The inputs that have records, by the timestamp of the next one.
    queue: DueQueue,
    /// The offset of each input's next record.
    ends: Vec<Offset>,
    globals: Globals,
    collector: Rc<RefCell<ProducerCollector>>,
    cache_budget: CacheBudget,
    sent: Sent,
    clock: ManualClock,
    executor: SharedExecutor,
    status: Arc<Status>,
}

impl SingleTask {
    /// Builds the task.
    ///
    /// # Errors
    /// When a part of the topology cannot be built.
    pub(crate) fn new(topology: Topology, options: SingleTaskOptions) -> Result<Self, AppError> {
        let SingleTaskOptions { application_id, cache_bytes, errors, timestamps, start } = options;
        check_dead_letters(&topology, &errors)?;
        let matcher = |pattern: &Pattern| (Arc::clone(pattern.text()), Box::new(pattern.matcher()) as Matcher);
        let patterns = patterns(&topology).map(matcher).collect();
        let mut plan = Plan::with_one_partition(application_id.into(), Arc::new(topology.merged()));
        plan.partitions.extend(errors.dead_letter_topic.as_deref().map(|topic| (topic.into(), 1)));
        let (status, clock, sent) = (Status::new(), ManualClock::at(start), Sent::new(timeless(&plan)));
        let producer = Box::new(sent.producer());
        let (topics, time) = (OutputTopics::with_one_partition(), Arc::new(clock.clone()));
        let collector = Rc::new(RefCell::new(ProducerCollector::new(producer, topics, time, false)));
        let cache_budget = CacheBudget::new(cache_bytes);
        let executor: SharedExecutor = Arc::new(Stepped::new(Arc::new(clock.clone())));
        let globals = Globals::open(&plan, errors.undecodable, &status, &clock)?;
        let building = Building {
            plan: &plan,
            globals: &globals.stores(),
            collector: &collector,
            cache_budget: &cache_budget,
            drops: &status.drops,
            totals: &status.totals,
            wall_clock: start,
            timestamps,
            repeats_flaws: true,
            alignment: None,
            // Nothing that was committed is undone.
            is_exactly_once: false,
            failures: &Failures::new(Arc::new(ErrorPolicy::of(errors))),
            buffered: &BufferedBytes::default(),
            handling: &Handling {
                executor: Arc::clone(&executor),
                doorbell: Doorbell::new(),
                random: Arc::new(Seeded::new(0)),
                waits_for_commits: false,
                budget: InFlightBudget::of(usize::MAX),
            },
        };
        let task = building.build(ready(&plan, &collector)?, TaskMetrics::default())?;
        let inputs = task.inputs.iter().enumerate().map(|(index, input)| (Arc::clone(&input.partition.topic), index));
        let (inputs, ends) = (inputs.collect(), vec![Offset(0); task.inputs.len()]);
        let queue = DueQueue::default();
        Ok(Self {
            task,
            inputs,
            patterns,
            queue,
            ends,
            globals,
            collector,
            cache_budget,
            sent,
            clock,
            executor,
            status,
        })
    }

    /// The topics that the topology reads.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &str> {
        self.inputs.keys().map(|topic| &**topic).chain(self.globals.topics())
    }

    /// Processes a record, and everything that follows from it. Returns whether the topology reads the topic.
    ///
    /// # Errors
    /// When a record cannot be processed. Nothing can be processed after that.
    pub(crate) fn pipe(&mut self, topic: &str, record: &RecordIn<'_>) -> Result<bool, AppError> {
        let is_input = self.enqueue(&self.read_as(topic), record);
        if is_input {
            self.process_all()?;
        }
        let is_global = self.apply_globally(topic, record)?;
        Ok(is_input || is_global)
    }

    /// The name under which the topology reads a topic: its pattern's, if it matches one. All topics that match are one
    /// input, as in Kafka Streams' driver.
    fn read_as(&self, topic: &str) -> Arc<str> {
        let matching = self.patterns.iter().find(|(_, matches)| matches(topic));
        matching.map_or_else(|| topic.into(), |(pattern, _)| Arc::clone(pattern))
    }

    /// Moves the clock and fires the wall-clock punctuators that are due, each once.
    ///
    /// # Errors
    /// As [`SingleTask::pipe`].
    pub(crate) fn advance_clock(&mut self, by: std::time::Duration) -> Result<(), AppError> {
        self.clock.advance(by);
        let now = self.now();
        self.task.context.wall_clock = now;
        self.guarded(|single| single.task.punctuate(PunctuationTime::WallClock, now).map(drop))?;
        self.attend()?;
        self.commit()?;
        // Records of retry topics may be due. Others are processed already.
        for index in 0..self.task.inputs.len() {
            if let Some(time) = self.task.next_time(index) {
                self.queue.add(time, index);
            }
        }
        self.process_all()
    }

    /// The clock's time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Takes the records that were sent since the last call, to all topics, in order.
    pub(crate) fn take_sent(&mut self) -> Vec<SentRecord> {
        self.sent.take()
    }

    /// All rows of all stores: of each store in turn, in the order of their keys' bytes.
    ///
    /// # Errors
    /// When a store holds bytes that are no rows.
    pub(crate) fn rows(&self) -> Result<Vec<RawRow>, AppError> {
        let mut rows = Vec::new();
        rows::of_task(&self.task, &mut rows).map_err(|error| AppError::Store { task: TASK, error })?;
        self.globals.rows(&mut rows).map_err(|error| AppError::Store { task: TASK, error })?;
        Ok(rows)
    }

    /// How many records were dropped so far, by node and reason.
    pub(crate) fn dropped(&self) -> BTreeMap<(Box<str>, DropReason), u64> {
        self.status.drops.totals()
    }

    /// Queues a record for the task. Returns whether it reads the topic.
    fn enqueue(&mut self, topic: &str, record: &RecordIn<'_>) -> bool {
        let Some(index) = self.inputs.get(topic).copied() else { return false };
        let (Some(input), Some(end)) = (self.task.inputs.get_mut(index), self.ends.get_mut(index)) else {
            return false;
        };
        let was_empty = input.buffered() == 0;
        input.push(batch_of(record, *end));
        *end = end.next();
        if was_empty && let Some(time) = self.task.next_time(index) {
            self.queue.add(time, index);
        }
        true
    }

    /// Processes what is queued until nothing is left.
    fn process_all(&mut self) -> Result<(), AppError> {
        self.take_back()?;
        while let Some((_, index)) = self.queue.take_due(Timestamp(i64::MAX)) {
            self.guarded(|single| single.task.process_one(index, Duration::ZERO))?;
            self.attend()?;
            self.leave_out(index)?;
            if let Some(next) = self.task.next_time(index) {
                self.queue.add(next, index);
            }
            self.commit()?;
            self.take_back()?;
        }
        Ok(())
    }

    /// Lets handlers run as far as they get without time passing, and does what follows from that.
    fn attend(&mut self) -> Result<(), AppError> {
        let now = self.clock.monotonic();
        loop {
            self.executor.step();
            if self.guarded(|single| single.task.attend(now, true))? == 0 {
                return Ok(());
            }
        }
    }

    /// Leaves out the next records of an input that cannot be processed. Kafka Streams does so when it looks for the first
    /// one that can, before anything else happens; if there is none, the last of the others takes its turn (KAFKA-6502).
    fn leave_out(&mut self, index: usize) -> Result<(), AppError> {
        while self.task.inputs.get(index).is_some_and(|input| input.buffered() > 1)
            && self.task.next_time(index).is_some_and(|time| time.0 < 0)
        {
            self.guarded(|single| single.task.process_one(index, Duration::ZERO))?;
        }
        Ok(())
    }

    /// Flushes the caches and writes the state.
    fn commit(&mut self) -> Result<(), AppError> {
        self.guarded(|single| {
            // Java writes and forwards row by row.
            while single.task.flush_caches(1)? {}
            single.task.write_state(&single.collector.borrow(), true)?;
            single.task.work_is_written();
            single.task.committed(&HashMap::new())?;
            while single.cache_budget.is_exceeded() && !single.task.make_room(ROWS_PER_CALL)? {}
            Ok(())
        })
    }

    /// Brings records that were sent to topics that the topology reads back in.
    fn take_back(&mut self) -> Result<(), AppError> {
        let new = self.sent.take_new();
        for sent in &new {
            let record = RecordIn {
                key: sent.key.as_deref(),
                value: sent.value.as_deref(),
                timestamp: sent.timestamp.unwrap_or(Timestamp::UNKNOWN),
                headers: &sent.headers,
            };
            self.enqueue(&self.read_as(&sent.topic), &record);
            self.apply_globally(&sent.topic, &record)?;
        }
        self.sent.keep(new);
        Ok(())
    }

    /// Applies a record to the global tables of its topic. Returns whether there are any.
    fn apply_globally(&mut self, topic: &str, record: &RecordIn<'_>) -> Result<bool, AppError> {
        self.guarded(|single| single.globals.apply(topic, record))
    }

    /// Does some of the work. A panic in the application's code is an error.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, AppError>) -> Result<T, AppError> {
        catch_unwind(AssertUnwindSafe(|| work(&mut *self)))
            .unwrap_or_else(|panic| Err(self.task.panicked(panic_message(&*panic))))
    }
}

/// The changelogs whose records' timestamps mean nothing.
fn timeless(plan: &Plan) -> Vec<Arc<str>> {
    let stores = (0..).map(StoreId).zip(&plan.topology.graph().stores);
    stores.filter(|(_, store)| !store.kind.logs_times()).filter_map(|(id, _)| plan.changelog(id)).collect()
}

/// The task's state, empty.
fn ready(plan: &Plan, collector: &RefCell<ProducerCollector>) -> Result<Ready, AppError> {
    let stores = TaskStore::all(plan, TASK, &mut |topic| resolve(plan, collector, topic));
    let names = stores.iter().map(|store| store.name.to_string()).collect::<Vec<_>>();
    let folder = StateDirectory::new(Home::Nowhere, &SystemRandom)?.claim(TASK)?.ok_or_else(|| {
        let error = BuildError { node: "-".to_owned(), reason: "its folder is in use".to_owned() };
        AppError::Build { task: TASK, error }
    })?;
    let store = Memory.open(folder.path(), &names).map_err(|error| AppError::Store { task: TASK, error })?;
    let input = |topic: Arc<str>| StartPosition {
        is_internal: plan.is_read_back(&topic),
        partition: TopicPartition { topic, partition: TASK.partition },
        position: Offset(0),
        committed_metadata: String::new(),
        partition_time: Timestamp::UNKNOWN,
    };
    let inputs = plan.inputs(TASK).into_iter().map(input).collect();
    let state = Rc::new(RefCell::new(TaskState::new(store)));
    Ok(Ready { id: TASK, state, stores, inputs, times: Vec::new(), topics: Vec::new(), folder })
}

fn batch_of(record: &RecordIn<'_>, offset: Offset) -> RecordBatch {
    let mut builder = BatchBuilder::default();
    builder.push(offset, record.timestamp, record.key, record.value, record.headers);
    builder.finish(offset.next())
}
