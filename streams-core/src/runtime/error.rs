//! Why an application cannot start or continue.

use std::path::{Path, PathBuf};

use super::RenamedTopic;
use crate::log::{LogError, LogErrorKind};
use crate::operators::{BuildError, OperatorError};
use crate::record::{TaskId, TopicPartition};
use crate::state::{StoreError, StoreErrorKind};
use crate::topic::NameError;

/// Why an application cannot start or continue. Each message names the object concerned and the next step.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// The application's id, which becomes part of topic and folder names, breaks a rule.
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
        /// The part that comes from the topology.
        name: String,
        /// The longest length that is allowed.
        max: usize,
    },
    /// A setting's value is invalid.
    #[error("setting {setting}: {reason}")]
    Setting {
        /// Its name.
        setting: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The state folder belongs to a process that is running.
    #[error(
        "the state folder {} is in use by {holder}; stop that, or give this one a `state.dir` of its own, with \
         `.state_dir(..)` or by starting it in another folder", path.display()
    )]
    StateFolderInUse {
        /// The folder.
        path: PathBuf,
        /// The process that holds it, as far as is known.
        holder: String,
    },
    /// The state folder cannot be used.
    #[error(
        "the state folder {} cannot be used: {reason}; mend that, or choose another folder with `state.dir`", path.display()
    )]
    StateFolder {
        /// The folder.
        path: PathBuf,
        /// The operating system's error.
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
        /// The application's id, which is also the group's.
        application_id: String,
        /// The member that runs the other program, and its host.
        member: String,
        /// The hash of that program's topology.
        theirs: u64,
        /// The hash of this program's topology.
        ours: u64,
        /// How the topologies differ, if that is known.
        changes: String,
    },
    /// Another process has taken this one's place in the group.
    #[error(
        "another process has taken this one's place in the group of {application_id}: it has the same instance id \
         {instance_id}, which comes from the file `process-id` in {state}, so that folder was copied or is on a shared \
         disk; give every process a folder of its own (`state.dir`), and delete the file `process-id` in a copy"
    )]
    Replaced {
        /// The application's id, which is also the group's.
        application_id: String,
        /// The id under which both are static members of the group.
        instance_id: String,
        /// Where this process keeps its state.
        state: String,
    },
    /// Another instance has failed and has called all instances to stop ([`Uncaught::StopApplication`]).
    ///
    /// [`Uncaught::StopApplication`]: super::Uncaught::StopApplication
    #[error(
        "application {application_id} was stopped as a whole by its member {member}, which has failed: {reason}; mend the \
         cause there, then start the instances again"
    )]
    StoppedByMember {
        /// The application's id, which is also the group's.
        application_id: String,
        /// The client name of the instance that has failed, and its host.
        member: String,
        /// The first 300 characters of its error.
        reason: String,
    },
    /// A task did not get on, and `task.stall.handler` is `fail`; or the instance was to end, and a worker did not come back
    /// from the application's code.
    #[error("{stall}. The instance ends without that task's last work, which is done again at the next start")]
    Stalled {
        /// What did not get on, since when, and with what.
        stall: String,
    },
    /// Input or output topics do not exist.
    #[error("{}", missing_topics(topics))]
    MissingTopics {
        /// Their names.
        topics: Vec<String>,
    },
    /// A test's record is for a topic that the topology does not read.
    #[error("the topology does not read topic `{topic}`; it reads {}", quoted(reads))]
    NotRead {
        /// The topic.
        topic: String,
        /// The topics that the topology reads.
        reads: Vec<String>,
    },
    /// A topic matches two of the topology's patterns.
    #[error(
        "topic `{topic}` matches two patterns, `{}` and `{}`, but a topic has only one source; make the patterns match \
         different topics", patterns[0], patterns[1]
    )]
    TopicMatchesTwo {
        /// The topic.
        topic: String,
        /// Two of the patterns.
        patterns: [String; 2],
    },
    /// Topics that must be co-partitioned have different numbers of partitions.
    #[error(
        "these topics are joined or merged by key and must have the same number of partitions: {topics}; \
         recreate one of them, or add `.repartition()` to the stream that reads it"
    )]
    NotCopartitioned {
        /// The topics with their partition counts.
        topics: String,
    },
    /// An internal topic exists with a different number of partitions than the topology needs.
    #[error(
        "internal topic {topic} has {found} partitions but the application needs {needed}: its inputs have changed; \
         reset the application (delete its internal topics and committed offsets) or restore the old partition count"
    )]
    InternalTopicPartitions {
        /// The topic.
        topic: String,
        /// How many partitions it has.
        found: u32,
        /// How many partitions it should have.
        needed: u32,
    },
    /// Topics that are read have got more partitions, while there is state that depends on their number.
    #[error(
        "{inputs}, and what the application has stored is divided by the old number: {internal}; reset the application \
         (delete its internal topics and committed offsets) so that it begins anew with the new number, or let it read a \
         topic with the old one. `.repartition()` with a number of partitions of its own makes state independent of that"
    )]
    InputsGrown {
        /// The topics with both numbers.
        inputs: String,
        /// The internal topics that do not fit, with their numbers.
        internal: String,
    },
    /// An internal topic has a cleanup policy that loses data the application needs.
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
    /// A changelog or repartition topic that should exist does not. Creating it empty would silently lose state or
    /// records in transit.
    #[error(
        "internal topic {topic} is gone although the application has run before (its group has committed offsets); \
         restore the topic, or reset the application to start over{}; if the topic is new in the topology, set \
         `internal.topics.create` to `always` for one start",
        if topic.ends_with("-changelog") {
            "; or set `on.changelog.loss` to `rebuild`, to begin with an empty store (the default is `fail`)"
        } else {
            ""
        }
    )]
    InternalTopicGone {
        /// The topic.
        topic: String,
    },
    /// Internal topics have other generated names than in the topology with which the application has run before. Their
    /// contents would be lost.
    #[error(
        "internal topics have other generated names than when the application last ran, because operators were added \
         or removed before them, or they were given names: {}; what is in the old topics would be lost. To keep it, give the operators the \
         names they had, with `.stored_as(..)` or `.named(..)`: {}; or go back to the old topology; or set \
         `internal.topics.create` to `always` for one start, to begin with empty topics",
        list(topics),
        old_names(topics)
    )]
    GeneratedNamesChanged {
        /// The topics, with their names before and now.
        topics: Vec<RenamedTopic>,
    },
    /// Stores with generated names are where others were when the application last ran, because operators have changed their
    /// order. Each would go on with another one's rows.
    #[error(
        "stores with generated names have changed places since the application last ran here: {}; each would go on with the \
         rows of the one whose name it has now. Give them the names they had, with `.stored_as(..)`: {}; or go back to the old \
         order of the operators; or reset the application to start over",
        list(stores),
        former_names(stores)
    )]
    StoresChangedPlaces {
        /// The stores, with their names before and now.
        stores: Vec<RenamedTopic>,
    },
    /// A changelog has lost what its store needs.
    #[error(
        "the changelog {partition} has lost what store {store} needs: {loss}{}; restore the topic, or set \
         `on.changelog.loss` to `rebuild` to go on with what is left of it (the default is `fail`)",
        beside(folder)
    )]
    ChangelogLost {
        /// The store's name.
        store: String,
        /// The changelog's partition.
        partition: TopicPartition,
        /// What has become of it.
        loss: Box<ChangelogLoss>,
        /// The task's folder; empty if its state is in memory.
        folder: PathBuf,
    },
    /// A topic that a table is read from ends before the offset up to which it was read earlier: it was truncated, or is a
    /// different topic of the same name.
    #[error(
        "topic partition {partition} ends at {end} but the local state was written up to {stored}: the topic was truncated or \
         created again; restore it, or delete the state folder {} to rebuild from what is left", folder.display()
    )]
    TableTopicTruncated {
        /// The topic's partition.
        partition: TopicPartition,
        /// Its end offset.
        end: i64,
        /// The offset stored with the state, which the end should have reached.
        stored: i64,
        /// The task's folder.
        folder: PathBuf,
    },
    /// A topic is not the one that the state was built from.
    #[error(
        "topic {topic} was deleted and created again: the state{} was made from the topic with id {noted}, now its id is \
         {found}; restore the old topic, or {}",
        inside(folder),
        start_over(folder)
    )]
    TopicReplaced {
        /// The topic.
        topic: String,
        /// The topic id recorded with the state.
        noted: String,
        /// The topic id now.
        found: String,
        /// The folder of the task or global table; empty if its state is in memory.
        folder: PathBuf,
    },
    /// An input position does not exist, and no reset is configured.
    #[error(
        "the position {position} of input partition {partition} does not exist{detail}; set `auto.offset.reset` to \
         `earliest` or `latest` to go on from there"
    )]
    InputOutOfRange {
        /// The partition.
        partition: TopicPartition,
        /// The position.
        position: i64,
        /// Further explanation.
        detail: String,
    },
    /// The group no longer has a position that was committed together with state or output: it has expired, or was deleted.
    #[error(
        "group {group} has no position in {partition} any more, although {rests_on}: it has expired \
         (`offsets.retention.minutes`) or was deleted, and reading from where `auto.offset.reset` says would process records \
         twice, or leave some out; set the position with `kafka-consumer-groups.sh --group {group} --topic {}:{} \
         --reset-offsets --to-offset N --execute`{}, or reset the application to start over (delete its internal topics and \
         its state folder)", partition.topic, partition.partition, rests_on.hint()
    )]
    PositionGone {
        /// The application's id.
        group: String,
        /// The input.
        partition: TopicPartition,
        /// What was committed together with it.
        rests_on: Box<RestsOn>,
    },
    /// A position in an internal topic does not exist: records in transit between tasks are lost.
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
        /// The record's partition.
        partition: TopicPartition,
        /// The record's offset.
        offset: i64,
        /// The operator's error.
        error: OperatorError,
    },
    /// A task failed outside the processing of a record: in a punctuator, or while its cache was flushed.
    #[error("task {task} failed: {error}")]
    Operator {
        /// The task.
        task: TaskId,
        /// The operator's error.
        error: OperatorError,
    },
    /// A task's state failed.
    #[error("task {task}: {error}")]
    Store {
        /// The task.
        task: TaskId,
        /// What is wrong with it.
        error: StoreError,
    },
    /// A task could not be built.
    #[error("task {task}: {error}")]
    Build {
        /// The task.
        task: TaskId,
        /// The reason.
        error: BuildError,
    },
    /// The log failed permanently.
    #[error("{doing}: {error}{}", log_next_step(error))]
    Log {
        /// What was being done.
        doing: String,
        /// The log's error.
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
        /// The operating system's error.
        reason: String,
    },
    /// What was to run beside the application could not be started.
    #[error("{reason}")]
    Beside {
        /// Why.
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

crate::debug_says_what_display_says!(AppError);

/// What has become of a changelog.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangelogLoss {
    /// Its last records are gone.
    #[error("it ends at {end}, and the state was committed up to {committed}")]
    Truncated {
        /// The offset at its end.
        end: i64,
        /// The offset that the end should have reached.
        committed: i64,
    },
    /// Its first records are gone, although its `cleanup.policy` keeps the last record of every key.
    #[error("it begins at {start}, and what was written from {needed} on is needed")]
    HeadGone {
        /// The offset at its beginning.
        start: i64,
        /// The first offset that is needed.
        needed: i64,
    },
    /// It is another topic of the same name.
    #[error(
        "it was deleted and created again: the state was made from the topic with id {noted}, now its id is {found}"
    )]
    CreatedAgain {
        /// The topic id recorded with the state.
        noted: String,
        /// The topic id now.
        found: String,
    },
}

