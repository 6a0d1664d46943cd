//! What a task tells the readers of its repartition topics, if event time is aligned: who sent a record, and how far the
//! sender was in event time.
//!
//! Each record carries that in one header, the last one, which is taken off where it is read. Between records, the
//! runtime sends records without key and value that carry nothing else.
//!
//! ```text
//!   kind (1)   sub-topology (4)   partition (4)   time (8)
//! ```
//!
//! Numbers are big-endian.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::log::RecordRef;
use crate::record::{Header, Headers, Partition, TaskId, Timestamp};

/// The name of the header.
const NAME: &str = "millstream-event-time";

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) sender: TaskId,
    pub(crate) kind: MarkKind,
    /// The sender sends nothing older after this, apart from what is out of order in its own input.
    pub(crate) time: Timestamp,
}

/// What carries a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MarkKind {
    /// A record of the application.
    Record,
    /// Nothing but the mark.
    TimeOnly,
    /// The same, and the sender is at the end of its inputs: nobody has to wait for it.
    Idle,
}

impl Mark {
    pub(crate) fn header(self) -> Header {
        let mut bytes = Vec::with_capacity(17);
        bytes.push(match self.kind {
            MarkKind::Record => 0,
            MarkKind::TimeOnly => 1,
            MarkKind::Idle => 2,
        });
        bytes.extend_from_slice(&self.sender.subtopology.to_be_bytes());
        bytes.extend_from_slice(&self.sender.partition.0.to_be_bytes());
        bytes.extend_from_slice(&self.time.0.to_be_bytes());
        Header { name: NAME.to_owned(), value: Some(bytes.into()) }
    }

    /// Whether a record may have a mark.
    pub(crate) fn may_be_on(record: &RecordRef<'_>) -> bool {
        record.has_header(NAME)
    }

    /// Takes the mark off a record's headers, if it has one.
    pub(crate) fn take_off(headers: Headers) -> (Headers, Option<Self>) {
        let Some(mark) = headers.iter().last().and_then(Self::read) else { return (headers, None) };
        let left = headers.len() - 1;
        (headers.iter().take(left).cloned().collect(), Some(mark))
    }

    fn read(header: &Header) -> Option<Self> {
        let bytes: &[u8; 17] = header.value.as_deref().filter(|_| header.name == NAME)?.try_into().ok()?;
        let (kind, rest) = bytes.split_first()?;
        let (subtopology, rest) = rest.split_first_chunk::<4>()?;
        let (partition, rest) = rest.split_first_chunk::<4>()?;
        let kind = match kind {
            0 => MarkKind::Record,
            1 => MarkKind::TimeOnly,
            2 => MarkKind::Idle,
            _ => return None,
        };
        let partition = Partition(i32::from_be_bytes(*partition));
        let sender = TaskId { subtopology: u32::from_be_bytes(*subtopology), partition };
        Some(Self { sender, kind, time: Timestamp(i64::from_be_bytes(rest.try_into().ok()?)) })
    }
}

/// A task as the sender of marked records.
#[derive(Debug)]
pub(crate) struct Sender {
    task: TaskId,
    /// Set if the task has caches: what they forward is as old as the last commit.
    flushed: Cell<Option<Timestamp>>,
}

impl Sender {
    pub(crate) const fn new(task: TaskId) -> Self {
        Self { task, flushed: Cell::new(None) }
    }

    /// The task has caches, which are empty once it has reached `time`.
    pub(crate) fn flushed_at(&self, time: Timestamp) {
        self.flushed.set(Some(time));
    }

    /// Whether the task holds records back in caches.
    pub(crate) const fn has_caches(&self) -> bool {
        self.flushed.get().is_some()
    }

    /// The time that may be told, if the task has reached `time`.
    pub(crate) fn tells(&self, time: Timestamp) -> Timestamp {
        self.flushed.get().map_or(time, |flushed| flushed.min(time))
    }
}

/// A topic whose records are marked.
#[derive(Debug)]
pub(crate) struct MarkedTopic {
    sender: Rc<Sender>,
    /// What was told last, by partition.
    told: RefCell<Vec<Option<(MarkKind, Timestamp)>>>,
}

impl MarkedTopic {
    pub(crate) fn new(sender: &Rc<Sender>, partitions: u32) -> Self {
        Self { sender: Rc::clone(sender), told: RefCell::new(vec![None; partitions as usize]) }
    }

    /// The headers of a record of the application, from a task that has reached `time`.
    pub(super) fn mark(&self, partition: Partition, headers: &Headers, time: Timestamp) -> Headers {
        let time = self.sender.tells(time);
        self.note(partition, (MarkKind::Record, time));
        let mut marked = headers.clone();
        marked.push_header(Mark { sender: self.sender.task, kind: MarkKind::Record, time }.header());
        marked
    }

