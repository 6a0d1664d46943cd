//! A task on its way to running: its folder, its state, its positions, and the tail of its changelogs.
//!
//! ```text
//! Claim ----> AskCommitted ----> AskBounds ----> Restoring ----> Ready
//! (folder,    (the group's       (where inputs   (changelogs up
//!  store)      positions)         and changelogs  to their end)
//!                                 begin and end)
//! ```
//!
//! The order matters (rules F10, S7): the changelogs' ends are asked for only after the group's positions
//! were answered, so that everything the previous owner committed lies before them. They are read
//! uncommitted: markers may still be on their way. Restoring is done when the *position* has reached the
//! end, not when a last record was seen.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::{ChangelogPartition, StartPosition, TaskStore, unlogged};
use crate::log::{CommittedOffset, LogError, LogErrorKind, RecordBatch, Reply};
use crate::operators::Destination;
use crate::record::{Offset, TaskId, Timestamp, TopicPartition};
use crate::runtime::age;
use crate::runtime::bounds::Bounds;
use crate::runtime::directory::TaskFolder;
use crate::runtime::notes::{Trouble, changelog_key, check_format, check_topics, read_i64, time_key};
use crate::runtime::offset_metadata::OffsetMetadata;
use crate::runtime::settings::{Guarantee, OffsetReset};
use crate::runtime::worker::Shared;
use crate::runtime::{AppError, TaskMetrics, TaskPhase};
use crate::state::kinds::ChangelogRecord;
use crate::state::{META, Store, StoreBatch, StoreError, StoreErrorKind, StoreIndex, TaskState};

/// How long to wait before asking a log again that could not answer.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// A task on its way to running.
pub(crate) struct Opening {
    pub(crate) id: TaskId,
    pub(crate) metrics: TaskMetrics,
    span: tracing::Span,
    step: Step,
    retry_at: Option<Duration>,
    trouble_since: Option<Duration>,
}

/// A task whose state is complete and whose positions are known.
pub(crate) struct Ready {
    pub(crate) id: TaskId,
    pub(crate) state: Rc<RefCell<TaskState>>,
    pub(crate) stores: Vec<TaskStore>,
    /// Where the reading of each input begins.
    pub(crate) inputs: Vec<StartPosition>,
    /// The operators' stream times: the larger of what the state and the committed metadata say.
    pub(crate) times: Vec<(String, Timestamp)>,
    /// Declared last, as in a task: the store closes first.
    pub(crate) folder: TaskFolder,
}

/// What the worker should do about an opening task.
pub(crate) enum Advance {
    /// Ask again later.
    Waiting,
    /// Read these changelogs from these positions and hand what comes to [`Opening::restore`].
    Restore(Vec<(TopicPartition, Offset)>),
    /// Build it and run it.
    Ready(Box<Ready>),
}

struct Opened {
    store: Box<dyn Store>,
    stores: Vec<TaskStore>,
    inputs: Vec<TopicPartition>,
    /// Given back when dropped; declared last, so that the store is closed before another worker may open it.
    folder: TaskFolder,
}

enum Step {
    Claim,
    AskCommitted(Opened, Option<Reply<Result<Vec<Option<CommittedOffset>>, LogError>>>),
    AskBounds(Opened, Vec<Option<CommittedOffset>>, Option<Bounds>),
    Restoring(Opened, Vec<StartPosition>, Vec<(String, Timestamp)>, Vec<Restoring>),
    Done,
}

/// One changelog partition being read.
struct Restoring {
    store: usize,
    position: Offset,
    end: Offset,
}

impl Opening {
    pub(crate) fn new(id: TaskId, mut metrics: TaskMetrics) -> Self {
        metrics.phase = TaskPhase::Opening;
        let span = tracing::info_span!("task", task = %id);
        Self { id, metrics, span, step: Step::Claim, retry_at: None, trouble_since: None }
    }

