//! Opens a task: its folder, its state, its positions, and the tail of its changelogs.
//!
//! ```text
//! Claim ----> OpenStore ----> AskCommitted ----> AskBounds ----> Restoring ----> Ready
//! (the       (which may       (the group's       (where inputs   (changelogs up
//!  folder)    take time)       positions)         and changelogs  to their end)
//!                                                 begin and end)
//! ```
//!
//! The order matters: the changelogs' ends are requested only after the group's positions have arrived, so that
//! everything the previous owner committed is before those ends. The ends include uncommitted records, because
//! transaction markers may not be written yet. Restoring is complete when the *position* has reached the end, not
//! when some last record was seen.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::changelog_loss::{KeptTopics, look_for_losses};
use super::expired::{self, Unknown};
use super::restored_rows::rows_of;
use super::starts::{AskedTimes, first_position, reset_of};
use super::{StartPosition, TaskStore, layouts, unlogged};
use crate::log::{CommittedOffset, Isolation, LogError, LogErrorKind, RecordBatch, Reply};
use crate::operators::{Destination, is_mark, mark_of_store, time_of_store};
use crate::record::{Offset, TaskId, Timestamp, TopicPartition};
use crate::runtime::age;
use crate::runtime::bounds::{Bounds, Extent};
use crate::runtime::directory::{FolderBeingOpened, TaskFolder};
use crate::runtime::follower::Follower;
use crate::runtime::long_wait::Awaited;
use crate::runtime::notes::{NoteTrouble, changelog_key, check_format, check_topics, read_i64, time_key};
use crate::runtime::offset_metadata::{KeptTopic, OffsetMetadata};
use crate::runtime::questions::Questions;
use crate::runtime::retry::Retry;
use crate::runtime::settings::Guarantee;
use crate::runtime::worker::Common;
use crate::runtime::{AppError, TaskMetrics, TaskPhase};
use crate::state::{META, PartlyInMemory, Store, StoreBatch, StoreError, TaskState};
use crate::topic::TimestampPolicy;

/// How long to wait before retrying a log that could not answer.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// A task that is being opened.
pub(crate) struct Opening {
    pub(crate) id: TaskId,
    pub(crate) metrics: TaskMetrics,
    span: tracing::Span,
    step: OpeningStep,
    retry: Retry,
    trouble_since: Option<Duration>,
    /// What the log has answered last.
    trouble: Option<LogError>,
    /// Since when others wait for it, as far as anybody has asked.
    awaited_since: Option<Duration>,
    /// When the time spent on restoring was added up last.
    restoring_since: Option<Duration>,
    /// The changelog because of which positions are asked for again.
    doubted: Option<TopicPartition>,
}

/// A task whose state is complete and whose positions are known.
pub(crate) struct Ready {
    pub(crate) id: TaskId,
    pub(crate) state: Rc<RefCell<TaskState>>,
    pub(crate) stores: Vec<TaskStore>,
    /// Where reading of each input starts.
    pub(crate) inputs: Vec<StartPosition>,
    /// The operators' times: those in the state and in the committed metadata together (`read_times`).
    pub(crate) times: Vec<(String, Timestamp)>,
    /// The inputs, as the topics that committed positions rest on.
    pub(crate) topics: Vec<KeptTopic>,
    /// Declared last, so that the store is closed first, as in a task.
    pub(crate) folder: TaskFolder,
}

/// What the worker should do with a task that is being opened.
pub(crate) enum Advance {
    /// Ask again later.
    Waiting,
    /// Read these changelogs from these positions, and pass the records to [`Opening::restore`].
    Restore(Vec<(TopicPartition, Offset)>),
    /// Build it and run it.
    Ready(Box<Ready>),
}

/// A task whose store is open.
pub(super) struct OpenedTask {
    pub(super) store: Box<dyn Store>,
    pub(super) stores: Vec<TaskStore>,
    pub(super) inputs: Vec<TopicPartition>,
    pub(super) follower: Follower,
    /// What it rests on, if its positions are unknown.
    unknown: Unknown,
    /// Released when dropped. Declared last, so that the store is closed before another worker may open it.
    pub(super) folder: TaskFolder,
}

