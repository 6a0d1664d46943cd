//! What all handles of an embedded log share: the model behind one lock, and who waits for what.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::channel::oneshot;

use super::delivery::Delivery;
use super::storage::Storage;
use super::syncer::Syncer;
use super::typed::Sender;
use crate::clock::SharedClock;
use crate::log::model::{BatchSource, Model, Notice, Now, PartitionId, ReadEnd, ReadLimits};
use crate::log::{CommittedOffset, Doorbell, Isolation, LogError, RecordBatch};
use crate::record::TopicPartition;

/// The time between two rounds of housekeeping.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(1);
/// The time between two steps of an unfinished round.
const HOUSEKEEPING_PAUSE: Duration = Duration::from_millis(10);
/// The number of bytes of records that one step reads. It holds the lock for about a millisecond.
const HOUSEKEEPING_BYTES: usize = 512 * 1024;

/// The number of bytes of recent batches that a durable log keeps in memory.
const RESIDENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The answer to a question for a group's positions.
pub(super) type CommittedAnswer = Result<Vec<Option<CommittedOffset>>, LogError>;

pub(super) struct SharedLog {
    /// One line for people.
    pub(super) place: String,
    pub(super) clock: SharedClock,
    pub(super) delivery: Arc<dyn Delivery>,
    guarded: Mutex<Guarded>,
    /// Set if the log is on disk.
    pub(super) disk: Option<Disk>,
}

/// The durable side of a log.
pub(super) struct Disk {
    // First, so that its thread ends before the store is closed.
    pub(super) syncer: Syncer,
    pub(super) storage: Arc<Storage>,
}

/// The data that the lock protects.
pub(super) struct Guarded {
    pub(super) model: Model,
    /// The producer behind [`Embedded::send`](super::Embedded::send).
    pub(super) sender: Sender,
    waiting: Waiting,
    /// When the next step of housekeeping is due.
    housekeeping_at: Duration,
    /// Why the log cannot be used any more: changes in memory could not be written to disk.
    failure: Option<LogError>,
}

/// Who waits for what.
#[derive(Default)]
struct Waiting {
    readers: BTreeMap<PartitionId, Vec<WaitingReader>>,
    members: BTreeMap<Arc<str>, BTreeMap<String, Doorbell>>,
    questions: BTreeMap<Arc<str>, Vec<Question>>,
    next_reader: u64,
}

/// A consumer that has read a partition to its end.
struct WaitingReader {
    reader: u64,
    isolation: Isolation,
    position: i64,
    doorbell: Doorbell,
}

/// A question for a group's positions that a transaction may still change.
struct Question {
    partitions: Vec<TopicPartition>,
    answer: oneshot::Sender<CommittedAnswer>,
    doorbell: Doorbell,
}

impl SharedLog {
    pub(super) fn new(
        place: String,
        clock: SharedClock,
        delivery: Arc<dyn Delivery>,
        model: Model,
        disk: Option<Disk>,
    ) -> Self {
        let guarded = Guarded {
            model,
            sender: Sender::default(),
            waiting: Waiting::default(),
            housekeeping_at: clock.monotonic() + HOUSEKEEPING_INTERVAL,
            failure: None,
        };
        Self { place, clock, delivery, guarded: Mutex::new(guarded), disk }
    }

    /// Runs a step on the log, and everything that follows from it: markers are delivered, changes are written to disk,
    /// and those who have news are woken once the lock is free.
    ///
    /// # Errors
    /// When the changes cannot be written, now or in an earlier step; then the log cannot be used any more.
    pub(super) fn run<T>(&self, step: impl FnOnce(&mut Guarded, Now) -> T) -> Result<T, LogError> {
        let now = Now { wall: self.clock.now(), monotonic: self.clock.monotonic() };
        let mut bells = Vec::new();
        let mut guarded = self.guarded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = &guarded.failure {
            return Err(failure.clone());
        }
        guarded.model.tick(now);
        self.deliver(&mut guarded.model, now);
        let outcome = step(&mut guarded, now);
        self.deliver(&mut guarded.model, now);
        self.keep_house(&mut guarded, now);
        let written = self.write(&mut guarded.model);
        let Guarded { model, waiting, failure, .. } = &mut *guarded;
        for notice in model.take_notices() {
            waiting.notify(model, &notice, &mut bells);
        }
        if let Err(error) = &written {
            *failure = Some(error.clone());
        }
        drop(guarded);
        for bell in bells {
            bell.ring();
        }
        written.map(|()| outcome)
    }

    /// Delivers the markers and replicas that arrive now.
    fn deliver(&self, model: &mut Model, now: Now) {
        model.set_replicating(self.delivery.replicates());
        loop {
            let waiting = model.markers_waiting();
            let number = if waiting > 0 { self.delivery.next_marker(waiting) } else { None };
            let Some(marker) = number.and_then(|number| model.take_marker(number)) else { return };
            model.deliver(now, marker);
        }
    }

    /// As [`SharedLog::run`], for steps that need only the model, which may refuse them.
    pub(super) fn ask<T, R: Into<LogError>>(
        &self,
        step: impl FnOnce(&mut Model, Now) -> Result<T, R>,
    ) -> Result<T, LogError> {
        self.run(|guarded, now| step(&mut guarded.model, now))?.map_err(Into::into)
    }

    /// Writes changes to the disk, if there is one.
    fn write(&self, model: &mut Model) -> Result<(), LogError> {
        let changes = model.take_changes();
        if let (Some(disk), false) = (&self.disk, changes.is_empty()) {
            disk.storage.write(model, &changes)?;
            model.drop_residents(RESIDENT_BYTES_MAX);
        }
        Ok(())
    }

