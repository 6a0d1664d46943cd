//! Why a program has no meaning: what `StreamsBuilder::build` answers instead of a topology.

use std::panic::Location;
use std::time::Duration;

use crate::topic::NameError;

/// Where in the user's source a call was written; prints as `src/main.rs:12:10`.
pub type CallSite = &'static Location<'static>;

/// Why a topology cannot be built. Each error names the node, store or topic, says where it was written,
/// and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// Nothing was asked for.
    #[error(
        "the topology is empty: begin with `builder.stream(..)`, `builder.table(..)` or `builder.global_table(..)`"
    )]
    Empty,

    /// A name that topics, stores and nodes cannot have.
    #[error("`{name}` ({at}) is not a name: {error}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        error: NameError,
        /// Where it was given.
        at: CallSite,
    },

    /// `.named(..)` twice on the same thing.
    #[error("`.named(\"{second}\")` ({at}): this is named `{first}` already; keep one of the two")]
    NamedTwice {
        /// The first name.
        first: String,
        /// The second name.
        second: String,
        /// Where the second was given.
        at: CallSite,
    },

    /// `.stored_as(..)` twice on the same table.
    #[error("`.stored_as({second})` ({at}): this table is stored as `{first}` already; keep one of the two")]
    StoredTwice {
        /// The first store.
        first: String,
        /// The second store.
        second: String,
        /// Where the second was given.
        at: CallSite,
    },

    /// Two nodes with one name.
    #[error("two nodes are named `{name}`: one at {first}, one at {second}; give one of them another name")]
    DuplicateNode {
        /// The name.
        name: String,
        /// The one that came first.
        first: CallSite,
        /// The other.
        second: CallSite,
    },

    /// Two tables with one store, or a table and a processor.
    #[error(
        "two things are stored as `{name}`: one at {first}, one at {second}; a table has a store of its own, \
         which neither another table nor a processor can use, so give one of them another store"
    )]
    DuplicateStore {
        /// The store.
        name: String,
        /// The one that came first.
        first: CallSite,
        /// The other.
        second: CallSite,
    },

    /// Two stores whose names differ only in case.
    #[error(
        "the stores `{first_name}` ({first}) and `{second_name}` ({second}) differ only in upper and lower case, \
         which not every file system can tell apart; rename one of them"
    )]
    StoreCase {
        /// The one that came first.
        first_name: String,
        /// The other.
        second_name: String,
        /// Where the first came from.
        first: CallSite,
        /// Where the other came from.
        second: CallSite,
    },

    /// One store, two types.
    #[error(
        "the store `{name}` holds {first_types} at {first}, but {second_types} at {second}; use one constant for both"
    )]
    StoreTypes {
        /// The store.
        name: String,
        /// What it holds first.
        first_types: String,
        /// What it holds then.
        second_types: String,
        /// Where it was used first.
        first: CallSite,
        /// Where it was used then.
        second: CallSite,
    },

    /// A window store for rows without windows, or the other way round.
    #[error("`{node}` ({at}) cannot be stored as `{store}`: {reason}")]
    StoreKind {
        /// The node whose table it should hold.
        node: String,
        /// The store.
        store: String,
        /// Why not, and what to do.
        reason: String,
        /// Where it was asked for.
        at: CallSite,
    },

    /// A topic that two sources read in ways that cannot be merged.
    #[error("topic `{topic}` is read twice, at {first} and at {second}: {reason}")]
    TopicReadTwice {
        /// The topic.
        topic: String,
        /// What is wrong with that, and what to do.
        reason: String,
        /// The source that came first.
        first: CallSite,
        /// The other.
        second: CallSite,
    },

    /// A source without topics.
    #[error("the stream at {at} reads no topic; name at least one")]
    NoTopics {
        /// Where it was asked for.
        at: CallSite,
    },

    /// Windows that make no sense.
    #[error("the windows of `{node}` ({at}) cannot be used: {reason}")]
    Windows {
        /// The node that aggregates over them.
        node: String,
        /// What is wrong with them.
        reason: String,
        /// Where the aggregation was asked for.
        at: CallSite,
    },

    /// A window store that forgets windows that still change.
    #[error(
        "`{node}` ({at}) keeps its windows for {retention:?}, but they change for {needed:?} (size and grace); \
         retain them at least that long"
    )]
    Retention {
        /// The node.
        node: String,
        /// How long its store keeps windows.
        retention: Duration,
        /// How long windows change.
        needed: Duration,
        /// Where it was asked for.
        at: CallSite,
    },

    /// Windowed keys of which nobody knows where their windows end when they are read back.
    #[error(
        "windowed keys are read back from {what} ({at}), and their bytes leave out how long their windows are: {reason}"
    )]
    WindowSize {
        /// What they are read back from.
        what: String,
        /// Why it is not known, and where to say it.
        reason: String,
        /// Where that was asked for.
        at: CallSite,
    },

    /// An option that means nothing where it was given.
    #[error("`{option}` at {at} has no effect: {reason}")]
    Option {
        /// The option.
        option: &'static str,
        /// Why, and where it belongs.
        reason: String,
        /// Where the call was written that it was given to.
        at: CallSite,
    },

    /// A repartition topic with no partitions.
    #[error("`{node}` ({at}) asks for 0 partitions; a topic has at least one")]
    NoPartitions {
        /// The node.
        node: String,
        /// Where it was asked for.
        at: CallSite,
    },

    /// Records that must meet cannot, because the user gave their topics different partition counts.
    #[error("records of {topics} must meet in one task, so these topics need the same number of partitions")]
    Copartition {
        /// The topics with their numbers of partitions.
        topics: String,
    },

    /// A branch behind the default branch gets no records.
    #[error(
        "the branch at {at} comes after the default branch of `{split}`, so no record would reach it; put it before"
    )]
    BranchAfterDefault {
        /// The split.
        split: String,
        /// Where the branch was asked for.
        at: CallSite,
    },

    /// Streams of two builders in one operation.
    #[error("the operation at {at} takes streams or tables of two builders; a topology has one")]
    TwoBuilders {
        /// The operation.
        at: CallSite,
    },

    /// A defect of this library.
    #[error("a defect in the topology's construction, please report it: {0}")]
    Internal(String),
}
