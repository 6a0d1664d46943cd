//! A running task: one partition of one sub-topology.
//!
//! A task owns its operators, its state and its input buffer, and stays on one worker. It processes records when
//! called; the worker takes care of reading, committing and restoring.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::age;
use super::directory::TaskFolder;
use super::drop_notices::DropNotices;
use super::failures::{DeadLetters, Failures};
use super::metrics::{StoreMetrics, TaskMetrics, TaskPhase};
use super::notes::{changelog_key, time_key};
use super::offset_metadata::{KeptTopic, OffsetMetadata};
use super::pulse::InHand;
use super::queries::TaskReader;
use super::summary::Totals;
use super::worker::panic_message;
use super::{AppError, collector::ProducerCollector};
use crate::config::OnError;
use crate::log::OffsetToCommit;
use crate::operators::handler::HandlerMetrics;
use crate::operators::source::IsReadable;
use crate::operators::{
    Address, Context, Destination, DropReason, OperatorError, PunctuationTime, TaskParts, blamed, blaming,
};
use crate::record::{Offset, TaskId, Timestamp, TopicPartition};
use crate::state::{
    CommittedRows, META, StoreBatch, StoreError, StoreIndex, StoreKind, StoreSize, StoreView, TaskState,
};

mod attending;
mod buffer;
mod buffered_bytes;
mod building;
mod changelog_loss;
mod done;
mod due_queue;
mod event_time;
mod expired;
mod failing;
mod layouts;
mod odd_times;
mod opening;
mod parking;
mod punctuate;
mod restored_rows;
mod starts;
mod teller;
mod unlogged;
mod watching;

pub(crate) use buffer::{Input, StartPosition};
pub(crate) use buffered_bytes::BufferedBytes;
pub(crate) use building::{Building, resolve};
pub(crate) use due_queue::DueQueue;
pub(crate) use event_time::Next;
pub(crate) use failing::{Failing, tell_retry};
pub(crate) use odd_times::{origin_of, writing_failed};
pub(crate) use opening::{Advance, Opening, Ready};

use buffer::next_input;
use done::Done;
use failing::{Traces, guard_future, set_position};
use odd_times::OddTimes;
use punctuate::Punctuations;
use teller::Teller;

/// How many records are processed between two checks for back-pressure of the producer.
const RECORDS_PER_LOOK: usize = 64;

/// A running or suspended task.
pub(crate) struct Task {
    pub(crate) id: TaskId,
    pub(crate) inputs: Vec<Input>,
    pub(crate) state: Rc<RefCell<TaskState>>,
    pub(crate) stores: Vec<TaskStore>,
    pub(crate) metrics: TaskMetrics,
    /// The drop counts from before the task was opened; the context counts from 0.
    dropped_before: BTreeMap<&'static str, u64>,
    /// The same for what handlers have done.
    handled_before: BTreeMap<Arc<str>, HandlerMetrics>,
    pub(crate) context: Context,
    notices: DropNotices,
    failures: Failures,
    dead_letters: Option<DeadLetters>,
    is_exactly_once: bool,
    /// What had been done when the record in hand began.
    traces: Traces,
    /// What was decided about the record with which something has just failed.
    answer: Option<OnError>,
    /// Whether it has left out a record that was set aside, and goes on when that is committed (under at-least-once).
    awaits_commit: bool,
    done: Done,
    odd_times: OddTimes,
    /// Which record is in hand, for the control.
    in_hand: Arc<InHand>,
    parts: TaskParts,
    punctuations: Punctuations,
    /// `None` unless event time is aligned and the task sends to a repartition topic.
    teller: Option<Teller>,
    /// Whether a punctuator has fired since the last commit, so that its output must be committed.
    punctuated: bool,
    /// The inputs, as the topics that the positions rest on.
    topics: Vec<KeptTopic>,
    /// Whether it was told that stream times do not fit into the positions' metadata.
    are_times_left_out: bool,
    /// Whether the state is marked as being in the middle of a transaction's end.
    is_transaction_ending: bool,
    span: tracing::Span,
    /// Reads its committed rows beside the worker, where that is possible.
    reader: Option<Arc<TaskReader>>,
    /// Held for the task's lifetime. Declared after `state`, so that the store is closed first.
    folder: TaskFolder,
}