enum OpeningStep {
    Claim,
    OpenStore(Vec<TaskStore>, FolderBeingOpened),
    AskCommitted(OpenedTask, Option<Reply<Result<Vec<Option<CommittedOffset>>, LogError>>>),
    AskBounds(OpenedTask, Vec<Option<CommittedOffset>>, Option<Box<AskedBounds>>),
    /// Only if inputs without a position are read from some time on.
    AskTimes(OpenedTask, Vec<Option<CommittedOffset>>, Extents, Option<AskedTimes>),
    Restoring(OpenedTask, Vec<StartPosition>, Vec<(String, Timestamp)>),
    /// Restoring has failed, while these changelogs were read.
    Failed(AppError, Vec<TopicPartition>),
    Done,
}

impl Opening {
    pub(crate) fn new(id: TaskId, mut metrics: TaskMetrics) -> Self {
        metrics.phase = TaskPhase::Opening;
        let span = tracing::info_span!("task", task = %id);
        let (step, retry) = (OpeningStep::Claim, Retry::after(RETRY_AFTER));
        Self {
            id,
            metrics,
            span,
            step,
            retry,
            trouble_since: None,
            trouble: None,
            awaited_since: None,
            restoring_since: None,
            doubted: None,
        }
    }

    /// Whether it may have records to process before long: it is being opened for less than `patience`, and has no state
    /// to restore.
    pub(crate) fn is_brief(&mut self, now: Duration, patience: Duration) -> bool {
        let since = *self.awaited_since.get_or_insert(now);
        let left = self.metrics.restore_remaining;
        now.saturating_sub(since) < patience && (self.metrics.phase == TaskPhase::Opening || left == 0)
    }

    /// Waits before the first step, because the task's disk was full.
    pub(crate) fn wait_for_space(&mut self, now: Duration, pause: Duration) {
        self.metrics.phase = TaskPhase::WaitingForSpace;
        self.retry.pause_for(now, pause);
    }

    /// What it waits for the log, or for another worker, to do.
    pub(crate) fn awaits(&self) -> Option<Awaited> {
        let what = match &self.step {
            // That is told by others.
            _ if self.metrics.phase == TaskPhase::WaitingForSpace => return None,
            OpeningStep::Claim => "is given up by the worker that had it",
            OpeningStep::OpenStore(..) => "has its store open",
            OpeningStep::AskCommitted(..) => {
                "knows the group's positions, which the log does not tell while a transaction may still change them"
            }
            OpeningStep::AskBounds(..) => "knows where its topics begin and end",
            OpeningStep::AskTimes(..) => "knows where its topics are at a time",
            // How far it is with that is told by others.
            OpeningStep::Restoring(..) | OpeningStep::Failed(..) | OpeningStep::Done => return None,
        };
        Some(Awaited::of(format!("the moment when task {} {what}", self.id)).because(self.trouble.as_ref()))
    }