    /// The partitions that don't know yet how far the task is, and the headers that tell them. `time` is `None` if nobody
    /// has to wait for the task.
    pub(crate) fn tell(&self, time: Option<Timestamp>, again: bool) -> (Vec<Partition>, Headers) {
        let last = self.told.borrow().iter().flatten().map(|(_, time)| *time).max();
        let (kind, time) = match time {
            Some(time) => (MarkKind::TimeOnly, self.sender.tells(time)),
            None => (MarkKind::Idle, last.unwrap_or(Timestamp::UNKNOWN)),
        };
        let knows = |told: &Option<(MarkKind, Timestamp)>| match (*told, kind) {
            (Some((MarkKind::Idle, _)), MarkKind::Idle) => true,
            (Some((MarkKind::Idle, _)) | None, _) | (_, MarkKind::Idle) => false,
            (Some((_, told)), _) => told >= time,
        };
        let unknowing = |(partition, told): (i32, &Option<_>)| (again || !knows(told)).then_some(Partition(partition));
        let partitions: Vec<_> = (0..).zip(self.told.borrow().iter()).filter_map(unknowing).collect();
        partitions.iter().for_each(|partition| self.note(*partition, (kind, time)));
        let mark = Mark { sender: self.sender.task, kind, time };
        (partitions, [mark.header()].into_iter().collect())
    }

    fn note(&self, partition: Partition, told: (MarkKind, Timestamp)) {
        let place = usize::try_from(partition.0).unwrap_or(usize::MAX);
        if let Some(place) = self.told.borrow_mut().get_mut(place) {
            *place = Some(told);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: TaskId = TaskId { subtopology: 3, partition: Partition(7) };

    fn told((partitions, headers): (Vec<Partition>, Headers)) -> (Vec<i32>, MarkKind, i64) {
        let (rest, mark) = Mark::take_off(headers);
        let mark = mark.expect("a mark");
        assert_eq!((rest, mark.sender), (Headers::new(), TASK));
        (partitions.into_iter().map(|partition| partition.0).collect(), mark.kind, mark.time.0)
    }

    #[test]
    fn a_mark_is_taken_off_again() {
        let topic = MarkedTopic::new(&Rc::new(Sender::new(TASK)), 1);
        let mut headers = Headers::new();
        headers.push("a", "1");
        headers.push(NAME, "somebody else's");
        let marked = topic.mark(Partition(0), &headers, Timestamp(-1));
        let (left, mark) = Mark::take_off(marked);
        assert_eq!(left, headers);
        assert_eq!(mark, Some(Mark { sender: TASK, kind: MarkKind::Record, time: Timestamp(-1) }));
        assert_eq!(Mark::take_off(left.clone()), (left, None));
        assert_eq!(Mark::take_off(Headers::new()), (Headers::new(), None));
    }

    #[test]
    fn only_partitions_that_do_not_know_are_told() {
        let topic = MarkedTopic::new(&Rc::new(Sender::new(TASK)), 3);
        topic.mark(Partition(1), &Headers::new(), Timestamp(5));
        assert_eq!(told(topic.tell(Some(Timestamp(5)), false)), (vec![0, 2], MarkKind::TimeOnly, 5));
        assert_eq!(told(topic.tell(Some(Timestamp(5)), false)).0, [0_i32; 0]);
        assert_eq!(told(topic.tell(Some(Timestamp(5)), true)).0, [0, 1, 2]);
        topic.mark(Partition(2), &Headers::new(), Timestamp(6));
        assert_eq!(told(topic.tell(Some(Timestamp(6)), false)), (vec![0, 1], MarkKind::TimeOnly, 6));
        assert_eq!(told(topic.tell(None, false)), (vec![0, 1, 2], MarkKind::Idle, 6));
        assert_eq!(told(topic.tell(None, false)).0, [0_i32; 0]);
        topic.mark(Partition(0), &Headers::new(), Timestamp(9));
        assert_eq!(told(topic.tell(None, false)), (vec![0], MarkKind::Idle, 9));
        assert_eq!(told(topic.tell(Some(Timestamp(9)), false)), (vec![0, 1, 2], MarkKind::TimeOnly, 9));
    }

    #[test]
    fn what_waits_in_caches_is_as_old_as_the_last_commit() {
        let sender = Rc::new(Sender::new(TASK));
        let topic = MarkedTopic::new(&sender, 1);
        sender.flushed_at(Timestamp(10));
        let mark = Mark::take_off(topic.mark(Partition(0), &Headers::new(), Timestamp(50))).1;
        assert_eq!(mark.map(|mark| mark.time), Some(Timestamp(10)));
        sender.flushed_at(Timestamp(50));
        assert_eq!(told(topic.tell(Some(Timestamp(50)), false)), (vec![0], MarkKind::TimeOnly, 50));
    }
}
