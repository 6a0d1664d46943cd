//! What an operator sees of its task while it handles a record.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use super::OperatorError;
use super::drops::{Dropped, Drops};
use super::failures::{Contain, GivenUp, Judge, Judged, Lost, Unsent, Verdict};
use super::marks::MarkedTopic;
use super::partitioner::Chosen;
use crate::drop_reason::DropReason;
use crate::log::{LogError, LogErrorKind, TopicHandle};
use crate::record::{Headers, Partition, RecordPosition, TaskId, Timestamp};
use crate::state::in_flight::Accepted;

/// Where records leave the task: a sink with one method, which operators and changelogs write to and the runtime
/// connects to a producer.
pub trait Collector {
    /// Takes a record. The bytes are copied before the call returns.
    ///
    /// # Errors
    /// When the record can never be sent.
    fn send(
        &mut self,
        destination: &Destination,
        partition: Partition,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<(), LogError>;

    /// A topic to send to that the topology does not name, if it is known.
    fn destination(&mut self, _topic: &str) -> Option<Destination> {
        None
    }

    /// Takes a record for a topic that is not known yet. What is sent after it stays behind it.
    ///
    /// # Errors
    /// As [`Collector::send`].
    fn send_when_known(&mut self, record: Unaddressed) -> Result<(), LogError> {
        let message = format!("topic {} cannot be looked up from here", record.topic);
        Err(LogError::new(LogErrorKind::UnknownTopic, message))
    }

    /// Takes the names of the nodes whose records were dropped in the meantime, because their partitioner chose no
    /// partition once their topic was known.
    fn take_dropped(&mut self, _task: TaskId) -> Vec<Box<str>> {
        Vec::new()
    }
}

/// A record for a topic whose number of partitions is not known yet.
pub struct Unaddressed {
    /// The topic's full name.
    pub topic: Arc<str>,
    /// The task that sends it.
    pub task: TaskId,
    /// The node that sends it.
    pub node: Box<str>,
    /// Where the record comes from that it was made of.
    pub position: Option<RecordPosition>,
    /// The key's bytes; `None` is null.
    pub key: Option<Box<[u8]>>,
    /// The value's bytes; `None` is null.
    pub value: Option<Box<[u8]>>,
    /// The record's timestamp.
    pub timestamp: Timestamp,
    /// The record's headers.
    pub headers: Headers,
    /// Chooses the partitions, from the topic, the node's name and the key.
    pub choose: ChoosePartitions,
}

type ChoosePartitions = Box<dyn FnOnce(&Destination, &str, Option<&[u8]>) -> Result<Chosen, OperatorError>>;

/// A topic that records are sent to, resolved when the task is built.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The topic's full name.
    pub topic: Arc<str>,
    /// The producer's handle for the topic.
    pub handle: TopicHandle,
    /// The topic's number of partitions.
    pub partitions: u32,
    /// Whether it is the application's own.
    pub is_internal: bool,
    /// Set if its records say who sent them and how far the sender is.
    pub(crate) marks: Option<Rc<MarkedTopic>>,
}

/// What an operator sees of its task.
pub struct Context {
    /// The task.
    pub task: TaskId,
    /// Where the record being processed comes from; `None` in punctuators and cache flushes.
    pub position: Option<RecordPosition>,
    /// The largest timestamp among the records that the task has started to process.
    pub stream_time: Timestamp,
    /// Wall-clock time, as the worker last read it.
    pub wall_clock: Timestamp,
    /// Set by a processor that wants a commit soon.
    pub commit_requested: bool,
    collector: Rc<RefCell<dyn Collector>>,
    dropped: [u64; DropReason::ALL.len()],
    /// How many records were sent, and how many of them to topics that are not internal.
    sent: u64,
    sent_out: u64,
    drops: Drops,
    /// Records that are dropped for these reasons are dead letters.
    dead_letter_drops: BTreeSet<DropReason>,
    /// The first drop of that kind since this was taken last.
    wanted_drop: Option<(Box<str>, DropReason)>,
    contain: Option<Contain>,
    judge: Option<Judge>,
    is_releasing: bool,
    lost: Vec<Lost>,
    given_up: Vec<GivenUp>,
    unsent: Option<Unsent>,
}