/// One store of a task.
pub(crate) struct TaskStore {
    pub(crate) name: Arc<str>,
    pub(crate) index: StoreIndex,
    pub(crate) kind: Arc<dyn StoreKind>,
    /// If the changelog is an input: which of its records became rows.
    pub(crate) is_readable: Option<IsReadable>,
    /// Whether records with negative timestamps became rows, too.
    pub(crate) takes_negative: bool,
    /// Whether its rows are kept in memory wherever those of other stores are.
    pub(crate) in_memory: bool,
    pub(crate) changelog: Option<ChangelogPartition>,
}

/// A store's changelog, and how far the local state has followed it.
pub(crate) struct ChangelogPartition {
    pub(crate) partition: TopicPartition,
    pub(crate) destination: Destination,
    /// Whether it is one of the task's inputs, which nothing is written to. The local state has followed it as far as it was
    /// processed.
    pub(crate) is_input: bool,
    /// The topic's id; empty if the log has none.
    pub(crate) id: String,
    /// Where it began when the task was opened.
    pub(crate) start: Offset,
    /// The changelog offset after the changes in the committed state, as recorded with the state.
    pub(crate) offset: Option<Offset>,
    /// The same for state that is written but not yet committed.
    pub(crate) written: Option<Offset>,
}

impl Task {
    /// Creates a task that is ready to run.
    pub(crate) fn new(
        ready: Ready,
        mut parts: TaskParts,
        context: Context,
        inputs: Vec<Input>,
        metrics: TaskMetrics,
        (drops, totals): (&DropNotices, &Totals),
        failing: Failing,
    ) -> Self {
        let Failing { failures, dead_letters, is_exactly_once } = failing;
        let Ready { id, folder, state, stores, topics, .. } = ready;
        let in_hand = InHand::of(id, inputs.iter().map(|input| input.partition.clone()));
        let mut task = Self {
            id,
            inputs,
            state,
            stores,
            dropped_before: metrics.dropped.clone(),
            handled_before: metrics.handlers.clone(),
            metrics,
            punctuations: Punctuations::new(std::mem::take(&mut parts.punctuations), parts.schedule.clone(), &context),
            teller: None,
            punctuated: false,
            topics,
            are_times_left_out: false,
            is_transaction_ending: false,
            context,
            notices: drops.clone(),
            failures,
            dead_letters,
            is_exactly_once,
            traces: Traces::default(),
            answer: None,
            awaits_commit: false,
            done: Done::new(totals.clone()),
            odd_times: OddTimes::default(),
            in_hand,
            parts,
            span: tracing::info_span!("task", task = %id),
            reader: None,
            folder,
        };
        task.metrics.phase = TaskPhase::Running;
        task
    }

    /// Processes up to `records_max` records in timestamp order, or until the caches have to make room. Returns how
    /// many were processed.
    pub(crate) fn process(
        &mut self,
        records_max: usize,
        now: Duration,
        idle: Option<Duration>,
        collector: &RefCell<ProducerCollector>,
    ) -> Result<usize, AppError> {
        let _span = self.span.clone().entered();
        let mut processed = 0;
        while processed < records_max {
            if self.is_full() || (processed % RECORDS_PER_LOOK == 0 && collector.borrow().is_backed_up()) {
                break;
            }
            let Some(index) = next_input(&mut self.inputs, now, idle, self.context.wall_clock) else { break };
            if !self.process_head(index, now)? {
                break;
            }
            processed += 1;
            if self.parts.cache_budget.is_exceeded() {
                break;
            }
        }
        self.in_hand.put_down();
        self.metrics.processed += processed as u64;
        self.note_drops();
        self.metrics.uncommitted += processed as u64;
        Ok(processed)
    }