    /// Goes one step further, if it can.
    pub(crate) fn advance(
        &mut self,
        shared: &Shared,
        destination: &mut dyn FnMut(&Arc<str>) -> Option<Destination>,
        now: Duration,
    ) -> Result<Advance, AppError> {
        if self.retry_at.is_some_and(|at| now < at) {
            return Ok(Advance::Waiting);
        }
        self.retry_at = None;
        let _span = self.span.clone().entered();
        match std::mem::replace(&mut self.step, Step::Done) {
            Step::Claim => {
                let Some(folder) = shared.directory.claim(self.id)? else {
                    self.step = Step::Claim;
                    return Ok(Advance::Waiting);
                };
                let opened = self.open(shared, folder, destination)?;
                self.step = Step::AskCommitted(opened, None);
                Ok(Advance::Waiting)
            }
            Step::AskCommitted(opened, reply) => {
                let mut reply = reply.unwrap_or_else(|| shared.committer.committed(opened.inputs.clone()));
                match reply.poll() {
                    Poll::Pending => self.step = Step::AskCommitted(opened, Some(reply)),
                    Poll::Ready(Some(Ok(committed))) => {
                        self.trouble_since = None;
                        self.step = Step::AskBounds(opened, committed, None);
                    }
                    Poll::Ready(other) => {
                        self.retry(shared, now, "reading the group's positions", other.and_then(Result::err))?;
                        self.step = Step::AskCommitted(opened, None);
                    }
                }
                Ok(Advance::Waiting)
            }
            Step::AskBounds(opened, committed, bounds) => {
                let mut bounds = bounds.unwrap_or_else(|| Bounds::ask(&*shared.admin, opened.bounded_partitions()));
                match bounds.poll() {
                    Poll::Pending => self.step = Step::AskBounds(opened, committed, Some(bounds)),
                    Poll::Ready(Ok(bounds)) => return self.begin_restoring(shared, opened, &committed, &bounds),
                    Poll::Ready(Err(error)) => {
                        self.retry(shared, now, "asking where topics begin and end", Some(error))?;
                        self.step = Step::AskBounds(opened, committed, None);
                    }
                }
                Ok(Advance::Waiting)
            }
            Step::Restoring(opened, inputs, times, restoring) => {
                self.metrics.restore_remaining =
                    restoring.iter().map(|part| u64::try_from(part.end.0 - part.position.0).unwrap_or(0)).sum();
                if restoring.iter().any(|part| part.position < part.end) {
                    self.step = Step::Restoring(opened, inputs, times, restoring);
                    return Ok(Advance::Waiting);
                }
                self.metrics.restore_remaining = 0;
                let Opened { folder, mut store, stores, .. } = opened;
                folder.followed_until(now);
                let mut batch = StoreBatch::default();
                age::note(&mut batch, shared.clock.now());
                store.write(batch).map_err(|error| AppError::Store { task: self.id, error })?;
                let state = Rc::new(RefCell::new(TaskState::new(store)));
                Ok(Advance::Ready(Box::new(Ready { id: self.id, folder, state, stores, inputs, times })))
            }
            Step::Done => Ok(Advance::Waiting),
        }
    }