    /// Takes the next step, if possible.
    pub(crate) fn advance(
        &mut self,
        shared: &Common,
        questions: &mut Questions,
        destination: &mut dyn FnMut(&Arc<str>) -> Option<Destination>,
        now: Duration,
    ) -> Result<Advance, AppError> {
        if self.retry.is_pausing(now) {
            return Ok(Advance::Waiting);
        }
        let _span = self.span.clone().entered();
        match std::mem::replace(&mut self.step, OpeningStep::Done) {
            OpeningStep::Claim => {
                self.metrics.phase = TaskPhase::Opening;
                self.step = match shared.directory.claim(self.id)? {
                    Some(folder) => {
                        if folder.was_damaged() {
                            self.metrics.count_rebuild("corrupt");
                        }
                        self.begin_to_open(shared, folder, destination)
                    }
                    None => OpeningStep::Claim,
                };
                Ok(Advance::Waiting)
            }
            OpeningStep::OpenStore(stores, mut folder) => {
                match folder.poll() {
                    Poll::Pending => self.step = OpeningStep::OpenStore(stores, folder),
                    Poll::Ready(opened) => {
                        let (store, folder) = opened.map_err(|error| self.failed(error))?;
                        let opened = self.check(shared, stores, store, folder)?;
                        self.step = OpeningStep::AskCommitted(opened, None);
                    }
                }
                Ok(Advance::Waiting)
            }
            OpeningStep::AskCommitted(opened, reply) => {
                let mut reply = reply.unwrap_or_else(|| questions.positions(opened.inputs.clone()));
                match reply.poll() {
                    Poll::Pending => self.step = OpeningStep::AskCommitted(opened, Some(reply)),
                    Poll::Ready(Some(Ok(committed))) => {
                        (self.trouble_since, self.trouble) = (None, None);
                        self.step = OpeningStep::AskBounds(opened, committed, None);
                    }
                    Poll::Ready(other) => {
                        self.try_again(shared, now, "reading the group's positions", other.and_then(Result::err))?;
                        self.step = OpeningStep::AskCommitted(opened, None);
                    }
                }
                Ok(Advance::Waiting)
            }
            OpeningStep::AskBounds(opened, committed, bounds) => {
                let mut bounds = bounds.unwrap_or_else(|| Box::new(AskedBounds::ask(questions, shared, &opened)));
                match bounds.poll() {
                    Poll::Pending => self.step = OpeningStep::AskBounds(opened, committed, Some(bounds)),
                    Poll::Ready(Ok(extents)) => {
                        let asked = AskedTimes::ask(questions, shared, &opened.inputs, &committed);
                        if asked.is_empty() {
                            return self.begin_restoring(shared, opened, &committed, &extents);
                        }
                        self.step = OpeningStep::AskTimes(opened, committed, extents, Some(asked));
                    }
                    Poll::Ready(Err(error)) => {
                        self.try_again(shared, now, "asking where topics begin and end", Some(error))?;
                        self.step = OpeningStep::AskBounds(opened, committed, None);
                    }
                }
                Ok(Advance::Waiting)
            }
            OpeningStep::AskTimes(opened, committed, mut extents, asked) => {
                let mut asked = asked.unwrap_or_else(|| AskedTimes::ask(questions, shared, &opened.inputs, &committed));
                match asked.poll() {
                    Poll::Pending => self.step = OpeningStep::AskTimes(opened, committed, extents, Some(asked)),
                    Poll::Ready(Ok(found)) => {
                        extents.by_time = found;
                        return self.begin_restoring(shared, opened, &committed, &extents);
                    }
                    Poll::Ready(Err(error)) => {
                        self.try_again(shared, now, "asking where topics are at a time", Some(error))?;
                        self.step = OpeningStep::AskTimes(opened, committed, extents, None);
                    }
                }
                Ok(Advance::Waiting)
            }
            OpeningStep::Restoring(opened, inputs, times) => {
                self.metrics.restore_remaining = opened.follower.remaining();
                let since = self.restoring_since.replace(now).unwrap_or(now);
                self.metrics.restoring += now.saturating_sub(since);
                if !opened.follower.is_complete() {
                    self.step = OpeningStep::Restoring(opened, inputs, times);
                    return Ok(Advance::Waiting);
                }
                self.ready(shared, opened, inputs, times, now)
            }
            OpeningStep::Failed(error, changelogs) => {
                self.step = OpeningStep::Failed(error.clone(), changelogs);
                Err(error)
            }
            OpeningStep::Done => Ok(Advance::Waiting),
        }
    }

    fn failed(&self, error: StoreError) -> AppError {
        AppError::Store { task: self.id, error }
    }

    /// Starts opening the task's store, which may take a while.
    fn begin_to_open(
        &self,
        shared: &Common,
        folder: TaskFolder,
        destination: &mut dyn FnMut(&Arc<str>) -> Option<Destination>,
    ) -> OpeningStep {
        let mut stores = TaskStore::all(&shared.plan, self.id, destination);
        let leaves_out = matches!(shared.settings.timestamps, TimestampPolicy::Fail | TimestampPolicy::Skip);
        stores.iter_mut().for_each(|store| store.takes_negative = !leaves_out);
        let names = stores.iter().map(|store| store.name.to_string()).collect::<Vec<_>>();
        let folder = FolderBeingOpened::new(&shared.directory, &*shared.backend, folder, &names);
        OpeningStep::OpenStore(stores, folder)
    }

