//! Combines the requests to the log of all tasks that are being opened.
//!
//! Each task needs the group's positions and the bounds of its topics. A worker that is assigned a hundred tasks
//! sends one request for all of them, then another for those that asked while it was outstanding.

use std::task::Poll;

use futures::channel::oneshot;

use super::bounds::Bounds;
use crate::log::{Admin, CommittedOffset, Committer, Isolation, LogError, LogErrorKind, Reply};
use crate::record::{Offset, Timestamp, TopicPartition};

type Answer<A> = Result<Vec<A>, LogError>;

/// The requests of a worker's tasks.
#[derive(Default)]
pub(crate) struct Questions {
    positions: Question<Option<CommittedOffset>>,
    starts: Question<Offset>,
    ends: Question<Offset>,
    stable_ends: Question<Offset>,
    times: Vec<TimeQuestion>,
}

/// Where a task's inputs are that are read from some time on.
struct TimeQuestion {
    partitions: Vec<TopicPartition>,
    time: Timestamp,
    asker: oneshot::Sender<Answer<Offset>>,
    reply: Option<Reply<Answer<Offset>>>,
}

impl Questions {
    /// Asks for the group's committed positions in these partitions.
    pub(crate) fn positions(&mut self, partitions: Vec<TopicPartition>) -> Reply<Answer<Option<CommittedOffset>>> {
        self.positions.join(partitions)
    }

    /// Asks where these partitions begin and end for a reader with that isolation.
    pub(crate) fn bounds(&mut self, partitions: &[TopicPartition], isolation: Isolation) -> Bounds {
        let starts = self.starts.join(partitions.to_vec());
        Bounds::awaited(starts, isolation, |isolation| {
            let ends = match isolation {
                Isolation::ReadUncommitted => &mut self.ends,
                Isolation::ReadCommitted => &mut self.stable_ends,
            };
            ends.join(partitions.to_vec())
        })
    }

    /// Asks for the first offsets of these partitions whose records have that time or a later one.
    pub(crate) fn offsets_at(&mut self, partitions: Vec<TopicPartition>, time: Timestamp) -> Reply<Answer<Offset>> {
        let (asker, reply) = Reply::later();
        self.times.push(TimeQuestion { partitions, time, asker, reply: None });
        reply
    }

    /// Distributes answers that have arrived, then sends the requests that are waiting.
    pub(crate) fn step(&mut self, committer: &dyn Committer, admin: &dyn Admin) {
        self.positions.step(|partitions| committer.committed(partitions));
        self.starts.step(|partitions| admin.start_offsets(partitions));
        self.ends.step(|partitions| admin.end_offsets(partitions, Isolation::ReadUncommitted));
        self.stable_ends.step(|partitions| admin.end_offsets(partitions, Isolation::ReadCommitted));
        for mut question in std::mem::take(&mut self.times) {
            let ask = || admin.offsets_at(question.partitions.clone(), question.time);
            match question.reply.get_or_insert_with(ask).poll() {
                Poll::Pending if question.asker.is_canceled() => {}
                Poll::Pending => self.times.push(question),
                Poll::Ready(answer) => _ = question.asker.send(answer.unwrap_or_else(no_answer)),
            }
        }
    }
}

/// One kind of request about partitions.
struct Question<A> {
    waiting: Vec<(Vec<TopicPartition>, oneshot::Sender<Answer<A>>)>,
    asked: Option<Asked<A>>,
}

/// An outstanding request, and which part of the answer goes to whom.
struct Asked<A> {
    reply: Reply<Answer<A>>,
    askers: Vec<(usize, oneshot::Sender<Answer<A>>)>,
}

impl<A> Default for Question<A> {
    fn default() -> Self {
        Self { waiting: Vec::new(), asked: None }
    }
}

impl<A> Question<A> {
    fn join(&mut self, partitions: Vec<TopicPartition>) -> Reply<Answer<A>> {
        let (sender, reply) = Reply::later();
        self.waiting.push((partitions, sender));
        reply
    }

    fn step(&mut self, ask: impl FnOnce(Vec<TopicPartition>) -> Reply<Answer<A>>) {
        if let Some(asked) = &mut self.asked {
            let Poll::Ready(answer) = asked.reply.poll() else { return };
            let askers = std::mem::take(&mut asked.askers);
            self.asked = None;
            hand_out(answer.unwrap_or_else(no_answer), askers);
        }
        // Tasks that were closed in the meantime no longer need an answer.
        self.waiting.retain(|(_, sender)| !sender.is_canceled());
        if self.waiting.is_empty() {
            return;
        }
        let (mut all, mut askers) = (Vec::new(), Vec::new());
        for (partitions, sender) in self.waiting.drain(..) {
            askers.push((partitions.len(), sender));
            all.extend(partitions);
        }
        self.asked = Some(Asked { reply: ask(all), askers });
    }
}

fn no_answer<A>() -> Answer<A> {
    Err(LogError::new(LogErrorKind::Unavailable, "the log gave no answer"))
}

fn hand_out<A>(answer: Answer<A>, askers: Vec<(usize, oneshot::Sender<Answer<A>>)>) {
    match answer {
        Ok(answers) => {
            let mut answers = answers.into_iter();
            for (count, sender) in askers {
                let _ = sender.send(Ok(answers.by_ref().take(count).collect()));
            }
        }
        Err(error) => {
            for (_, sender) in askers {
                let _ = sender.send(Err(error.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions(numbers: std::ops::Range<i32>) -> Vec<TopicPartition> {
        numbers.map(|number| TopicPartition::new("t", number)).collect()
    }

    fn offsets(reply: &mut Reply<Answer<Offset>>) -> Option<Result<Vec<i64>, LogError>> {
        match reply.poll() {
            Poll::Ready(Some(answer)) => Some(answer.map(|offsets| offsets.iter().map(|offset| offset.0).collect())),
            Poll::Ready(None) => panic!("nobody answers"),
            Poll::Pending => None,
        }
    }

    fn number_of(partition: &TopicPartition) -> Offset {
        Offset(i64::from(partition.partition.0))
    }

    #[test]
    fn everybody_gets_the_answers_to_their_own_part() {
        let mut question = Question::<Offset>::default();
        let (mut first, gone, mut second) =
            (question.join(partitions(0..2)), question.join(partitions(7..9)), question.join(partitions(2..3)));
        drop(gone);
        let mut asked = Vec::new();
        question.step(|all| {
            asked.clone_from(&all);
            Reply::ready(Ok(all.iter().map(number_of).collect()))
        });
        assert_eq!(asked, partitions(0..3), "together, without those that are gone");
        assert_eq!(offsets(&mut first), None);
        let mut late = question.join(partitions(5..6));
        question.step(|all| {
            asked.clone_from(&all);
            Reply::ready(Err(LogError::new(LogErrorKind::Timeout, "too slow")))
        });
        assert_eq!(offsets(&mut first), Some(Ok(vec![0, 1])));
        assert_eq!(offsets(&mut second), Some(Ok(vec![2])));
        assert_eq!(asked, partitions(5..6), "who asks later is asked for later");
        question.step(|_| panic!("there is nothing to ask"));
        assert_eq!(offsets(&mut late), Some(Err(LogError::new(LogErrorKind::Timeout, "too slow"))));
    }
}