impl Context {
    /// A context for a task whose records leave through `collector`.
    #[must_use]
    pub fn new(task: TaskId, collector: Rc<RefCell<dyn Collector>>) -> Self {
        Self {
            task,
            position: None,
            stream_time: Timestamp::UNKNOWN,
            wall_clock: Timestamp::UNKNOWN,
            commit_requested: false,
            collector,
            dropped: [0; DropReason::ALL.len()],
            sent: 0,
            sent_out: 0,
            drops: Drops::default(),
            dead_letter_drops: BTreeSet::new(),
            wanted_drop: None,
            contain: None,
            judge: None,
            is_releasing: false,
            lost: Vec::new(),
            given_up: Vec::new(),
            unsent: None,
        }
    }

    /// Counts a record that is dropped on purpose. The log tells each at debug level, and the runtime tells all of them
    /// now and then with their number.
    pub fn drop_record(&mut self, node: &str, reason: DropReason) {
        self.dropped[reason as usize] += 1;
        self.drops.count(node, reason, || None);
        if self.dead_letter_drops.contains(&reason)
            && !self.is_releasing
            && self.position.is_some()
            && self.wanted_drop.is_none()
        {
            self.wanted_drop = Some((node.into(), reason));
        }
        if let Some(position) = &self.position {
            tracing::debug!(
                task = %self.task, node, reason = reason.label(),
                topic = &*position.topic, partition = position.partition.0, offset = position.offset.0,
                "record dropped"
            );
        }
    }

    /// Counts a record that is skipped because of an error, as the setting says.
    #[cold]
    pub(crate) fn skip_record(&mut self, reason: DropReason, error: &OperatorError) {
        self.dropped[reason as usize] += 1;
        let Some(position) = &self.position else {
            self.drops.count(error.node().unwrap_or("-"), reason, || Some(error.to_string()));
            return;
        };
        let (topic, partition, offset) = (&*position.topic, position.partition.0, position.offset.0);
        self.drops.count(topic, reason, || Some(format!("offset {offset} of {topic}-{partition}: {error}")));
        tracing::debug!(task = %self.task, topic, partition, offset, %error, "record skipped");
    }

    /// From now on, records that are dropped for these reasons are dead letters, `contain` decides about failures for
    /// which no record can be left out, and `judge` about records with which handlers have failed.
    pub(crate) fn set_failures(&mut self, dead_letter_drops: BTreeSet<DropReason>, contain: Contain, judge: Judge) {
        (self.dead_letter_drops, self.contain, self.judge) = (dead_letter_drops, Some(contain), Some(judge));
    }

    /// Decides about a record with which a handler has failed.
    pub(super) fn judge(&self, judged: &Judged<'_>) -> Verdict {
        self.judge.as_ref().map_or(Verdict::Fail, |judge| judge(self.task, judged))
    }

    /// Makes a dead letter of a record that was accepted before.
    pub(super) fn give_up(&mut self, given_up: GivenUp) {
        self.given_up.push(given_up);
    }

    /// Takes the records that are to become dead letters.
    pub(crate) fn take_given_up(&mut self) -> Vec<GivenUp> {
        std::mem::take(&mut self.given_up)
    }

    /// Forwards something that is not made of the record in hand, but of what was held back: a row of a cache, the result
    /// of a window that closes, what a punctuation sends. If that fails, leaving out the record in hand would not help, so
    /// the result is left out instead, if the application goes on at all.
    ///
    /// # Errors
    /// As `work`, if the application does not go on.
    #[inline]
    pub(crate) fn release(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<(), OperatorError>,
    ) -> Result<(), OperatorError> {
        let was_releasing = std::mem::replace(&mut self.is_releasing, true);
        let outcome = work(self);
        self.is_releasing = was_releasing;
        outcome.or_else(|error| self.contain_failure(error))
    }