    /// Opens the task's store and checks what is in it.
    fn open(
        &self,
        shared: &Shared,
        folder: TaskFolder,
        destination: &mut dyn FnMut(&Arc<str>) -> Option<Destination>,
    ) -> Result<Opened, AppError> {
        let failed = |error| AppError::Store { task: self.id, error };
        let topology = &shared.plan.topology;
        let ids = topology
            .subtopologies
            .iter()
            .filter(|sub| sub.id == self.id.subtopology)
            .flat_map(|sub| sub.stores.iter().copied())
            .collect::<Vec<_>>();
        let mut stores = Vec::new();
        for (id, number) in ids.iter().zip(1_u16..) {
            let Some(definition) = topology.graph.store(*id) else { continue };
            let changelog = shared.plan.changelog(*id).and_then(|topic| {
                let partition = TopicPartition { topic: Arc::clone(&topic), partition: self.id.partition };
                Some(ChangelogPartition { partition, destination: destination(&topic)?, offset: None, written: None })
            });
            stores.push(TaskStore {
                name: Arc::clone(&definition.name),
                index: StoreIndex(number),
                kind: Arc::clone(&definition.kind),
                changelog,
            });
        }
        let names = stores.iter().map(|store| store.name.to_string()).collect::<Vec<_>>();
        let mut store = shared.backend.open(folder.path(), &names).map_err(failed)?;
        check_format(&mut *store, folder.path()).map_err(failed)?;
        for part in &mut stores {
            if let Some(changelog) = &mut part.changelog {
                let offset = read_i64(&*store, &changelog_key(&part.name), folder.path()).map_err(failed)?;
                changelog.offset = offset.map(Offset);
            }
        }
        let inputs = shared.plan.inputs(self.id);
        if shared.backend.is_persistent() {
            let changelogs = stores.iter().filter_map(|store| store.changelog.as_ref());
            let topics = inputs.iter().chain(changelogs.map(|changelog| &changelog.partition.topic));
            check_topics(&mut *store, topics, &shared.plan.ids, folder.path()).map_err(|trouble| match trouble {
                Trouble::Store(error) => failed(error),
                Trouble::App(error) => error,
            })?;
        }
        let inputs = inputs.into_iter().map(|topic| TopicPartition { topic, partition: self.id.partition }).collect();
        let mut opened = Opened { store, stores, inputs, folder };
        self.clear_old(shared, &mut opened).map_err(failed)?;
        if shared.settings.guarantee == Guarantee::ExactlyOnce {
            self.clear_holes(&mut opened).map_err(failed)?;
        }
        Ok(opened)
    }

    /// Empties stores that may have missed deletions.
    fn clear_old(&self, shared: &Shared, opened: &mut Opened) -> Result<(), StoreError> {
        let noted = opened.store.get(META, age::KEY)?;
        let idle = opened.folder.idle_for(shared.clock.monotonic());
        let now = shared.clock.now();
        for number in 0..opened.stores.len() {
            let Some((changelog, Some(_))) = opened.changelog(number) else { continue };
            let kept = age::delete_retention(&shared.plan, &changelog.topic, &shared.settings.topic_configs);
            let is_too_old = match idle {
                Some(idle) => age::is_too_long(idle, kept),
                None => age::is_too_old(noted.clone(), now, kept, opened.folder.path())?,
            };
            if is_too_old {
                tracing::warn!(task = %self.id, %changelog,
                    "the local state is so old that deletions may be gone from its changelog; rebuilding the store from it");
                opened.clear(number)?;
            }
        }
        Ok(())
    }

    /// Empties stores of which nobody knows whether they hold all that was committed.
    fn clear_holes(&self, opened: &mut Opened) -> Result<(), StoreError> {
        if !unlogged::may_have_a_hole(&*opened.store)? {
            return Ok(());
        }
        for number in 0..opened.stores.len() {
            let Some(store) = opened.stores.get(number).filter(|store| unlogged::is_unlogged(store)) else { continue };
            tracing::warn!(task = %self.id, store = &*store.name,
                "the store has no changelog, and may lack what was committed last before the application ended; it begins empty");
            opened.clear(number)?;
        }
        unlogged::forget_hole(&mut *opened.store)
    }

