//! Why an application cannot start or go on.

use std::path::PathBuf;

use crate::log::{LogError, LogErrorKind};
use crate::operators::{BuildError, OperatorError};
use crate::record::{TaskId, TopicPartition};
use crate::state::StoreError;
use crate::topic::NameError;

/// Why an application cannot start or go on. Each message names what it is about and the next step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// The application's id breaks a rule: it becomes part of topic and folder names.
    #[error("the application id {id:?} cannot be used: {error}")]
    ApplicationId {
        /// The id.
        id: String,
        /// The rule it breaks.
        error: NameError,
    },
    /// An internal topic's name, which begins with the application's id, is longer than Kafka allows.
    #[error(
        "internal topic {topic} would have a name of {} characters, and Kafka allows {max}; shorten the \
         `application.id`, or the name that the topology gives with `{name}`", topic.len()
    )]
    InternalTopicName {
        /// The full name.
        topic: String,
        /// The part that the topology gives.
        name: String,
        /// The longest that is allowed.
        max: usize,
    },
    /// A setting's value does not make sense.
    #[error("setting {setting}: {reason}")]
    Setting {
        /// Its name.
        setting: String,
        /// What is wrong.
        reason: String,
    },
    /// The state folder belongs to a process that is running.
    #[error("the state folder {} is in use by {holder}; stop that, or give this one a `state.dir` of its own", path.display())]
    StateFolderInUse {
        /// The folder.
        path: PathBuf,
        /// Who holds it, as far as is known.
        holder: String,
    },
    /// The state folder cannot be used.
    #[error(
        "the state folder {} cannot be used: {reason}; mend that, or choose another folder with `state.dir`", path.display()
    )]
    StateFolder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The group has members that run a program with another topology.
    #[error(
        "application id {application_id} is in use by a program with another topology: member {member} has topology \
         {theirs:016x}, this program has {ours:016x}{changes}; as one application they would go on with each other's \
         state; give one of them another `application.id`, or, if this is a new version, stop all instances of the old \
         one first (the group counts on an instance that was killed until its `session.timeout.ms` has passed)"
    )]
    OtherTopology {
        /// The application's id, and the group's.
        application_id: String,
        /// The other program's member, and where it runs.
        member: String,
        /// The hash of its topology.
        theirs: u64,
        /// The hash of this program's.
        ours: u64,
        /// What is different, if that is known.
        changes: String,
    },
    /// Input or output topics do not exist.
    #[error("these topics do not exist: {}; create them before the application starts", topics.join(", "))]
    MissingTopics {
        /// Their names.
        topics: Vec<String>,
    },
    /// Topics whose records must meet by key have different numbers of partitions.
    #[error(
        "these topics are joined or merged by key and must have the same number of partitions: {topics}; \
         recreate one of them, or add `.repartition()` to the stream that reads it"
    )]
    NotCopartitioned {
        /// Names with their partition counts.
        topics: String,
    },
    /// An internal topic exists with another number of partitions than the topology needs.
    #[error(
        "internal topic {topic} has {found} partitions but the application needs {needed}: its inputs have changed; \
         reset the application (delete its internal topics and committed offsets) or restore the old partition count"
    )]
    InternalTopicPartitions {
        /// The topic.
        topic: String,
        /// How many it has.
        found: u32,
        /// How many it should have.
        needed: u32,
    },
    /// An internal topic is cleaned up in a way that loses what the application needs.
    #[error(
        "internal topic {topic} has cleanup.policy `{found}`, and the application needs `{wanted}`: records \
         that are still needed would be deleted; set it back, or set `topic.cleanup.policy` if it is meant"
    )]
    InternalTopicPolicy {
        /// The topic.
        topic: String,
        /// The policy it should have.
        wanted: String,
        /// The policy it has.
        found: String,
    },
    /// A changelog or repartition topic that should exist does not: creating it empty would lose state, or
    /// records on their way, silently.
    #[error(
        "internal topic {topic} is gone although the application has run before (its group has committed offsets); \
         restore the topic, or reset the application to start over; if the topic is new in the topology, set \
         `internal.topics.create` to `always` for one start"
    )]
    InternalTopicGone {
        /// The topic.
        topic: String,
    },
    /// A changelog is shorter than what was read from it before, or another topic of the same name.
    #[error(
        "changelog {partition} ends at {end} but the local state was written up to {stored}: the topic was truncated or \
         created again; restore it, or delete the state folder {} to rebuild from what is left", folder.display()
    )]
    ChangelogLost {
        /// The changelog's partition.
        partition: TopicPartition,
        /// Where it ends.
        end: i64,
        /// Where it should at least end.
        stored: i64,
        /// The task's folder.
        folder: PathBuf,
    },
    /// A topic is not the one that the local state was made from.
    #[error(
        "topic {topic} was deleted and created again: the state in {} was made from the topic with id {noted}, now its \
         id is {found}; restore the old topic, or delete that folder to go on with the new one", folder.display()
    )]
    TopicReplaced {
        /// The topic.
        topic: String,
        /// The id it had.
        noted: String,
        /// The id it has.
        found: String,
        /// The task's folder.
        folder: PathBuf,
    },
    /// An input position does not exist and no reset is configured.
    #[error(
        "the position {position} of input partition {partition} does not exist{detail}; set `auto.offset.reset` to \
         `earliest` or `latest` to go on from there"
    )]
    InputOutOfRange {
        /// The partition.
        partition: TopicPartition,
        /// The position.
        position: i64,
        /// More about it.
        detail: String,
    },
    /// A position in a topic of the application's own does not exist: records between its tasks are lost.
    #[error(
        "the position {position} of {partition} does not exist, and it is an internal topic: records on their way \
         between the application's tasks were deleted; restore the topic, or reset the application to start over"
    )]
    InternalOutOfRange {
        /// The partition.
        partition: TopicPartition,
        /// The position.
        position: i64,
    },
    /// A record cannot be processed.
    #[error("task {task} failed at offset {offset} of {partition}: {error}{}", next_step(error))]
    Record {
        /// The task.
        task: TaskId,
        /// Where the record is.
        partition: TopicPartition,
        /// Its offset.
        offset: i64,
        /// What went wrong.
        error: OperatorError,
    },
    /// A task failed outside a record: in a punctuator or while its cache was flushed.
    #[error("task {task} failed: {error}")]
    Operator {
        /// The task.
        task: TaskId,
        /// What went wrong.
        error: OperatorError,
    },
    /// A task's state failed.
    #[error("task {task}: {error}")]
    Store {
        /// The task.
        task: TaskId,
        /// What is wrong.
        error: StoreError,
    },
    /// A task could not be built.
    #[error("task {task}: {error}")]
    Build {
        /// The task.
        task: TaskId,
        /// Why.
        error: BuildError,
    },
    /// The log failed for good.
    #[error("{doing}: {error}{}", log_next_step(error))]
    Log {
        /// What was being done.
        doing: String,
        /// What the log says.
        error: LogError,
    },
    /// A thread of the application could not be started.
    #[error(
        "thread {thread} could not be started: {reason}; lower `num.stream.threads`, or raise what the system allows \
         this process"
    )]
    Thread {
        /// The thread's name.
        thread: String,
        /// What the system says.
        reason: String,
    },
    /// A thread of the application panicked.
    #[error("thread {thread} panicked: {message}")]
    Panic {
        /// The thread's name.
        thread: String,
        /// The panic's message.
        message: String,
    },
}

impl AppError {
    /// An error of the log while doing something.
    pub(crate) fn log(doing: impl Into<String>, error: LogError) -> Self {
        Self::Log { doing: doing.into(), error }
    }
}

/// What may be done about a record that cannot be processed.
const fn next_step(error: &OperatorError) -> &'static str {
    match error {
        OperatorError::Decode { .. } | OperatorError::NegativeTimestamp(_) => {
            "; mend what writes the topic, or set `deserialization.exception.handler` to `skip` to drop and count \
             such records"
        }
        _ => "",
    }
}

/// What may be done about an error of the log that its own message cannot know.
const fn log_next_step(error: &LogError) -> &'static str {
    match error.kind {
        LogErrorKind::UnknownTopic => {
            "; it was there when the application started, so somebody has deleted it: restore it with its records, or \
             reset the application to start over"
        }
        _ => "",
    }
}