    /// Checks that the store's contents belong to this application, and reads how far they follow the changelogs.
    fn check(
        &mut self,
        shared: &Common,
        stores: Vec<TaskStore>,
        mut store: Box<dyn Store>,
        folder: TaskFolder,
    ) -> Result<OpenedTask, AppError> {
        let task = self.id;
        let failed = |error| AppError::Store { task, error };
        check_format(&mut *store, folder.path()).map_err(failed)?;
        let in_memory: BTreeSet<_> = stores.iter().filter(|part| part.in_memory).map(|part| part.index).collect();
        if shared.backend.is_persistent() && !in_memory.is_empty() {
            store = Box::new(PartlyInMemory::over(store, stores.len(), in_memory).map_err(failed)?);
        }
        let inputs = shared.plan.inputs(self.id);
        let changelogs = || stores.iter().filter_map(|store| Some((store, &store.changelog.as_ref()?.partition)));
        if shared.backend.is_persistent() {
            check_topics(&mut *store, &inputs, &shared.plan.ids, folder.path()).map_err(|trouble| match trouble {
                NoteTrouble::Store(error) => failed(error),
                NoteTrouble::App(error) => error,
            })?;
        }
        let followed = changelogs().map(|(store, log)| (log.clone(), store.index, changelog_key(&store.name)));
        let mut follower = Follower::new(&store, followed.collect::<Vec<_>>(), folder.path()).map_err(failed)?;
        self.clear_other_layouts(&stores, &mut store, &mut follower).map_err(failed)?;
        forget_memory(&stores, &mut store, &mut follower).map_err(failed)?;
        self.clear_old(shared, &stores, &mut store, &mut follower, &folder).map_err(failed)?;
        if shared.settings.guarantee() == Guarantee::ExactlyOnce {
            self.clear_holes(&stores, &mut store, &mut follower).map_err(failed)?;
        }
        let inputs = inputs.into_iter().map(|topic| TopicPartition { topic, partition: self.id.partition }).collect();
        Ok(OpenedTask { store, stores, inputs, follower, unknown: Unknown::default(), folder })
    }

    /// Empties stores whose rows lie in another way than before.
    fn clear_other_layouts(
        &mut self,
        stores: &[TaskStore],
        store: &mut Box<dyn Store>,
        follower: &mut Follower,
    ) -> Result<(), StoreError> {
        for part in stores {
            let Some(before) = layouts::former(&**store, part)? else { continue };
            let (task, name, now) = (self.id, &*part.name, part.layout());
            if part.changelog.is_some() {
                tracing::warn!(%task, store = name, before, now,
                    "the store's rows lie in another way than before; rebuilding it from its changelog");
            } else {
                tracing::warn!(%task, store = name, before, now,
                    "the store's rows lie in another way than before, and it has no changelog; it begins empty");
            }
            self.metrics.count_rebuild("layout");
            follower.clear(store, part.index)?;
        }
        layouts::note(&mut **store, stores)
    }

    /// Empties stores that may have missed deletions.
    fn clear_old(
        &mut self,
        shared: &Common,
        stores: &[TaskStore],
        store: &mut Box<dyn Store>,
        follower: &mut Follower,
        folder: &TaskFolder,
    ) -> Result<(), StoreError> {
        let noted = store.get(META, age::KEY)?;
        let idle = folder.idle_for(shared.clock.monotonic());
        let now = shared.clock.now();
        for (index, changelog) in stores.iter().filter_map(|store| Some((store.index, store.changelog.as_ref()?))) {
            let changelog = &changelog.partition;
            if follower.position(changelog).is_none() {
                continue;
            }
            let kept = age::delete_retention(&shared.plan, &changelog.topic, &shared.settings.topic_configs);
            let is_too_old = match idle {
                Some(idle) => age::is_too_long(idle, kept),
                None => age::is_too_old(noted.clone(), now, kept, folder.path())?,
            };
            if is_too_old {
                tracing::warn!(task = %self.id, %changelog,
                    "the local state is so old that deletions may be gone from its changelog; rebuilding the store from it");
                self.metrics.count_rebuild("age");
                follower.clear(store, index)?;
            }
        }
        Ok(())
    }