    fn begin_restoring(
        &mut self,
        shared: &Shared,
        mut opened: Opened,
        committed: &[Option<CommittedOffset>],
        bounds: &[(Offset, Offset)],
    ) -> Result<Advance, AppError> {
        let mut times = self.stored_times(shared, &opened)?;
        let mut inputs = Vec::new();
        let mut bounds = bounds.iter().copied();
        let committed = committed.iter().map(Option::as_ref).chain(std::iter::repeat(None));
        for (partition, committed) in opened.inputs.iter().zip(committed) {
            let (start, end) = bounds.next().unwrap_or_default();
            let (position, partition_time) = match committed {
                Some(committed) => (committed.offset, read_times(committed, &mut times)),
                // The setting is about input; what is on its way between tasks is never skipped.
                None if shared.plan.is_repartition_topic(&partition.topic) => (start, Timestamp::UNKNOWN),
                None => (first_position(shared.settings.offset_reset, partition, start, end)?, Timestamp::UNKNOWN),
            };
            let committed_metadata = committed.map_or_else(String::new, |committed| committed.metadata.clone());
            inputs.push(StartPosition { partition: partition.clone(), position, committed_metadata, partition_time });
        }
        let mut restoring = Vec::new();
        let mut assignments = Vec::new();
        for store in 0..opened.stores.len() {
            let Some((partition, stored)) = opened.changelog(store) else { continue };
            let (start, end) = bounds.next().unwrap_or_default();
            let position = self.restore_from(&mut opened, store, &partition, stored, start, end)?;
            restoring.push(Restoring { store, position, end });
            if position < end {
                assignments.push((partition, position));
            }
        }
        self.metrics.phase = TaskPhase::Restoring;
        self.step = Step::Restoring(opened, inputs, times, restoring);
        Ok(Advance::Restore(assignments))
    }

    /// Where the reading of a store's changelog begins.
    fn restore_from(
        &self,
        opened: &mut Opened,
        store: usize,
        changelog: &TopicPartition,
        stored: Option<Offset>,
        start: Offset,
        end: Offset,
    ) -> Result<Offset, AppError> {
        match stored {
            Some(stored) if stored > end => Err(AppError::ChangelogLost {
                partition: changelog.clone(),
                end: end.0,
                stored: stored.0,
                folder: opened.folder.path().to_owned(),
            }),
            Some(stored) if stored >= start => Ok(stored),
            Some(stored) => {
                tracing::warn!(task = %self.id, %changelog, stored = stored.0, start = start.0,
                    "the changelog no longer holds what follows the local state; rebuilding the store from what is left");
                opened.clear(store).map_err(|error| AppError::Store { task: self.id, error })?;
                Ok(start)
            }
            None => Ok(start),
        }
    }

    /// Applies changelog records. Data and the offset behind it are one batch, so a crash in between
    /// loses nothing and repeats nothing.
    pub(crate) fn restore(&mut self, partition: &TopicPartition, batch: &RecordBatch) -> Result<(), AppError> {
        let Step::Restoring(opened, _, _, restoring) = &mut self.step else { return Ok(()) };
        let Some(part) = restoring.iter_mut().find(|part| opened.is_changelog(part.store, partition)) else {
            return Ok(());
        };
        let Some(store) = opened.stores.get_mut(part.store) else { return Ok(()) };
        let mut changes = StoreBatch::default();
        for record in batch.iter() {
            let Some(key) = record.key else { continue };
            let logged = ChangelogRecord { key, value: record.value, timestamp: record.timestamp };
            match store.kind.to_store(logged) {
                Some((key, Some(value))) => changes.put(store.index, key, value),
                Some((key, None)) => changes.delete(store.index, key),
                None => {
                    let reason = format!("changelog {partition} holds a malformed record at offset {}", record.offset);
                    return Err(AppError::Store {
                        task: self.id,
                        error: StoreError::new(StoreErrorKind::Decode, reason),
                    });
                }
            }
        }
        let position = batch.next_offset();
        changes.put(META, changelog_key(&store.name), position.0.to_be_bytes());
        opened.store.write(changes).map_err(|error| AppError::Store { task: self.id, error })?;
        if let Some(changelog) = &mut store.changelog {
            changelog.offset = Some(position);
        }
        part.position = position;
        self.metrics.restored += batch.len() as u64;
        Ok(())
    }

    /// The changelog was read to its end.
    pub(crate) fn restored_to(&mut self, partition: &TopicPartition, position: Offset) {
        if let Step::Restoring(opened, _, _, restoring) = &mut self.step
            && let Some(part) = restoring.iter_mut().find(|part| opened.is_changelog(part.store, partition))
        {
            part.position = part.position.max(position);
        }
    }