crate::debug_says_what_display_says!(ChangelogLoss);

/// What was committed together with a position that is gone.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestsOn {
    /// State that is kept in this folder.
    #[error("the state in {} was committed with position {position}", folder.display())]
    State {
        /// The position, unless another instance has gone on since.
        position: i64,
        /// The task's folder.
        folder: PathBuf,
    },
    /// Records of this changelog.
    #[error("{0} has committed records")]
    Changelog(TopicPartition),
}

crate::debug_says_what_display_says!(RestsOn);

impl RestsOn {
    fn hint(&self) -> String {
        match self {
            Self::State { position, .. } => format!(" (N is {position}, unless another instance has gone on since)"),
            Self::Changelog(_) => String::new(),
        }
    }
}

fn beside(folder: &Path) -> String {
    if folder.as_os_str().is_empty() { String::new() } else { format!(" (the state is in {})", folder.display()) }
}

fn inside(folder: &Path) -> String {
    if folder.as_os_str().is_empty() { String::new() } else { format!(" in {}", folder.display()) }
}

fn start_over(folder: &Path) -> &'static str {
    match folder.parent().and_then(Path::file_name).is_some_and(|name| name == "global") {
        true => "delete that folder to go on with the new one",
        false => "reset the application to start over with the new one",
    }
}