    /// Empties stores without a changelog that may lack committed changes.
    fn clear_holes(
        &mut self,
        stores: &[TaskStore],
        store: &mut Box<dyn Store>,
        follower: &mut Follower,
    ) -> Result<(), StoreError> {
        if !unlogged::may_have_a_hole(&**store)? {
            return Ok(());
        }
        for part in stores.iter().filter(|part| unlogged::is_unlogged(part)) {
            tracing::warn!(task = %self.id, store = &*part.name,
                "the store has no changelog, and may lack what was committed last before the application ended; it begins empty");
            self.metrics.count_rebuild("unlogged");
            follower.clear(store, part.index)?;
        }
        unlogged::forget_hole(&mut **store)
    }

    fn begin_restoring(
        &mut self,
        shared: &Common,
        mut opened: OpenedTask,
        committed: &[Option<CommittedOffset>],
        extents: &Extents,
    ) -> Result<Advance, AppError> {
        expired::check_noted(self.id, shared, &opened, committed)?;
        let mut times = self.stored_times(shared, &opened)?;
        let mut inputs = Vec::new();
        let mut of_inputs = extents.inputs.iter().copied();
        let committed_positions = committed;
        let committed = committed.iter().map(Option::as_ref).chain(std::iter::repeat(None));
        for (number, (partition, committed)) in opened.inputs.iter().zip(committed).enumerate() {
            let extent = of_inputs.next().unwrap_or_default();
            let (position, partition_time) = match committed {
                Some(committed) => (committed.offset, read_times(committed, &mut times)),
                None => {
                    let by_time = extents.by_time.get(&number).copied();
                    (first_position(reset_of(shared, partition), partition, extent, by_time)?, Timestamp::UNKNOWN)
                }
            };
            let committed_metadata = committed.map_or_else(String::new, |committed| committed.metadata.clone());
            let is_internal = shared.plan.is_read_back(&partition.topic);
            let partition = partition.clone();
            inputs.push(StartPosition { partition, position, committed_metadata, partition_time, is_internal });
        }
        let kept = KeptTopics::of(committed_positions);
        kept.check_inputs(&opened, &shared.plan)?;
        let changelogs = readable_changelogs(&opened, extents, committed_positions);
        opened.unknown = Unknown::of(self.id, shared, &opened, committed_positions, &changelogs);
        if let Some(changelog) = self.doubted.take()
            && let Some(error) = opened.unknown.proven_by(&opened.stores, &changelog)
        {
            return Err(error);
        }
        look_for_losses((self.id, &mut self.metrics), shared, &mut opened, &kept, &changelogs)?;
        let begun = opened.follower.begin(&mut opened.store, &changelogs);
        begun.map_err(|trouble| trouble.into_error(opened.folder.path(), |error| self.failed(error)))?;
        let left = opened.follower.left().map(|(partition, position)| (partition.clone(), position)).collect();
        self.metrics.phase = TaskPhase::Restoring;
        self.step = OpeningStep::Restoring(opened, inputs, times);
        Ok(Advance::Restore(left))
    }

    /// Everything has been read, so the state is complete and up to date.
    fn ready(
        &mut self,
        shared: &Common,
        opened: OpenedTask,
        inputs: Vec<StartPosition>,
        times: Vec<(String, Timestamp)>,
        now: Duration,
    ) -> Result<Advance, AppError> {
        let OpenedTask { folder, mut store, mut stores, follower, .. } = opened;
        for changelog in stores.iter_mut().filter_map(|store| store.changelog.as_mut()) {
            changelog.offset = follower.position(&changelog.partition);
        }
        folder.followed_until(now);
        let mut batch = StoreBatch::default();
        age::note(&mut batch, shared.clock.now());
        store.write(batch).map_err(|error| self.failed(error))?;
        let state = Rc::new(RefCell::new(TaskState::new(store)));
        let topic = |StartPosition { partition, position, .. }: &StartPosition| {
            let id = shared.plan.ids.get(&partition.topic).map_or("", String::as_str);
            KeptTopic::new(&partition.topic, id, *position, *position)
        };
        let topics = inputs.iter().map(topic).collect();
        Ok(Advance::Ready(Box::new(Ready { id: self.id, folder, state, stores, inputs, times, topics })))
    }

    /// Applies changelog records. If that fails, it takes no more of them, and [`Opening::advance`] returns the error, so that
    /// one task's error does not keep records from the others.
    pub(crate) fn restore(&mut self, partition: &TopicPartition, batch: &RecordBatch) {
        if self.doubts_positions(partition) {
            return;
        }
        if let Err(error) = self.apply(partition, batch) {
            let changelogs = self.changelogs();
            self.step = OpeningStep::Failed(AppError::Store { task: self.id, error }, changelogs);
        }
    }