    /// The changelog partitions being read.
    pub(crate) fn changelogs(&self) -> Vec<TopicPartition> {
        match &self.step {
            Step::Restoring(opened, ..) => (0..opened.stores.len())
                .filter_map(|store| opened.changelog(store))
                .map(|(partition, _)| partition)
                .collect(),
            _ => Vec::new(),
        }
    }

    fn stored_times(&self, shared: &Shared, opened: &Opened) -> Result<Vec<(String, Timestamp)>, AppError> {
        let topology = &shared.plan.topology;
        let nodes =
            topology.subtopologies.iter().filter(|sub| sub.id == self.id.subtopology).flat_map(|sub| &sub.nodes);
        nodes
            .filter_map(|node| topology.graph.node(*node))
            .map(|node| {
                let time = read_i64(&*opened.store, &time_key(&node.name), opened.folder.path())
                    .map_err(|error| AppError::Store { task: self.id, error })?;
                Ok((node.name.to_string(), time.map_or(Timestamp::UNKNOWN, Timestamp)))
            })
            .collect()
    }

    fn retry(&mut self, shared: &Shared, now: Duration, doing: &str, error: Option<LogError>) -> Result<(), AppError> {
        let error = error.unwrap_or_else(|| LogError::new(LogErrorKind::Unavailable, "the log gave no answer"));
        let since = *self.trouble_since.get_or_insert(now);
        if !error.is_transient() || now.saturating_sub(since) > shared.settings.task_timeout {
            return Err(AppError::log(format!("task {}: {doing}", self.id), error));
        }
        tracing::debug!(task = %self.id, doing, %error, "trying again");
        self.retry_at = Some(now + RETRY_AFTER);
        Ok(())
    }
}

impl Opened {
    /// Inputs, then changelogs in the order of the stores.
    fn bounded_partitions(&self) -> Vec<TopicPartition> {
        let changelogs = self.stores.iter().filter_map(|store| store.changelog.as_ref());
        self.inputs.iter().cloned().chain(changelogs.map(|changelog| changelog.partition.clone())).collect()
    }

    fn changelog(&self, store: usize) -> Option<(TopicPartition, Option<Offset>)> {
        let changelog = self.stores.get(store)?.changelog.as_ref()?;
        Some((changelog.partition.clone(), changelog.offset))
    }

    fn is_changelog(&self, store: usize, partition: &TopicPartition) -> bool {
        self.stores
            .get(store)
            .and_then(|store| store.changelog.as_ref())
            .is_some_and(|changelog| changelog.partition == *partition)
    }

    /// Empties a store and forgets its offset, in one step (rule F9).
    fn clear(&mut self, number: usize) -> Result<(), StoreError> {
        let Some(store) = self.stores.get_mut(number) else { return Ok(()) };
        let mut batch = StoreBatch::default();
        batch.clear(store.index);
        batch.delete(META, changelog_key(&store.name));
        if let Some(changelog) = &mut store.changelog {
            changelog.offset = None;
        }
        self.store.write(batch)
    }
}

/// The partition's time when its position was committed; takes the operators' times over into `times`.
fn read_times(committed: &CommittedOffset, times: &mut [(String, Timestamp)]) -> Timestamp {
    let Some(metadata) = OffsetMetadata::decode(&committed.metadata) else { return Timestamp::UNKNOWN };
    for (name, time) in times {
        *time = (*time).max(metadata.times.get(name).copied().unwrap_or(Timestamp::UNKNOWN));
    }
    metadata.partition_time
}

fn first_position(
    reset: OffsetReset,
    partition: &TopicPartition,
    start: Offset,
    end: Offset,
) -> Result<Offset, AppError> {
    match reset {
        OffsetReset::Earliest => Ok(start),
        OffsetReset::Latest => Ok(end),
        OffsetReset::None => Err(AppError::InputOutOfRange {
            partition: partition.clone(),
            position: 0,
            detail: ": the group has committed none".to_owned(),
        }),
    }
}