    /// As [`Context::release`], for what is made of a record that was accepted before: if the application goes on without
    /// it, that record is left out.
    ///
    /// # Errors
    /// As `work`, if the application does not go on.
    pub(super) fn release_made_of(
        &mut self,
        accepted: &Accepted,
        work: impl FnOnce(&mut Self) -> Result<(), OperatorError>,
    ) -> Result<(), OperatorError> {
        let was_releasing = std::mem::replace(&mut self.is_releasing, true);
        let outcome = work(self);
        self.is_releasing = was_releasing;
        let Err(error) = outcome else { return Ok(()) };
        self.unsent = None;
        let Some(contained) = self.contain.as_ref().and_then(|contain| contain(&error)) else { return Err(error) };
        self.skip_record(contained.reason, &error);
        if contained.is_dead_letter {
            self.give_up(GivenUp { error, accepted: accepted.clone(), reason: contained.reason });
        }
        Ok(())
    }

    /// The record that could not be sent is taken care of.
    pub(super) fn forget_unsent(&mut self) {
        self.unsent = None;
    }

    /// Whether a panic, which was just caught, came from what was held back.
    pub(crate) fn take_releasing(&mut self) -> bool {
        std::mem::take(&mut self.is_releasing)
    }

    #[cold]
    fn contain_failure(&mut self, error: OperatorError) -> Result<(), OperatorError> {
        let unsent = self.unsent.take();
        let Some(contained) = self.contain.as_ref().and_then(|contain| contain(&error)) else { return Err(error) };
        let position = self.position.take();
        self.skip_record(contained.reason, &error);
        self.position = position;
        if contained.is_dead_letter {
            self.lost.push(Lost { error, unsent });
        }
        Ok(())
    }

    /// Takes the failures that are to become dead letters.
    pub(crate) fn take_lost(&mut self) -> Vec<Lost> {
        std::mem::take(&mut self.lost)
    }

    /// Takes the first drop that makes the record in hand a dead letter, with the node that dropped it.
    #[inline]
    pub(crate) fn take_wanted_drop(&mut self) -> Option<(Box<str>, DropReason)> {
        self.wanted_drop.take()
    }

    /// How many records were sent.
    pub(crate) const fn sent(&self) -> u64 {
        self.sent
    }

    /// Takes what was dropped since this was called last.
    pub(crate) fn take_drops(&mut self) -> Vec<Dropped> {
        let late = self.collector.borrow_mut().take_dropped(self.task);
        late.iter().for_each(|node| self.drop_record(node, DropReason::NoPartition));
        self.drops.take()
    }

    /// How many records were dropped for the given reason.
    #[must_use]
    pub const fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    /// How many records were sent to topics that are not internal.
    pub(crate) const fn sent_out(&self) -> u64 {
        self.sent_out
    }

    /// A topic to send to that the topology does not name, if it is known.
    pub(super) fn destination(&self, topic: &str) -> Option<Destination> {
        self.collector.borrow_mut().destination(topic)
    }

    /// Sends a record out of the task as soon as its topic is known.
    ///
    /// # Errors
    /// As [`Context::send`].
    pub(super) fn send_when_known(&mut self, record: Unaddressed) -> Result<(), OperatorError> {
        self.sent += 1;
        self.sent_out += 1;
        let node = record.node.to_string();
        self.collector.borrow_mut().send_when_known(record).map_err(|error| OperatorError::Send { node, error })
    }

    /// Sends a record out of the task.
    ///
    /// # Errors
    /// When the record can never be sent.
    #[allow(clippy::too_many_arguments, reason = "these are the parts of a record")]
    pub fn send(
        &mut self,
        node: &str,
        destination: &Destination,
        partition: Partition,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<(), OperatorError> {
        self.sent += 1;
        let sent = match &destination.marks {
            None => {
                self.sent_out += u64::from(!destination.is_internal);
                self.collector.borrow_mut().send(destination, partition, key, value, timestamp, headers)
            }
            Some(marks) => {
                let headers = marks.mark(partition, headers, self.stream_time);
                self.collector.borrow_mut().send(destination, partition, key, value, timestamp, &headers)
            }
        };
        sent.map_err(|error| {
            self.unsent = Some(Unsent::new(destination, key, value, timestamp, headers));
            OperatorError::Send { node: node.to_owned(), error }
        })
    }
}