impl AppError {
    /// An error of the log, with what was being done.
    pub(crate) fn log(doing: impl Into<String>, error: LogError) -> Self {
        Self::Log { doing: doing.into(), error }
    }
}

impl AppError {
    /// Whether it may be a reason for all instances to stop. It is none if just this one does not belong to them, or if all
    /// have been called already.
    pub(crate) const fn may_concern_all(&self) -> bool {
        !matches!(self, Self::OtherTopology { .. } | Self::Replaced { .. } | Self::StoppedByMember { .. })
    }

    /// The task whose state is damaged, if that is what has happened.
    pub(crate) fn damaged_state(&self) -> Option<(TaskId, &StoreError)> {
        let (task, error) = match self {
            Self::Store { task, error }
            | Self::Record { task, error: OperatorError::Store { error, .. }, .. }
            | Self::Operator { task, error: OperatorError::Store { error, .. } } => (*task, error),
            _ => return None,
        };
        (error.kind == StoreErrorKind::Corrupt).then_some((task, error))
    }
}

/// Names the topics, and how to create them in either log.
fn missing_topics(topics: &[String]) -> String {
    let (what, which) = match topics {
        [topic] => (format!("topic `{topic}` does not exist"), "it"),
        _ => (format!("these topics do not exist: {}", topics.join(", ")), "them"),
    };
    let first = topics.first().map_or("", String::as_str);
    format!(
        "{what}; create {which} before the application starts, with `client.create_topic(..).partitions(N).create()` \
         of a `Client`, or on Kafka with `kafka-topics.sh --bootstrap-server HOST:PORT --create --topic {first} \
         --partitions N`"
    )
}