    /// Whether a changelog's records show that there must be a position. It is asked for again, because somebody may have
    /// committed it since, who has the task now.
    fn doubts_positions(&mut self, changelog: &TopicPartition) -> bool {
        let OpeningStep::Restoring(opened, ..) = &self.step else { return false };
        if opened.unknown.proven_by(&opened.stores, changelog).is_none() {
            return false;
        }
        if let OpeningStep::Restoring(opened, ..) = std::mem::replace(&mut self.step, OpeningStep::Done) {
            self.doubted = Some(changelog.clone());
            self.step = OpeningStep::AskCommitted(opened, None);
        }
        true
    }

    fn apply(&mut self, partition: &TopicPartition, batch: &RecordBatch) -> Result<(), StoreError> {
        let OpeningStep::Restoring(opened, ..) = &mut self.step else { return Ok(()) };
        let changelog_of =
            |store: &&TaskStore| store.changelog.as_ref().is_some_and(|changelog| changelog.partition == *partition);
        let Some(store) = opened.stores.iter().find(changelog_of) else { return Ok(()) };
        let batch = match limit_of(opened, partition) {
            // What follows has not been processed yet.
            Some(limit) if batch.next_offset() > limit => &batch.clone().ending_before(limit),
            _ => batch,
        };
        let rows = rows_of(&*opened.store, store, partition, batch)?;
        opened.follower.apply(&mut opened.store, partition, rows, batch.next_offset())?;
        self.metrics.restored += batch.len() as u64;
        Ok(())
    }

    /// Call this when a changelog was read to its end.
    pub(crate) fn restored_to(&mut self, partition: &TopicPartition, position: Offset) {
        if let OpeningStep::Restoring(opened, ..) = &mut self.step {
            let limit = limit_of(opened, partition).unwrap_or(position);
            opened.follower.reached(partition, position.min(limit));
        }
    }