    /// The time by which the next record of one input is chosen, as Kafka Streams does: negative if the record cannot be
    /// processed.
    pub(crate) fn next_time(&mut self, index: usize) -> Option<Timestamp> {
        let input = self.inputs.get_mut(index)?;
        let time = input.order(self.context.wall_clock)?;
        let is_readable = input.source.borrow().check(&input.head()?).is_ok();
        Some(if is_readable { time } else { Timestamp::UNKNOWN })
    }

    /// Processes the next record of one input. Returns whether it did: not if it has to wait.
    pub(crate) fn process_one(&mut self, index: usize, now: Duration) -> Result<bool, AppError> {
        let _span = self.span.clone().entered();
        if !self.process_head(index, now)? {
            return Ok(false);
        }
        self.metrics.processed += 1;
        self.note_drops();
        self.metrics.uncommitted += 1;
        Ok(true)
    }

    /// Processes the next record of one input, and fires what is due at the stream time after it. Returns whether it did:
    /// not if it has to wait.
    fn process_head(&mut self, index: usize, now: Duration) -> Result<bool, AppError> {
        if !self.meet_its_fate(index, now)?.map_or_else(|| self.process_record(index, now), Ok)? {
            return Ok(false);
        }
        let Some(input) = self.inputs.get_mut(index) else { return Ok(false) };
        input.meter.records += 1;
        self.done.processed(input.is_internal);
        self.punctuations.take_requests(&self.context);
        if !self.punctuations.is_empty() {
            let stream_time = self.context.stream_time;
            self.punctuate(PunctuationTime::Stream, stream_time)?;
        }
        self.write_lost()?;
        Ok(true)
    }

    /// Processes the next record of one input. Returns whether that is done, or the record is left out: not if it comes
    /// again later.
    fn process_record(&mut self, index: usize, now: Duration) -> Result<bool, AppError> {
        let Some(input) = self.inputs.get_mut(index) else { return Ok(false) };
        let context = &mut self.context;
        let decided = input.decided_time(context.wall_clock);
        let Some(mut record) = input.head() else { return Ok(false) };
        let refused = match decided {
            Some(Ok(time)) => {
                record.timestamp = time;
                None
            }
            Some(Err(OperatorError::Panic { message, .. })) => {
                let node = self.parts.names.get(&Address::of(&input.source)).map(ToString::to_string);
                Some(OperatorError::Panic { node, message })
            }
            Some(Err(error)) => Some(error),
            None => None,
        };
        let refused = refused.or_else(|| guard_future(&self.failures, input, &mut record, context.wall_clock));
        let (time_before, time) = (context.stream_time, record.timestamp);
        self.traces.note(&self.failures, context, &self.parts, &self.state);
        context.stream_time = time_before.max(time);
        // Nothing expires because of a record that is left out.
        if time_before < time
            && refused.is_none()
            && !self.parts.expirers.is_empty()
            && input.source.borrow().check(&record).is_ok()
        {
            // What expires does not come from a record.
            let position = context.position.take();
            let expired = self.parts.expire(context);
            context.position = position;
            expired.map_err(|error| AppError::Operator { task: self.id, error })?;
        }
        set_position(context, input, record.offset);
        self.in_hand.take_up(index, record.offset);
        self.odd_times.note(record.timestamp, context.wall_clock, index, record.offset);
        let outcome = match refused {
            Some(error) => Err(error),
            None if time.0 < 0 => Err(OperatorError::NegativeTimestamp(time.0)),
            None => blaming(Address::of(&input.source), || input.source.borrow_mut().process(context, record)),
        };
        match outcome {
            Ok(()) => {
                if let Some((node, reason)) = context.take_wanted_drop() {
                    self.write_dropped(index, &node, reason)?;
                }
                if let Some(input) = self.inputs.get_mut(index) {
                    input.meter.ages.note(time, self.context.wall_clock);
                    input.meter.lateness.note(time, time_before);
                    input.advance(time);
                }
                Ok(true)
            }
            Err(error) => self.take_failure(index, (time_before, now), error),
        }
    }