fn quoted(topics: &[String]) -> String {
    match topics {
        [] => "none".to_owned(),
        _ => topics.iter().map(|topic| format!("`{topic}`")).collect::<Vec<_>>().join(", "),
    }
}

fn list(topics: &[RenamedTopic]) -> String {
    topics.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The names that the operators had, by the names of their topics.
fn old_names(topics: &[RenamedTopic]) -> String {
    let name = |topic: &RenamedTopic| {
        let (name, _) = topic.before.rsplit_once('-')?;
        let start = name.find("-KSTREAM-").or_else(|| name.find("-KTABLE-"))? + 1;
        Some(format!("`{}`", name.get(start..)?))
    };
    let names: std::collections::BTreeSet<_> = topics.iter().filter_map(name).collect();
    Vec::from_iter(names).join(", ")
}

fn former_names(stores: &[RenamedTopic]) -> String {
    stores.iter().map(|store| format!("`{}`", store.before)).collect::<Vec<_>>().join(", ")
}

/// What the user can do about a record that cannot be processed.
const fn next_step(error: &OperatorError) -> &'static str {
    match error {
        OperatorError::Decode { .. } | OperatorError::NegativeTimestamp(_) => {
            "; mend what writes the topic, or set `deserialization.exception.handler` to `skip` to drop and count \
             such records, or to `dead-letter` to keep them"
        }
        OperatorError::Panic { .. } | OperatorError::Refused { .. } | OperatorError::Invalid { .. } => {
            "; the record is not committed, so the next start processes it again: mend the code, or what sends such \
             records, or set `processing.exception.handler` to `skip` or `dead-letter`"
        }
        OperatorError::GivenUp { .. } => {
            "; the record is still in the handler's store, so the next start tries again: mend the code, or whatever it \
             calls; or say how often to try, with `.retry(..)`, and what then, with `.give_up(..)`"
        }
        _ => "",
    }
}

/// What the user can do about a log error, where the log's own message cannot know it.
const fn log_next_step(error: &LogError) -> &'static str {
    match error.kind {
        LogErrorKind::UnknownTopic => {
            "; it was there when the application started, so somebody has deleted it: restore it with its records, or \
             reset the application to start over"
        }
        _ => "",
    }
}
