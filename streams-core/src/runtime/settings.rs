//! What the runtime is told: the settings it honours, in the types it uses.

use std::path::PathBuf;
use std::time::Duration;

use super::AppError;
use crate::config::{ApplicationId, StreamsConfig};
pub use crate::config::{CreateInternalTopics, Guarantee, IsolationLevel, OffsetReset, OnUndecodable};
use crate::log::Isolation;

/// The runtime's settings. Names and defaults are Kafka Streams' unless said otherwise.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `num.stream.threads`: worker threads.
    pub workers: usize,
    /// `processing.guarantee`.
    pub guarantee: Guarantee,
    /// `commit.interval.ms`; `None` is the guarantee's own, see [`Settings::commit_interval`].
    pub commit_interval: Option<Duration>,
    /// `statestore.cache.max.bytes`, over all workers; 0 forwards every update at once.
    pub cache_bytes: usize,
    /// `statestore.uncommitted.max.bytes`, over all workers: more uncommitted state than that commits early.
    pub uncommitted_bytes: usize,
    /// `state.dir`; each application has a folder of its own in it. Default `./state`, not the temporary
    /// folder, which a reboot may empty.
    pub state_dir: PathBuf,
    /// `max.task.idle.ms`: how long a task with several inputs waits for one that is caught up but empty.
    /// `None` (-1) never waits, not even for data known to be on the way.
    pub task_idle: Option<Duration>,
    /// `buffered.records.per.partition`: above it, a partition is not read any further for now.
    pub buffered_records: usize,
    /// `replication.factor` of internal topics; `None` leaves it to the log.
    pub replication: Option<u16>,
    /// `auto.offset.reset`: where reading begins when the group has no position.
    pub offset_reset: OffsetReset,
    /// Where reading goes on when a committed position no longer exists. An error unless the application
    /// set `auto.offset.reset` itself: nothing is skipped silently.
    pub out_of_range: OffsetReset,
    /// `consumer.isolation.level`: which records of other programs' transactions are read from input topics and
    /// into global tables; `None` goes by the guarantee.
    pub isolation_level: Option<IsolationLevel>,
    /// `internal.topics.create`: whether internal topics that are missing are created although the
    /// application has run before.
    pub create_internal_topics: CreateInternalTopics,
    /// `deserialization.exception.handler`.
    pub on_undecodable: OnUndecodable,
    /// `session.timeout.ms`.
    pub session_timeout: Duration,
    /// How long a rebalance waits for this member's commit (`max.poll.interval.ms` in Kafka's terms).
    pub rebalance_timeout: Duration,
    /// `transaction.timeout.ms`; below the session time-out, so that a dead member's transaction never
    /// outlives its membership for long.
    pub transaction_timeout: Duration,
    /// `task.timeout.ms`: how long a task that is being opened waits for a log that does not answer.
    pub task_timeout: Duration,
    /// `poll.ms`: how long a worker that has nothing to do waits at most.
    pub poll: Duration,
    /// `client.id`: what the clients' names begin with; the application's id unless set.
    pub client_id: Option<String>,
    /// `topic.*`: settings for all internal topics.
    pub topic_configs: Vec<(String, String)>,
}

impl Settings {
    /// How often work is committed: unless set, every 30 seconds, and every 100 milliseconds under
    /// exactly-once, where results are visible only after a commit.
    #[must_use]
    pub fn commit_interval(&self) -> Duration {
        self.commit_interval.unwrap_or_else(|| self.guarantee.commit_interval())
    }

    /// How input is read. State is read back by the guarantee alone: see [`Settings::restore_isolation`].
    pub(crate) fn input_isolation(&self) -> Isolation {
        isolation(self.isolation_level.unwrap_or_else(|| self.guarantee.isolation_level()))
    }

    /// How changelogs are read: they are written in transactions only under exactly-once.
    pub(crate) const fn restore_isolation(&self) -> Isolation {
        isolation(self.guarantee.isolation_level())
    }

    /// Checks what one setting demands of another.
    ///
    /// # Errors
    /// Names the setting and the rule.
    pub(crate) fn check(&self) -> Result<(), AppError> {
        let refuse = |setting: &str, reason: &str| {
            Err(AppError::Setting { setting: setting.to_owned(), reason: reason.to_owned() })
        };
        if self.workers == 0 {
            return refuse("num.stream.threads", "at least one thread is needed");
        }
        if self.commit_interval().is_zero() {
            return refuse("commit.interval.ms", "it must be at least 1 ms");
        }
        if self.buffered_records == 0 {
            return refuse("buffered.records.per.partition", "it must be at least 1");
        }
        if self.guarantee == Guarantee::ExactlyOnce && self.isolation_level == Some(IsolationLevel::ReadUncommitted) {
            return refuse(
                "consumer.isolation.level",
                "under exactly-once only committed records are read; leave it out, or set `read_committed`",
            );
        }
        if self.guarantee == Guarantee::ExactlyOnce && self.transaction_timeout >= self.session_timeout {
            return refuse(
                "transaction.timeout.ms",
                "it must be below session.timeout.ms, so that a dead member's transaction ends first",
            );
        }
        if self.guarantee == Guarantee::ExactlyOnce && self.commit_interval() >= self.transaction_timeout {
            return refuse(
                "commit.interval.ms",
                "under exactly-once it must be below transaction.timeout.ms (10 s unless set), or every transaction times out",
            );
        }
        Ok(())
    }
}

const fn isolation(level: IsolationLevel) -> Isolation {
    match level {
        IsolationLevel::ReadUncommitted => Isolation::ReadUncommitted,
        IsolationLevel::ReadCommitted => Isolation::ReadCommitted,
    }
}

impl Default for Settings {
    /// The defaults of [`StreamsConfig`].
    fn default() -> Self {
        Self::from(&StreamsConfig::defaults_for(ApplicationId::unnamed()))
    }
}

impl From<&StreamsConfig> for Settings {
    fn from(config: &StreamsConfig) -> Self {
        Self {
            workers: config.num_stream_threads,
            guarantee: config.processing_guarantee,
            commit_interval: config.commit_interval,
            cache_bytes: config.statestore_cache_max_bytes,
            uncommitted_bytes: config.statestore_uncommitted_max_bytes,
            state_dir: config.state_dir.clone(),
            task_idle: config.max_task_idle,
            buffered_records: config.buffered_records_per_partition,
            replication: config.replication_factor,
            offset_reset: config.auto_offset_reset.unwrap_or(OffsetReset::Earliest),
            out_of_range: config.auto_offset_reset.unwrap_or(OffsetReset::None),
            isolation_level: config.isolation_level,
            create_internal_topics: config.create_internal_topics,
            on_undecodable: config.on_undecodable,
            session_timeout: config.session_timeout,
            rebalance_timeout: config.max_poll_interval,
            transaction_timeout: config.transaction_timeout,
            task_timeout: config.task_timeout,
            poll: config.poll,
            client_id: config.client_id.clone(),
            topic_configs: config.topics.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Settings;
    use crate::config::Layers;

    #[test]
    fn state_lies_in_the_working_folder_unless_set() {
        let config = Layers::new().set("application.id", "shop").read().expect("a configuration");
        for settings in [Settings::default(), Settings::from(&config)] {
            assert_eq!(settings.state_dir, Path::new("state"));
        }
    }
}