    /// Which record is in hand.
    pub(crate) const fn in_hand(&self) -> &Arc<InHand> {
        &self.in_hand
    }

    /// Whether there is nothing to process and nothing that could fall due.
    pub(crate) fn is_idle(&self) -> bool {
        self.punctuations.is_empty()
            && self.has_nothing_in_flight()
            && self.inputs.iter().all(|input| input.buffered() == 0 && !input.paused)
    }

    /// What there is to do for a task that is idle.
    pub(crate) fn pass_time(&mut self, wall_clock: Timestamp) {
        self.context.wall_clock = wall_clock;
        self.note_drops();
    }

    /// The error for a panic in the application's code; it names the node and the record that was being processed.
    pub(crate) fn panicked(&mut self, message: String) -> AppError {
        let node = blamed().and_then(|node| self.parts.names.get(&node)).map(ToString::to_string);
        let error = OperatorError::Panic { node, message };
        // What was held back is not made of the record in hand.
        let is_of_record = !self.context.take_releasing();
        match self.context.position.as_ref().filter(|_| is_of_record) {
            Some(position) => AppError::Record {
                task: self.id,
                partition: TopicPartition { topic: Arc::clone(&position.topic), partition: position.partition },
                offset: position.offset.0,
                error,
            },
            None => AppError::Operator { task: self.id, error },
        }
    }

    /// Fires the due punctuators of one kind. Returns whether any fired.
    pub(crate) fn punctuate(&mut self, time: PunctuationTime, now: Timestamp) -> Result<bool, AppError> {
        self.punctuations.take_requests(&self.context);
        if self.punctuations.is_empty() {
            return Ok(false);
        }
        let _span = self.span.clone().entered();
        let position = self.context.position.take();
        let fired = self
            .punctuations
            .fire(time, now, &mut self.context)
            .map_err(|error| AppError::Operator { task: self.id, error });
        self.context.position = position;
        self.punctuated |= fired.as_ref().is_ok_and(|fired| *fired);
        self.write_lost()?;
        fired
    }

    /// When the next wall-clock punctuator is due.
    pub(crate) fn next_wall_clock_punctuation(&self) -> Option<Timestamp> {
        self.punctuations.next_wall_clock()
    }

    /// The shortest interval of the wall-clock punctuators.
    pub(crate) fn wall_clock_interval(&self) -> Option<Duration> {
        self.punctuations.wall_clock_interval()
    }

    /// Flushes the caches in topological order, some rows of them: writes held-back updates to stores and changelogs,
    /// and forwards them. Returns whether there are more.
    pub(crate) fn flush_caches(&mut self, rows_max: usize) -> Result<bool, AppError> {
        catch_unwind(AssertUnwindSafe(|| self.with_caches(|parts, context| parts.flush(context, rows_max))))
            .unwrap_or_else(|panic| Err(self.panicked(panic_message(&*panic))))
    }

    /// Makes room in the caches, looking at some of their rows. Returns whether those were the last.
    pub(crate) fn make_room(&mut self, rows_max: usize) -> Result<bool, AppError> {
        self.with_caches(|parts, context| parts.make_room(context, rows_max))
    }

    /// The task's view of a store, which has the freshest rows, if the task has that store.
    pub(crate) fn view(&self, store: &str) -> Option<Rc<RefCell<dyn StoreView>>> {
        self.parts.views.iter().find(|view| **view.borrow_mut().fresh_rows().name() == *store).map(Rc::clone)
    }