    /// The changelog partitions being read.
    pub(crate) fn changelogs(&self) -> Vec<TopicPartition> {
        match &self.step {
            OpeningStep::Restoring(opened, ..) => opened.follower.partitions().cloned().collect(),
            OpeningStep::Failed(_, changelogs) => changelogs.clone(),
            // They are still being read while positions are asked for again.
            OpeningStep::AskCommitted(opened, _)
            | OpeningStep::AskBounds(opened, ..)
            | OpeningStep::AskTimes(opened, ..)
                if self.doubted.is_some() =>
            {
                opened.follower.partitions().cloned().collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether this task is restoring from that changelog.
    pub(crate) fn restores(&self, partition: &TopicPartition) -> bool {
        matches!(&self.step, OpeningStep::Restoring(opened, ..) if opened.follower.follows(partition))
    }

    fn stored_times(&self, shared: &Common, opened: &OpenedTask) -> Result<Vec<(String, Timestamp)>, AppError> {
        let graph = shared.plan.topology.graph();
        let part = shared.plan.topology.subtopologies().iter().find(|sub| sub.id == self.id.subtopology);
        let nodes = part.into_iter().flat_map(|part| &part.nodes).filter_map(|node| graph.node(*node));
        let stores = part.into_iter().flat_map(|part| &part.stores).filter_map(|store| graph.store(*store));
        let of_stores = stores.flat_map(|store| [time_of_store(&store.name), mark_of_store(&store.name)]);
        let names = nodes.map(|node| node.name.to_string()).chain(of_stores);
        names
            .map(|name| {
                let time = read_i64(&*opened.store, &time_key(&name), opened.folder.path())
                    .map_err(|error| AppError::Store { task: self.id, error })?;
                Ok((name, time.map_or(Timestamp::UNKNOWN, Timestamp)))
            })
            .collect()
    }

    fn try_again(
        &mut self,
        shared: &Common,
        now: Duration,
        doing: &str,
        error: Option<LogError>,
    ) -> Result<(), AppError> {
        let error = error.unwrap_or_else(|| LogError::new(LogErrorKind::Unavailable, "the log gave no answer"));
        if shared.is_out_of_reach() {
            // Nobody could answer.
            self.trouble_since = None;
        }
        let since = *self.trouble_since.get_or_insert(now);
        if !error.is_transient() || now.saturating_sub(since) > shared.settings.task_timeout {
            return Err(AppError::log(format!("task {}: {doing}", self.id), error));
        }
        tracing::debug!(task = %self.id, doing, %error, "trying again");
        self.trouble = Some(error);
        self.retry.pause(now);
        Ok(())
    }
}

/// The bounds of a task's inputs and changelogs.
struct AskedBounds {
    inputs: Bounds,
    changelogs: Bounds,
}

/// Where a task's inputs and changelogs begin and end, in the order in which it has them.
struct Extents {
    inputs: Vec<Extent>,
    changelogs: Vec<Extent>,
    /// The offsets of inputs that are read from some time on, by their number.
    by_time: BTreeMap<usize, Offset>,
}

impl AskedBounds {
    fn ask(questions: &mut Questions, shared: &Common, opened: &OpenedTask) -> Self {
        let changelogs = opened.follower.partitions().cloned().collect::<Vec<_>>();
        Self {
            inputs: questions.bounds(&opened.inputs, shared.settings.input_isolation()),
            // What the previous owner has committed may still wait for its markers, so the last stable offset is not
            // enough.
            changelogs: questions.bounds(&changelogs, Isolation::ReadUncommitted),
        }
    }

    fn poll(&mut self) -> Poll<Result<Extents, LogError>> {
        match (self.inputs.poll(), self.changelogs.poll()) {
            (Poll::Ready(Ok(inputs)), Poll::Ready(Ok(changelogs))) => {
                Poll::Ready(Ok(Extents { inputs, changelogs, by_time: BTreeMap::new() }))
            }
            (Poll::Ready(Err(error)), _) | (_, Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
            _ => Poll::Pending,
        }
    }
}

/// Forgets how far stores in memory have followed their changelogs, since they begin empty.
fn forget_memory(stores: &[TaskStore], store: &mut Box<dyn Store>, follower: &mut Follower) -> Result<(), StoreError> {
    for part in stores.iter().filter(|part| part.in_memory) {
        let changelog = part.changelog.as_ref().map(|changelog| &changelog.partition);
        if changelog.is_some_and(|changelog| follower.position(changelog).is_some()) {
            follower.clear(store, part.index)?;
        }
    }
    Ok(())
}

/// How far changelogs are to be read. Where an input is its table's changelog, that is as far as it was processed; what
/// follows is yet to come as input.
fn readable_changelogs(opened: &OpenedTask, extents: &Extents, committed: &[Option<CommittedOffset>]) -> Vec<Extent> {
    let readable = |(partition, extent): (&TopicPartition, &Extent)| {
        if !is_input(&opened.stores, partition) {
            return *extent;
        }
        let number = opened.inputs.iter().position(|input| input == partition);
        let committed = number.and_then(|number| committed.get(number)?.as_ref());
        let processed = committed.map_or(extent.start, |committed| committed.offset);
        Extent { readable: extent.readable.min(processed), ..*extent }
    };
    opened.follower.partitions().zip(&extents.changelogs).map(readable).collect()
}

/// Where restoring must not go on reading a changelog, because it is an input.
fn limit_of(opened: &OpenedTask, changelog: &TopicPartition) -> Option<Offset> {
    is_input(&opened.stores, changelog).then(|| opened.follower.end(changelog))?
}

fn is_input(stores: &[TaskStore], changelog: &TopicPartition) -> bool {
    let mut changelogs = stores.iter().filter_map(|store| store.changelog.as_ref());
    changelogs.any(|of_store| of_store.is_input && of_store.partition == *changelog)
}

/// Returns the partition's time as of the commit, and merges the operators' times into `times`: the larger one counts. Of
/// times that may go back the committed one does, because records after the commit are processed once more.
fn read_times(committed: &CommittedOffset, times: &mut [(String, Timestamp)]) -> Timestamp {
    let Some(metadata) = OffsetMetadata::decode(&committed.metadata) else { return Timestamp::UNKNOWN };
    for (name, time) in times {
        if let Some(committed) = metadata.time(name) {
            *time = if is_mark(name) { committed } else { committed.max(*time) };
        }
    }
    metadata.partition_time
}