    /// Does a step of housekeeping, if one is due.
    fn keep_house(&self, guarded: &mut Guarded, now: Now) {
        if now.monotonic < guarded.housekeeping_at {
            return;
        }
        let source: &dyn BatchSource = match &self.disk {
            Some(disk) => &*disk.storage,
            None => &NothingElsewhere,
        };
        let more = guarded.model.maintain(now, source, HOUSEKEEPING_BYTES);
        guarded.housekeeping_at = now.monotonic + if more { HOUSEKEEPING_PAUSE } else { HOUSEKEEPING_INTERVAL };
    }
}

/// The source of a log that keeps every batch in memory.
struct NothingElsewhere;

impl BatchSource for NothingElsewhere {
    fn load(&self, _at: PartitionId, _base: i64) -> Option<RecordBatch> {
        None
    }
}

impl Guarded {
    /// A number for a consumer, to cancel its waiting with.
    pub(super) fn new_reader(&mut self) -> u64 {
        self.waiting.next_reader += 1;
        self.waiting.next_reader
    }

    /// Registers a doorbell to be rung when there is something to read at `position`.
    pub(super) fn wake_reader(
        &mut self,
        at: PartitionId,
        reader: u64,
        isolation: Isolation,
        position: i64,
        doorbell: &Doorbell,
    ) {
        let readers = self.waiting.readers.entry(at).or_default();
        match readers.iter_mut().find(|waiting| waiting.reader == reader) {
            Some(waiting) => waiting.position = position,
            None => readers.push(WaitingReader { reader, isolation, position, doorbell: doorbell.clone() }),
        }
    }

    /// Removes a reader that is no longer interested in the partition.
    pub(super) fn forget_reader(&mut self, at: PartitionId, reader: u64) {
        if let Some(readers) = self.waiting.readers.get_mut(&at) {
            readers.retain(|waiting| waiting.reader != reader);
            if readers.is_empty() {
                self.waiting.readers.remove(&at);
            }
        }
    }

    /// Registers a doorbell to be rung when the member has news.
    pub(super) fn wake_member(&mut self, group: &Arc<str>, member_id: &str, doorbell: &Doorbell) {
        let members = self.waiting.members.entry(Arc::clone(group)).or_default();
        members.insert(member_id.to_owned(), doorbell.clone());
    }

    /// Removes a member that nobody polls any more.
    pub(super) fn forget_member(&mut self, group: &Arc<str>, member_id: &str) {
        if let Some(members) = self.waiting.members.get_mut(group) {
            members.remove(member_id);
            if members.is_empty() {
                self.waiting.members.remove(group);
            }
        }
    }

    /// Answers now or, if an open transaction may change the answer, when that has ended.
    pub(super) fn committed(
        &mut self,
        group: &Arc<str>,
        partitions: Vec<TopicPartition>,
        doorbell: &Doorbell,
    ) -> crate::log::Reply<CommittedAnswer> {
        if let Some(committed) = self.model.committed(group, &partitions) {
            return crate::log::Reply::ready(Ok(committed));
        }
        let (answer, reply) = crate::log::Reply::later();
        let question = Question { partitions, answer, doorbell: doorbell.clone() };
        self.waiting.questions.entry(Arc::clone(group)).or_default().push(question);
        reply
    }
}

impl Waiting {
    /// Collects the doorbells of those whom a notice concerns.
    fn notify(&mut self, model: &Model, notice: &Notice, bells: &mut Vec<Doorbell>) {
        match notice {
            Notice::Readable(at) => self.notify_readers(model, *at, bells),
            Notice::TopicGone(number) => {
                let of_topic =
                    PartitionId { topic: *number, partition: 0 }..PartitionId { topic: number + 1, partition: 0 };
                let gone: Vec<_> = self.readers.range(of_topic).map(|(at, _)| *at).collect();
                for at in gone {
                    let readers = self.readers.remove(&at).unwrap_or_default();
                    bells.extend(readers.into_iter().map(|reader| reader.doorbell));
                }
            }
            Notice::Members(group) => {
                bells.extend(self.members.get(group).into_iter().flat_map(BTreeMap::values).cloned());
            }
            Notice::Offsets(group) => self.answer(model, group, bells),
        }
    }

    fn notify_readers(&mut self, model: &Model, at: PartitionId, bells: &mut Vec<Doorbell>) {
        let Some(readers) = self.readers.get_mut(&at) else { return };
        let Some(partition) = model.partition(at) else { return };
        readers.retain(|waiting| {
            let limits = ReadLimits { isolation: waiting.isolation, records: 0, bytes: 0 };
            let nothing_new = ReadEnd::At { position: waiting.position, end: true };
            let wait = partition.read(waiting.position, limits, &mut Vec::new()) == nothing_new;
            if !wait {
                bells.push(waiting.doorbell.clone());
            }
            wait
        });
    }

    fn answer(&mut self, model: &Model, group: &Arc<str>, bells: &mut Vec<Doorbell>) {
        let Some(questions) = self.questions.remove(group) else { return };
        let mut unanswered = Vec::new();
        for question in questions {
            match model.committed(group, &question.partitions) {
                Some(committed) => {
                    // The asker may be gone.
                    let _ = question.answer.send(Ok(committed));
                    bells.push(question.doorbell);
                }
                None if question.answer.is_canceled() => {}
                None => unanswered.push(question),
            }
        }
        if !unanswered.is_empty() {
            self.questions.insert(Arc::clone(group), unanswered);
        }
    }
}