    /// Lets its committed rows be read beside the worker: pages of them only if the backend can do that well.
    pub(crate) fn share_state(&mut self, reads_beside_writing: bool) -> Result<&Arc<TaskReader>, StoreError> {
        let reads_pages = reads_beside_writing && !self.stores.iter().any(|store| store.in_memory);
        let reader = self.state.borrow_mut().committed().reader()?;
        let stores = self.stores.iter().map(|store| (Arc::clone(&store.name), store.index, Arc::clone(&store.kind)));
        let inputs = self.inputs.iter().map(|input| input.partition.clone());
        Ok(self.reader.insert(Arc::new(TaskReader::new(reader, stores, inputs, reads_pages))))
    }

    /// Tells those who read its rows beside the worker whether those that are committed are the latest; not if `may_be` says
    /// that the worker does not know, or is committing.
    pub(crate) fn tell_readers(&self, may_be: bool) {
        if let Some(reader) = &self.reader {
            reader.set_clean(may_be && !self.needs_commit());
        }
    }

    /// Tells those who read its rows whether it is this instance's.
    pub(crate) fn set_current(&self, is_current: bool) {
        if let Some(reader) = &self.reader {
            reader.set_current(is_current);
        }
    }

    /// The committed rows of a store.
    pub(crate) fn committed_rows(&self, store: &Arc<str>, index: StoreIndex) -> CommittedRows {
        CommittedRows::new(Arc::clone(store), index, Rc::clone(&self.state))
    }

    /// As [`Task::make_room`], for a task that is suspended: writes nothing, so that only clean rows are dropped, which
    /// all of them are.
    pub(crate) fn drop_clean_rows(&mut self, rows_max: usize) -> bool {
        self.parts.drop_clean(rows_max)
    }

    /// What caches forward does not come from a record.
    fn with_caches(
        &mut self,
        work: impl FnOnce(&mut TaskParts, &mut Context) -> Result<bool, OperatorError>,
    ) -> Result<bool, AppError> {
        let _span = self.span.clone().entered();
        let position = self.context.position.take();
        let result = work(&mut self.parts, &mut self.context);
        self.context.position = position;
        let result = result.map_err(|error| AppError::Operator { task: self.id, error })?;
        self.write_lost()?;
        Ok(result)
    }

    /// Whether there is anything to commit.
    pub(crate) fn needs_commit(&self) -> bool {
        self.context.commit_requested
            || self.punctuated
            || self.metrics.uncommitted > 0
            || self.state.borrow().uncommitted_bytes() > 0
            || self.teller.as_ref().is_some_and(Teller::needs_commit)
    }

    /// The input positions to commit, with the stream times as metadata, and the topics that they rest on. Everything sent
    /// must have been acknowledged before.
    pub(crate) fn offsets(&mut self, collector: &ProducerCollector) -> Vec<OffsetToCommit> {
        let times = self.parts.stream_times.iter().map(|(name, time)| (name.to_string(), time.get())).collect();
        let mut metadata = OffsetMetadata::new(Timestamp::UNKNOWN, times);
        metadata.topics.clone_from(&self.topics);
        let changelogs = self.stores.iter().filter_map(|store| store.changelog.as_ref());
        metadata
            .topics
            .extend(changelogs.filter(|changelog| !changelog.is_input).map(|changelog| changelog.kept(collector)));
        let mut are_left_out = false;
        let mut offset = |input: &Input| {
            metadata.partition_time = input.partition_time;
            metadata.senders = input.senders_to_commit();
            let (text, is_short) = metadata.encode();
            are_left_out |= is_short;
            OffsetToCommit { partition: input.partition.clone(), offset: input.position_to_commit(), metadata: text }
        };
        let offsets = self.inputs.iter().map(&mut offset).collect();
        if are_left_out && !std::mem::replace(&mut self.are_times_left_out, true) {
            tracing::warn!(task = %self.id, times = metadata.times.len(),
                "the task has more stream times than the metadata of a position takes (4,096 bytes), so they are kept with \
                 its state only; where that is in memory, windows that have closed open again after a restart: split the \
                 topology with `.repartition()`, or keep the state on disk");
        }
        offsets
    }

