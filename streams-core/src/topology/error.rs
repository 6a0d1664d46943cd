//! The errors of `StreamsBuilder::build`.

use std::panic::Location;
use std::time::Duration;

use crate::topic::NameError;

/// The place of a call in the user's source code. Prints as `src/main.rs:12:10`.
pub type CallSite = &'static Location<'static>;

/// Why a topology cannot be built. Each error names the node, store or topic, the place in the source, and what to do.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// The builder was not used.
    #[error(
        "the topology is empty: start with `builder.stream(..)`, `builder.table(..)` or `builder.global_table(..)`"
    )]
    Empty,

    /// A name that topics, stores and nodes cannot have.
    #[error("`{name}` ({at}) is not a valid name: {error}")]
    Name {
        /// As given, or derived from a given name.
        name: String,
        /// The rule that it breaks.
        error: NameError,
        /// The call that gave the name.
        at: CallSite,
    },

    /// `.named(..)` twice on the same thing.
    #[error("`.named(\"{second}\")` ({at}): this is already named `{first}`; keep one of the two")]
    NamedTwice {
        /// The name that was given first.
        first: String,
        /// The name that was given later.
        second: String,
        /// The later call.
        at: CallSite,
    },

    /// `.stored_as(..)` twice on the same table.
    #[error("`.stored_as({second})` ({at}): this table is already stored as `{first}`; keep one of the two")]
    StoredTwice {
        /// The store that was given first.
        first: String,
        /// The store that was given later.
        second: String,
        /// The later call.
        at: CallSite,
    },

    /// Two nodes with the same name.
    #[error("two nodes are named `{name}`: one at {first}, one at {second}; give one of them another name")]
    DuplicateNode {
        /// Given by the user for at least one of them, or derived from a given name.
        name: String,
        /// The call that made the first node.
        first: CallSite,
        /// The call that made the other node.
        second: CallSite,
    },

    /// Two tables with the same store, or a table and a processor.
    #[error(
        "two things are stored as `{name}`: one at {first}, one at {second}; a table's store cannot be used by \
         another table or a processor, so give one of them another store"
    )]
    DuplicateStore {
        /// The store's name.
        name: String,
        /// The call that used it first.
        first: CallSite,
        /// The call that used it again.
        second: CallSite,
    },

    /// Two groups without names that are aggregated together and need a topic each.
    #[error(
        "the aggregation at {at} needs several repartition topics, which would all be called `{topic}`; name the groups \
         with `.named(..)`, directly after `.group_by(..)` or `.group_by_key()`"
    )]
    CogroupTopics {
        /// The topic's name without the application's id.
        topic: String,
        /// The aggregation.
        at: CallSite,
    },

    /// Two stores whose names differ only in case.
    #[error(
        "the stores `{first_name}` ({first}) and `{second_name}` ({second}) differ only in upper and lower case, \
         which not every file system distinguishes; rename one of them"
    )]
    StoreCase {
        /// The store that came first.
        first_name: String,
        /// The store that came later.
        second_name: String,
        /// The call that used the first store.
        first: CallSite,
        /// The call that used the other store.
        second: CallSite,
    },

    /// A store that is used with different types.
    #[error(
        "the store `{name}` has {first_types} at {first}, but {second_types} at {second}; use one constant for both"
    )]
    StoreTypes {
        /// The store's name.
        name: String,
        /// The types of keys and values in the first call.
        first_types: String,
        /// The types of keys and values in the other call.
        second_types: String,
        /// The call that used it first.
        first: CallSite,
        /// The call that used it with other types.
        second: CallSite,
    },

    /// A window store for rows without windows, or the other way round.
    #[error("`{node}` ({at}) cannot be stored as `{store}`: {reason}")]
    StoreKind {
        /// The table's node.
        node: String,
        /// The store's name.
        store: String,
        /// Why not, and what to do.
        reason: String,
        /// The call that made the table.
        at: CallSite,
    },

    /// A topic that two sources read in ways that cannot be merged.
    #[error("topic `{topic}` is read twice, at {first} and at {second}: {reason}")]
    TopicReadTwice {
        /// The topic's name.
        topic: String,
        /// Why that is impossible, and what to do.
        reason: String,
        /// The call that read it first.
        first: CallSite,
        /// The call that read it again.
        second: CallSite,
    },

    /// A pattern for topics that is no regular expression.
    #[error("the pattern `{pattern}` ({at}) for the names of topics is no regular expression: {reason}")]
    Pattern {
        /// As given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
        /// The call that made the stream.
        at: CallSite,
    },

    /// A source without topics.
    #[error("the stream at {at} reads no topic; name at least one")]
    NoTopics {
        /// The call that made the stream.
        at: CallSite,
    },

    /// Windows that make no sense.
    #[error("the windows of `{node}` ({at}) cannot be used: {reason}")]
    Windows {
        /// The node that aggregates over them.
        node: String,
        /// The number that is wrong, and what it may be.
        reason: String,
        /// The call that made the aggregation.
        at: CallSite,
    },

    /// A handler that would not work.
    #[error("the handler `{node}` ({at}) cannot be used: {reason}")]
    Handler {
        /// Its node.
        node: String,
        /// Which option is wrong, and what it may be.
        reason: String,
        /// The call that made it.
        at: CallSite,
    },

    /// Versions of rows where there can be none, or none where they are needed.
    #[error("`{node}` ({at}) is not possible: {reason}")]
    Versions {
        /// The node of the table or the operation.
        node: String,
        /// Why not, and what to do.
        reason: String,
        /// The call that made it.
        at: CallSite,
    },

    /// A store of windows that drops them while they still change.
    #[error(
        "`{node}` ({at}) keeps its windows for {retention:?}, but they can change for {needed:?}; retain them for at least \
         that long"
    )]
    Retention {
        /// The node that aggregates over the windows.
        node: String,
        /// How long its store keeps windows, as set by the user.
        retention: Duration,
        /// How long a window changes, counted from its start.
        needed: Duration,
        /// The call that made the aggregation.
        at: CallSite,
    },

    /// Windowed keys whose windows would have no known end when they are read back.
    #[error(
        "windowed keys are read back from {what} ({at}), but their bytes leave out the length of their windows: {reason}"
    )]
    WindowSize {
        /// The topic, store or operation that reads the keys back.
        what: String,
        /// Why the length is not known, and where to set it.
        reason: String,
        /// The call that reads the keys back.
        at: CallSite,
    },

    /// An option that has no effect where it was given.
    #[error("`{option}` at {at} has no effect: {reason}")]
    Option {
        /// The option's method, such as `.not_logged()`.
        option: &'static str,
        /// Why, and where it belongs.
        reason: String,
        /// The call that the option follows.
        at: CallSite,
    },
    /// A tile that cannot be shown.
    #[error("the tile `{title}` at {at} cannot be shown: {reason}")]
    Tile {
        /// Its title.
        title: String,
        /// Why not, and what to do.
        reason: String,
        /// The call that made it.
        at: CallSite,
    },

    /// A processor reads a store that no table before it has.
    #[error(
        "a processor at {at} reads the store `{name}`, which no table before it has: store one with \
         `.stored_as({name})`, or leave out `.read_only()` for a store of the processor's own"
    )]
    NoTableStore {
        /// The store's name.
        name: String,
        /// The call.
        at: CallSite,
    },

    /// A processor reads a table's store as one of another kind.
    #[error(
        "a processor at {at} reads the store `{name}` as a `{read}`, but it is a `{is}`; use the table's own constant"
    )]
    StoreRead {
        /// The store's name.
        name: String,
        /// The type of the constant that the processor has.
        read: &'static str,
        /// The type of the constant that the table has.
        is: &'static str,
        /// The call.
        at: CallSite,
    },

    /// A repartition topic with no partitions.
    #[error("`{node}` ({at}) asks for 0 partitions; a topic has at least one")]
    NoPartitions {
        /// The node that reads the topic.
        node: String,
        /// The call that asks for the topic.
        at: CallSite,
    },

    /// Records that must meet cannot, because the user gave their topics different partition counts.
    #[error(
        "records of {topics} must meet in one task, so these topics need the same number of partitions; give them the \
         same `.partitions(..)`, or leave it out for all but one"
    )]
    Copartition {
        /// The topics with their numbers of partitions.
        topics: String,
    },

    /// A branch after the default branch, which would get no records.
    #[error(
        "the branch at {at} comes after the default branch of `{split}`, so no record would reach it; move it before \
         the default branch"
    )]
    BranchAfterDefault {
        /// The name of the split's node.
        split: String,
        /// The call that made the branch.
        at: CallSite,
    },

    /// Streams of two builders in one operation.
    #[error("the operation at {at} combines streams or tables of two builders; a topology has only one")]
    TwoBuilders {
        /// The call of the operation.
        at: CallSite,
    },

    /// A bug in this library.
    #[error("a bug in the construction of the topology, please report it: {0}")]
    Internal(String),
}

crate::debug_says_what_display_says!(TopologyError);
