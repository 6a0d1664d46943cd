//! Where reading starts and ends.

use std::collections::BTreeMap;
use std::time::Duration;

use super::waiting::{pause, until_known};
use super::{Client, ClientError};
use crate::clock::{Clock, SystemClock};
use crate::log::{Isolation, LogError, LogErrorKind};
use crate::record::{Offset, Partition, Timestamp, TopicPartition};

/// How long to wait for transactions that may just be ending.
const SETTLING: Duration = Duration::from_millis(500);
const SETTLING_PAUSE: Duration = Duration::from_millis(10);

/// Where a [`Tail`](super::Tail) starts. Offsets and times can be passed directly:
/// `client.tail(&CLICKS, Timestamp(0))`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartAt {
    /// With the first record that is still there.
    Beginning,
    /// After the records that are there now.
    End,
    /// At this offset in every partition.
    Offset(Offset),
    /// At these offsets; partitions that are not named are read from their beginning, and those that do not
    /// exist are an error. With [`Offset::next`] of the
    /// last record that was received, reading goes on where it stopped.
    Offsets(BTreeMap<Partition, Offset>),
    /// In each partition, with the first record whose timestamp is as late as this, or at the end.
    Time(Timestamp),
}

impl From<Offset> for StartAt {
    fn from(offset: Offset) -> Self {
        Self::Offset(offset)
    }
}

impl From<BTreeMap<Partition, Offset>> for StartAt {
    fn from(offsets: BTreeMap<Partition, Offset>) -> Self {
        Self::Offsets(offsets)
    }
}

impl From<Timestamp> for StartAt {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

impl From<chrono::DateTime<chrono::Utc>> for StartAt {
    fn from(time: chrono::DateTime<chrono::Utc>) -> Self {
        Self::Time(time.into())
    }
}

impl Client {
    /// The positions at which reading starts.
    pub(super) fn starts(&self, partitions: &[TopicPartition], start: &StartAt) -> Result<Vec<Offset>, ClientError> {
        let asked = || partitions.to_vec();
        match start {
            StartAt::Beginning => self.first_offsets(partitions),
            StartAt::End => self.committed_ends(partitions),
            StartAt::Time(time) => {
                until_known(|| self.ask("looking up a time", |admin| admin.offsets_at(asked(), *time)))
            }
            StartAt::Offset(offset) => self.inside(partitions, |_| Some(*offset)),
            StartAt::Offsets(offsets) => {
                let exists = |wanted: &Partition| partitions.iter().any(|known| known.partition == *wanted);
                if let (Some(missing), Some(known)) =
                    (offsets.keys().find(|wanted| !exists(wanted)), partitions.first())
                {
                    let (topic, count) = (&known.topic, partitions.len());
                    let message = format!(
                        "partition {topic}-{missing} does not exist, topic `{topic}` has {count}; leave its offset out, or \
                         start at the beginning if the topic was created again"
                    );
                    return Err(LogError::new(LogErrorKind::UnknownTopic, message).into());
                }
                self.inside(partitions, |partition| offsets.get(&partition).copied())
            }
        }
    }

    pub(super) fn first_offsets(&self, partitions: &[TopicPartition]) -> Result<Vec<Offset>, ClientError> {
        until_known(|| self.ask("looking up where the topic starts", |admin| admin.start_offsets(partitions.to_vec())))
    }

    /// The offsets that were asked for, if the partitions have them.
    fn inside(
        &self,
        partitions: &[TopicPartition],
        wanted: impl Fn(Partition) -> Option<Offset>,
    ) -> Result<Vec<Offset>, ClientError> {
        let starts = self.first_offsets(partitions)?;
        let ends = self.ends(partitions, Isolation::ReadUncommitted)?;
        let position = |((partition, first), end): ((&TopicPartition, Offset), Offset)| {
            let position = wanted(partition.partition).unwrap_or(first);
            if (first..=end).contains(&position) {
                return Ok(position);
            }
            let (first, end) = (Some(first), Some(end));
            Err(ClientError::OutOfRange { partition: partition.clone(), position, first, end })
        };
        partitions.iter().zip(starts).zip(ends).map(position).collect()
    }

    fn ends(&self, partitions: &[TopicPartition], isolation: Isolation) -> Result<Vec<Offset>, ClientError> {
        until_known(|| {
            self.ask("looking up where the topic ends", |admin| admin.end_offsets(partitions.to_vec(), isolation))
        })
    }

    /// The offsets after the last committed records.
    ///
    /// On Kafka a transaction's records become readable a moment after its commit is done. A transaction that is really
    /// open cannot be told from one that is ending, so this waits a little for either.
    pub(super) fn committed_ends(&self, partitions: &[TopicPartition]) -> Result<Vec<Offset>, ClientError> {
        let mut ends = self.ends(partitions, Isolation::ReadCommitted)?;
        if self.inner.log.commits_at_once() {
            return Ok(ends);
        }
        let written = self.ends(partitions, Isolation::ReadUncommitted)?;
        let timer = SystemClock::new();
        while ends.iter().zip(&written).any(|(end, written)| end < written) && timer.monotonic() < SETTLING {
            pause(SETTLING_PAUSE);
            ends = self.ends(partitions, Isolation::ReadCommitted)?;
        }
        Ok(ends)
    }
}