    /// Writes uncommitted state and stream times in one batch, together with the changelog offsets if the changes
    /// they cover are committed. Everything sent must have been acknowledged before. If nothing has changed, nothing
    /// is written.
    pub(crate) fn write_state(&mut self, collector: &ProducerCollector, is_committed: bool) -> Result<(), AppError> {
        if !self.needs_commit() {
            return Ok(());
        }
        let mut batch = self.state.borrow().pending_batch();
        self.end_transaction(&mut batch);
        for changelog in self.stores.iter_mut().filter_map(|store| store.changelog.as_mut()) {
            let is_it = |input: &&Input| changelog.is_input && input.partition == changelog.partition;
            changelog.written = match self.inputs.iter().find(is_it) {
                Some(input) => Some(input.position),
                None => collector.acknowledged(&changelog.destination, changelog.partition.partition),
            };
        }
        if is_committed {
            note_changelogs(&mut self.stores, &mut batch);
            expired::note(
                &mut batch,
                self.inputs.iter_mut().map(|input| {
                    let position = input.position_to_commit();
                    (input, position)
                }),
            );
        }
        for (name, time) in &self.parts.stream_times {
            batch.put(META, time_key(name), time.get().0.to_be_bytes());
        }
        if batch.is_empty() {
            return Ok(());
        }
        age::note(&mut batch, self.context.wall_clock);
        self.state.borrow_mut().write(batch).map_err(|error| AppError::Store { task: self.id, error })?;
        // Under at-least-once, records may be processed before the positions are committed.
        self.state.borrow().watches().commit();
        Ok(())
    }

    /// Call this when the work so far is written and belongs to the commit in progress.
    pub(crate) fn work_is_written(&mut self) {
        self.odd_times.clear();
        self.done.written(&self.context);
        self.metrics.uncommitted = 0;
        self.context.commit_requested = false;
        self.punctuated = false;
    }

    /// Call this when the positions were committed.
    pub(crate) fn committed(&mut self, offsets: &HashMap<&TopicPartition, &OffsetToCommit>) -> Result<(), AppError> {
        self.awaits_commit = false;
        for input in &mut self.inputs {
            if let Some(offset) = offsets.get(&input.partition) {
                self.failures.set_aside.committed(&input.partition, offset.offset);
                input.committed = offset.offset;
                input.committed_metadata.clone_from(&offset.metadata);
            }
        }
        self.parts.attended.iter().for_each(|node| node.borrow_mut().committed());
        self.metrics.commits += 1;
        self.done.committed();
        self.note_drops();
        let mut batch = StoreBatch::default();
        note_changelogs(&mut self.stores, &mut batch);
        let positions = self.inputs.iter_mut().filter_map(|input| {
            let offset = offsets.get(&input.partition)?.offset;
            Some((input, offset))
        });
        expired::note(&mut batch, positions);
        if batch.is_empty() {
            return Ok(());
        }
        self.state.borrow_mut().committed().write(batch).map_err(|error| AppError::Store { task: self.id, error })
    }

    /// Records that the state has followed its changelogs until now.
    pub(crate) fn note_age(&mut self, wall_clock: Timestamp, now: Duration) -> Result<(), AppError> {
        self.folder.followed_until(now);
        if !self.stores.iter().any(|store| store.changelog.is_some()) {
            return Ok(());
        }
        let mut batch = StoreBatch::default();
        age::note(&mut batch, wall_clock);
        self.state.borrow_mut().committed().write(batch).map_err(|error| AppError::Store { task: self.id, error })
    }

