//! Questions to a log that wait for the answer.

use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use streams_core::log::{Admin, Doorbell, Isolation, Log, LogError, Reply, TopicInfo};
use streams_core::record::{Offset, TopicPartition};

use crate::failure::Failure;

/// How long a log may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// The time between two attempts.
const PAUSE: Duration = Duration::from_millis(200);

/// Somebody who asks a log.
pub(crate) struct Asking {
    log: Arc<dyn Log>,
    admin: Arc<dyn Admin>,
}

impl Asking {
    pub(crate) fn of(log: &Arc<dyn Log>) -> Result<Self, Failure> {
        Ok(Self { log: Arc::clone(log), admin: log.admin(Doorbell::new())? })
    }

    /// The log and its address.
    pub(crate) fn place(&self) -> String {
        self.log.describe()
    }

    /// Asks until there is an answer.
    pub(crate) fn ask<T>(
        &self,
        doing: &str,
        question: impl Fn(&dyn Admin) -> Reply<Result<T, LogError>>,
    ) -> Result<T, Failure> {
        let began = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(began.elapsed());
            let silent = |cause: &str| {
                let place = self.place();
                Failure::because(format!(
                    "{place} has not answered for {} s ({doing}){cause}; check that it is running and that the address \
                     is right",
                    PATIENCE.as_secs()
                ))
            };
            match question(&*self.admin).wait_at_most(left) {
                Poll::Pending => return Err(silent("")),
                Poll::Ready(Some(Ok(answer))) => return Ok(answer),
                Poll::Ready(Some(Err(error))) if error.is_transient() && left > PAUSE => {
                    Doorbell::new().wait(PAUSE);
                }
                Poll::Ready(Some(Err(error))) if error.is_transient() => return Err(silent(&format!(": {error}"))),
                Poll::Ready(Some(Err(error))) => return Err(error.into()),
                Poll::Ready(None) => return Err(silent("")),
            }
        }
    }

    /// All topics, or those of these names that exist.
    pub(crate) fn topics(&self, names: Option<Vec<String>>) -> Result<Vec<TopicInfo>, Failure> {
        self.ask("looking up topics", |admin| admin.topics(names.clone()))
    }

    pub(crate) fn starts(&self, partitions: &[TopicPartition]) -> Result<Vec<Offset>, Failure> {
        self.ask("looking up where topics start", |admin| admin.start_offsets(partitions.to_vec()))
    }

    /// The offsets after the last committed records.
    pub(crate) fn ends(&self, partitions: &[TopicPartition]) -> Result<Vec<Offset>, Failure> {
        self.ask("looking up where topics end", |admin| {
            admin.end_offsets(partitions.to_vec(), Isolation::ReadCommitted)
        })
    }
}

/// The partitions of a topic.
pub(crate) fn partitions_of(topic: &TopicInfo) -> impl Iterator<Item = TopicPartition> {
    let name: Arc<str> = topic.name.as_str().into();
    let count = i32::try_from(topic.partitions).unwrap_or(i32::MAX);
    (0..count).map(move |partition| TopicPartition::new(Arc::clone(&name), partition))
}
