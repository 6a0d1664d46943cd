//! The settings that the runtime honours, in the types it uses.

use std::path::PathBuf;
use std::time::Duration;

use super::AppError;
use crate::config::{ApplicationId, Optimizations, StreamsConfig, transaction_timeout_below};
pub use crate::config::{
    CreateInternalTopics, ErrorSettings, Guarantee, IsolationLevel, OffsetReset, OnChangelogLoss, OnError, OnFuture,
    OnStall, RecordingLevel, TimestampPolicy,
};
use crate::log::{Isolation, Log};

/// How often a batch job commits that has not set an interval. Under exactly-once its tasks also see each other's records
/// only after a commit, so it is not longer.
const BATCH_COMMIT_INTERVAL: Duration = Duration::from_secs(1);

/// How many records a worker fetches at once.
const RECORDS_PER_ROUND: usize = 1_000;

/// The runtime's settings. Names and defaults are Kafka Streams' unless stated otherwise.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `num.stream.threads`: worker threads.
    pub workers: usize,
    /// `processing.guarantee`; `None` leaves it to the log that the application runs on: exactly-once on an embedded
    /// log, at-least-once on Kafka.
    pub guarantee: Option<Guarantee>,
    /// `commit.interval.ms`; `None` means the guarantee's default, see [`Settings::commit_interval`].
    pub commit_interval: Option<Duration>,
    /// Whether and how often work is also committed while there is nothing else to do. A batch job is done only once
    /// everything is committed, and committing earlier would only write rows that change again.
    pub idle_commit_interval: Option<Duration>,
    /// `statestore.cache.max.bytes`, for all workers together; 0 forwards every update at once.
    pub cache_bytes: usize,
    /// `statestore.uncommitted.max.bytes`, for all workers together: more uncommitted state than that triggers an
    /// early commit.
    pub uncommitted_bytes: usize,
    /// `state.dir`, in which each application has its own folder. The default is `./state` rather than the temporary
    /// folder, which a reboot may empty.
    pub state_dir: PathBuf,
    /// `max.task.idle.ms`: how long a task with several inputs waits for one that is caught up but empty. `None` (-1)
    /// never waits, not even for records that are known to exist.
    pub task_idle: Option<Duration>,
    /// `event.time.alignment`: how far apart in event time tasks may be while there are records to catch up with. `None`
    /// is Java's rule: every task goes as fast as it can.
    pub event_time_alignment: Option<Duration>,
    /// `buffered.records.per.partition`: above it, reading of a partition is paused.
    pub buffered_records: usize,
    /// `input.buffer.max.bytes`, for all workers together: above it, reading of partitions is paused that have records in
    /// their buffers.
    pub input_buffer_bytes: usize,
    /// `memory.max.bytes`: what all parts together may hold; `None` leaves it to their sizes.
    pub memory_bytes: Option<usize>,
    /// How many records a worker fetches at once, and at most processes per task before it turns to anything else.
    /// Fewer make a simulation's steps smaller.
    pub records_per_round: usize,
    /// `replication.factor` of internal topics; `None` uses the log's default.
    pub replication: Option<u16>,
    /// `auto.offset.reset`: where reading starts when the group has no committed position.
    pub offset_reset: OffsetReset,
    /// Where reading continues when a committed position no longer exists. This is an error unless the application
    /// set `auto.offset.reset` itself, so that nothing is skipped silently.
    pub out_of_range: OffsetReset,
    /// `default.timestamp.extractor`: which time records have, for all sources that don't say it themselves.
    pub timestamps: TimestampPolicy,
    /// `consumer.isolation.level`: which records of other programs' transactions are read from input topics and
    /// global tables; `None` follows the guarantee.
    pub isolation_level: Option<IsolationLevel>,
    /// `internal.topics.create`: whether missing internal topics are created even if the application has run before.
    pub create_internal_topics: CreateInternalTopics,
    /// `on.changelog.loss`: what happens to a store whose changelog has lost what the store needs.
    pub on_changelog_loss: OnChangelogLoss,
    /// `topology.optimization`: what the topology must have been built with, unless it is `none`.
    pub optimizations: Optimizations,
    /// What becomes of records that cannot be read, processed or written.
    pub errors: ErrorSettings,
    /// `session.timeout.ms`; see [`App::session_timeout`](super::App::session_timeout).
    pub session_timeout: Duration,
    /// How long a rebalance waits for this member's commit (`max.poll.interval.ms` in Kafka's terms).
    pub rebalance_timeout: Duration,
    /// `transaction.timeout.ms`; shorter than the session timeout, so that a dead member's transaction does not
    /// outlive its membership for long. `None` means the default, see [`Settings::transaction_timeout`].
    pub transaction_timeout: Option<Duration>,
    /// `task.timeout.ms`: how long a task that is being opened waits for an answer from the log.
    pub task_timeout: Duration,
    /// `task.stall.timeout.ms`: how long a task may have records without processing any, or a step of a worker may take,
    /// until that is reported.
    pub task_stall_timeout: Duration,
    /// `task.stall.handler`: what becomes of an instance whose task does not get on.
    pub task_stall: OnStall,
    /// `handler.stop.timeout.ms`: how long an instance that stops waits for handlers that are running.
    pub handler_stop_timeout: Duration,
    /// `metrics.recording.level`: how much detail metrics have.
    pub recording_level: RecordingLevel,
    /// `poll.ms`: the longest wait of a worker that has nothing to do.
    pub poll: Duration,
    /// `metadata.max.age.ms`: how often to look for new topics that match a pattern of the topology; `None` leaves it to the
    /// log.
    pub metadata_max_age: Option<Duration>,
    /// `client.id`: the prefix of the clients' names; by default the application's id.
    pub client_id: Option<String>,
    /// `topic.*`: settings for all internal topics.
    pub topic_configs: Vec<(String, String)>,
}