    /// Ends the task. Its state is complete up to now and is synced to disk.
    pub(crate) fn close(&mut self, now: Timestamp) -> Result<(), StoreError> {
        self.note_drops();
        let mut batch = StoreBatch::default();
        age::note(&mut batch, now);
        let mut state = self.state.borrow_mut();
        state.committed().write(batch)?;
        state.committed().flush()
    }

    /// Passes on what was dropped, for people.
    fn note_drops(&mut self) {
        let dropped = self.context.take_drops();
        self.notices.note(self.id, self.metrics.processed, dropped, self.context.wall_clock);
    }

    /// Asks how large its stores are.
    pub(crate) fn measure(&mut self) {
        let state = self.state.borrow();
        for store in &self.stores {
            let mut size = state.size(store.index).unwrap_or_else(|error| {
                tracing::debug!(task = %self.id, store = &*store.name, %error, "a store cannot be measured");
                StoreSize::default()
            });
            size.rows = entries(size, &*store.kind);
            let measured = StoreMetrics::new(size, state.properties(store.index));
            self.metrics.stores.insert(Arc::clone(&store.name), measured);
        }
    }

    /// How many committed entries a store has, as far as its backend knows.
    pub(crate) fn entries(&self, index: StoreIndex, kind: &dyn StoreKind) -> Result<Option<u64>, StoreError> {
        Ok(entries(self.state.borrow().size(index)?, kind))
    }

    /// The task's current metrics.
    pub(crate) fn metrics(&mut self) -> TaskMetrics {
        for reason in DropReason::ALL {
            let dropped = self.context.dropped(reason);
            if dropped > 0 {
                let before = self.dropped_before.get(reason.label()).copied().unwrap_or(0);
                self.metrics.dropped.insert(reason.label(), before + dropped);
            }
        }
        self.metrics.handlers = self.handler_metrics();
        self.metrics.buffered = self.inputs.iter().map(|input| input.fetched() as u64).sum();
        for (of, written) in self.dead_letters.iter().flat_map(DeadLetters::take_written) {
            *self.metrics.dead_letters.entry(of).or_default() += written;
        }
        self.parts.meters.iter().for_each(|sink| self.metrics.count_sink(sink));
        for input in &mut self.inputs {
            self.metrics.count_input(&input.partition.topic, &input.node, &std::mem::take(&mut input.meter));
            self.metrics.positions.insert(input.partition.clone(), input.position_to_commit());
            match input.head() {
                Some(next) => self.metrics.next_times.insert(input.partition.clone(), next.timestamp),
                None => self.metrics.next_times.remove(&input.partition),
            };
        }
        self.metrics.clone()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.set_current(false);
    }
}

impl ChangelogPartition {
    /// What a position that is committed now rests on.
    fn kept(&self, collector: &ProducerCollector) -> KeptTopic {
        let sent = collector.acknowledged(&self.destination, self.partition.partition);
        let end = self.offset.max(self.written).max(sent).unwrap_or(self.start);
        KeptTopic::new(&self.partition.topic, &self.id, self.start, end)
    }
}

/// Adds the changelog offsets that the state has reached to a batch.
fn note_changelogs(stores: &mut [TaskStore], batch: &mut StoreBatch) {
    for store in stores {
        let Some(changelog) = &mut store.changelog else { continue };
        if changelog.offset < changelog.written
            && let Some(written) = changelog.written
        {
            changelog.offset = Some(written);
            batch.put(META, changelog_key(&store.name), written.0.to_be_bytes());
        }
    }
}

/// The number of entries in so many rows.
fn entries(size: StoreSize, kind: &dyn StoreKind) -> Option<u64> {
    size.rows.map(|rows| rows / kind.rows_each().max(1))
}

fn record_error(task: TaskId, input: &Input, offset: Offset, error: OperatorError) -> AppError {
    AppError::Record { task, partition: input.partition.clone(), offset: offset.0, error }
}
