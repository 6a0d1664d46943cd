//! Notices transactions that stay open and so hold back records that this instance should read.
//!
//! Who reads committed records only gets none behind the first record of an open transaction (the last stable offset). The
//! log ends a transaction when its time is up, `transaction.timeout.ms` of its producer. If that does not happen, because
//! the coordinator and the partition do not agree (a hanging transaction, KIP-664), the partition stands still for ever, and
//! a task that is to restore its state from it never runs. So the partitions of the instance's tasks are looked at from time
//! to time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::voice::PEOPLE;
use super::worker::Common;
use crate::log::{Admin, Isolation, LogError, Reply};
use crate::record::{Offset, TaskId, TopicPartition};

/// How often to look.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);

/// A transaction is told of that holds a partition for so many of this application's transaction timeouts, but not before
/// this time: producers of other programs have a minute unless they say otherwise.
const TIMEOUTS: u32 = 2;
const TELL_AFTER_MIN: Duration = Duration::from_secs(75);

/// How much longer each further time, and the longest time between two lines.
const LONGER: u32 = 3;
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(3600);

type Ends = Reply<Result<Vec<Offset>, LogError>>;

/// Looks for partitions that stand still because of an open transaction.
pub(super) struct OpenTransactions {
    admin: Arc<dyn Admin>,
    common: Arc<Common>,
    tell_after: Duration,
    look_at: Duration,
    asked: Option<Asked>,
    held: BTreeMap<TopicPartition, Held>,
}

struct Asked {
    partitions: Vec<TopicPartition>,
    /// First the stable ends, then the ends: what is between them was there when the first were looked up.
    stable: Result<Vec<Offset>, Ends>,
    ends: Option<Ends>,
}

/// A partition whose last stable offset is before its end.
struct Held {
    at: Offset,
    since: Duration,
    tell_at: Duration,
    pause: Duration,
    is_told: bool,
}

impl OpenTransactions {
    /// Nothing is known yet.
    pub(super) fn new(admin: Arc<dyn Admin>, common: &Arc<Common>) -> Self {
        let tell_after = (common.settings.transaction_timeout() * TIMEOUTS).max(TELL_AFTER_MIN);
        let look_at = common.clock.monotonic() + LOOK_INTERVAL;
        Self { admin, common: Arc::clone(common), tell_after, look_at, asked: None, held: BTreeMap::new() }
    }

    /// The partitions of these tasks of which only committed records are read.
    fn partitions<'a>(&self, tasks: impl Iterator<Item = &'a TaskId>) -> Vec<TopicPartition> {
        let Common { settings, plan, .. } = &*self.common;
        let mut partitions = BTreeSet::new();
        for task in tasks {
            let inputs =
                plan.inputs(*task).into_iter().filter(|_| settings.input_isolation() == Isolation::ReadCommitted);
            let changelogs =
                plan.changelogs(*task).into_iter().filter(|_| settings.restore_isolation() == Isolation::ReadCommitted);
            let topics = inputs.chain(changelogs);
            partitions.extend(topics.map(|topic| TopicPartition { topic, partition: task.partition }));
        }
        Vec::from_iter(partitions)
    }

    /// Looks at the partitions of the instance's tasks if that is due.
    pub(super) fn step<'a>(&mut self, now: Duration, tasks: impl Iterator<Item = &'a TaskId>) {
        if self.asked.is_none() && now >= self.look_at {
            self.look_at = now + LOOK_INTERVAL;
            let partitions = self.partitions(tasks);
            self.held.retain(|held, _| partitions.contains(held));
            if !partitions.is_empty() {
                let stable = Err(self.admin.end_offsets(partitions.clone(), Isolation::ReadCommitted));
                self.asked = Some(Asked { partitions, stable, ends: None });
            }
        }
        let Some(asked) = &mut self.asked else { return };
        match asked.poll(&*self.admin) {
            Poll::Pending => {}
            // The log cannot say; that is told elsewhere.
            Poll::Ready(None) => self.asked = None,
            Poll::Ready(Some((stable, ends))) => {
                let partitions = std::mem::take(&mut asked.partitions);
                self.asked = None;
                for ((partition, stable), end) in partitions.into_iter().zip(stable).zip(ends) {
                    self.note(partition, stable, end, now);
                }
            }
        }
    }

    fn note(&mut self, partition: TopicPartition, stable: Offset, end: Offset, now: Duration) {
        let moved = self.held.get(&partition).filter(|held| stable >= end || held.at != stable);
        if let Some(held) = moved {
            if held.is_told {
                let seconds = now.saturating_sub(held.since).as_secs();
                tracing::warn!(
                    target: PEOPLE, %partition, seconds,
                    "the open transaction that held back {partition} at offset {} for {seconds} s is over", held.at.0
                );
            }
            self.held.remove(&partition);
        }
        if stable >= end {
            return;
        }
        let (tell_at, pause) = (now + self.tell_after, self.tell_after);
        let begin = || Held { at: stable, since: now, tell_at, pause, is_told: false };
        let held = self.held.entry(partition.clone()).or_insert_with(begin);
        if now < held.tell_at {
            return;
        }
        let (seconds, topic, number) =
            (now.saturating_sub(held.since).as_secs(), &partition.topic, partition.partition);
        tracing::warn!(
            target: PEOPLE, %partition, stable = stable.0, end = end.0, seconds,
            "an open transaction has held back {partition} at offset {} for {seconds} s, and the partition ends at {}: nothing \
             behind it can be read. If it is that of a producer with a long `transaction.timeout.ms`, it ends by itself; \
             otherwise look for it with `kafka-transactions.sh --bootstrap-server HOST:PORT find-hanging --topic {topic} \
             --partition {number}`, and end it with the same program's `abort`, with `--start-offset {}`",
            stable.0, end.0, stable.0
        );
        held.is_told = true;
        held.pause = (held.pause * LONGER).min(AGAIN_AFTER_MAX);
        held.tell_at = now + held.pause;
    }
}

impl Asked {
    /// The last stable offsets and the ends; `None` if the log could not say.
    fn poll(&mut self, admin: &dyn Admin) -> Poll<Option<(Vec<Offset>, Vec<Offset>)>> {
        if let Err(reply) = &mut self.stable {
            match reply.poll() {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(stable))) => self.stable = Ok(stable),
                Poll::Ready(_) => return Poll::Ready(None),
            }
        }
        let ask = || admin.end_offsets(self.partitions.clone(), Isolation::ReadUncommitted);
        let Poll::Ready(ends) = self.ends.get_or_insert_with(ask).poll() else { return Poll::Pending };
        let stable = std::mem::replace(&mut self.stable, Ok(Vec::new()));
        Poll::Ready(ends.and_then(Result::ok).zip(stable.ok()).map(|(ends, stable)| (stable, ends)))
    }
}