impl Settings {
    /// The guarantee that was chosen. As long as neither the program nor the log has, it is at-least-once.
    #[must_use]
    pub fn guarantee(&self) -> Guarantee {
        self.guarantee.unwrap_or_default()
    }

    /// Lets the log choose what was left to it.
    pub(crate) fn decided_by(self, log: &dyn Log) -> Self {
        let default = if log.is_exactly_once_by_default() { Guarantee::ExactlyOnce } else { Guarantee::AtLeastOnce };
        Self { guarantee: self.guarantee.or(Some(default)), ..self }
    }

    /// How often work is committed. The default is every 30 seconds, or every 100 milliseconds under exactly-once,
    /// where results become visible only with a commit. The results of a batch job are wanted at its end, and every
    /// commit of a table's cache is one more record for each row that has changed, so there the default is never less
    /// than a second.
    #[must_use]
    pub fn commit_interval(&self) -> Duration {
        let is_batch = self.idle_commit_interval.is_some();
        let at_least = if is_batch { BATCH_COMMIT_INTERVAL } else { Duration::ZERO };
        self.commit_interval.unwrap_or_else(|| self.guarantee().commit_interval().max(at_least))
    }

    /// The commit interval while there is something else to do, and the one while there is nothing.
    pub(crate) fn commit_interval_when(&self, is_idle: bool) -> Duration {
        let interval = self.commit_interval();
        self.idle_commit_interval.filter(|_| is_idle).map_or(interval, |idle| interval.min(idle))
    }

    /// When the log aborts a transaction that is still open. The default is 10 seconds, or two thirds of the session
    /// timeout if that is less.
    #[must_use]
    pub fn transaction_timeout(&self) -> Duration {
        self.transaction_timeout.unwrap_or_else(|| transaction_timeout_below(self.session_timeout))
    }

    /// How often to look for new topics that match a pattern.
    pub(crate) fn topic_interval(&self, log: &dyn Log) -> Duration {
        self.metadata_max_age.unwrap_or_else(|| log.topic_interval())
    }

    /// The isolation level for input. For restoring state it depends on the guarantee alone, see
    /// [`Settings::restore_isolation`].
    pub(crate) fn input_isolation(&self) -> Isolation {
        isolation(self.isolation_level.unwrap_or_else(|| self.guarantee().isolation_level()))
    }

    /// The isolation level for changelogs, which are written in transactions only under exactly-once.
    pub(crate) fn restore_isolation(&self) -> Isolation {
        isolation(self.guarantee().isolation_level())
    }

    /// Checks that the settings fit together, once the log [has decided](Settings::decided_by) what was left to it.
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
        if self.records_per_round == 0 {
            return refuse("records_per_round", "it must be at least 1");
        }
        if self.guarantee() == Guarantee::ExactlyOnce && self.isolation_level == Some(IsolationLevel::ReadUncommitted) {
            return refuse(
                "consumer.isolation.level",
                "under exactly-once only committed records are read; leave it out, or set `read_committed`",
            );
        }
        if self.errors.dead_letter_topic.is_none()
            && let Some(setting) = self.errors.wants_dead_letters()
        {
            return refuse(setting, "dead letters need a topic; set `errors.dead.letter.queue.topic.name` to its name");
        }
        if self.session_timeout < Duration::from_millis(1) {
            return refuse("session.timeout.ms", "it must be at least 1 ms");
        }
        if self.guarantee() == Guarantee::ExactlyOnce && self.transaction_timeout() >= self.session_timeout {
            return refuse(
                "transaction.timeout.ms",
                "it must be below session.timeout.ms, so that a dead member's transaction ends first",
            );
        }
        if self.guarantee() == Guarantee::ExactlyOnce && self.commit_interval() >= self.transaction_timeout() {
            return refuse(
                "commit.interval.ms",
                "under exactly-once it must be below transaction.timeout.ms (10 s, or two thirds of a shorter \
                 session.timeout.ms, unless set), or every transaction times out",
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
            idle_commit_interval: None,
            cache_bytes: config.statestore_cache_max_bytes,
            uncommitted_bytes: config.statestore_uncommitted_max_bytes,
            state_dir: config.state_dir.clone(),
            task_idle: config.max_task_idle,
            event_time_alignment: config.event_time_alignment,
            buffered_records: config.buffered_records_per_partition,
            input_buffer_bytes: config.input_buffer_max_bytes,
            memory_bytes: config.memory_max_bytes,
            records_per_round: RECORDS_PER_ROUND,
            replication: config.replication_factor,
            offset_reset: config.auto_offset_reset.unwrap_or(OffsetReset::Earliest),
            out_of_range: config.auto_offset_reset.unwrap_or(OffsetReset::None),
            timestamps: config.timestamps,
            isolation_level: config.isolation_level,
            create_internal_topics: config.create_internal_topics,
            on_changelog_loss: config.on_changelog_loss,
            errors: config.errors.clone(),
            session_timeout: config.session_timeout,
            rebalance_timeout: config.max_poll_interval,
            transaction_timeout: config.transaction_timeout,
            task_timeout: config.task_timeout,
            task_stall_timeout: config.task_stall_timeout,
            task_stall: config.task_stall,
            handler_stop_timeout: config.handler_stop_timeout,
            recording_level: config.recording_level,
            poll: config.poll,
            metadata_max_age: config.metadata_max_age,
            client_id: config.client_id.clone(),
            optimizations: config.topology_optimization,
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
