//! Why a question about a store has no answer.

use std::time::Duration;

use crate::record::{TaskId, TopicPartition};
use crate::runtime::AppState;
use crate::runtime::queries::Position;
use crate::state::StoreError;

use crate::wire::{DecodeError, EncodeError};

/// Why a query has no answer.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The topology has no such store.
    #[error("there is no store `{store}`; {}", known_stores(.known))]
    UnknownStore {
        /// The store that was asked for.
        store: String,
        /// The names of those that there are.
        known: Vec<String>,
    },
    /// The store is of another kind than the constant that was asked with.
    #[error("the store `{store}` is a {is}, but it was asked for as a {asked}; declare the constant as `{is}<.., ..>`")]
    OtherKind {
        /// The store's name.
        store: String,
        /// The type of constants for its kind.
        is: &'static str,
        /// The type of the constant.
        asked: &'static str,
    },
    /// The store has other types than the constant that was asked with.
    #[error("the store `{store}` has keys and values of the types {is}, but it was asked for with {asked}")]
    OtherTypes {
        /// The store's name.
        store: String,
        /// The types of its keys and values.
        is: String,
        /// Those of the constant.
        asked: String,
    },
    /// The application does not run (yet, or any more).
    #[error("the application is {state}, so its stores cannot be read{}", match state { AppState::Error | AppState::NotRunning | AppState::PendingError | AppState::PendingShutdown => "", _ => "; ask again in a moment, or with `.waiting(..)`" })]
    NotRunning {
        /// What it is doing.
        state: AppState,
    },
    /// Another instance has the task with these rows.
    #[error("task {task} with these rows of the store `{store}` belongs to another instance; ask that one{}", place(.owner))]
    NotHere {
        /// The store's name.
        store: String,
        /// The task.
        task: TaskId,
        /// Where the other instance can be asked, if that is known, as in `10.0.0.7:7070`.
        owner: Option<String>,
    },
    /// The instance that has the rows has not answered, or has answered that it cannot.
    #[error("these rows of the store `{store}` belong to another instance{}: {reason}", place(.instance))]
    Elsewhere {
        /// The store's name.
        store: String,
        /// Where that instance can be asked, if that is known, as in `10.0.0.7:7070`.
        instance: Option<String>,
        /// What it says, or why it says nothing.
        reason: String,
        /// Whether the same question may have an answer in a moment.
        passes: bool,
    },
    /// The task is on its way from one instance to another.
    #[error(
        "task {task} with these rows of the store `{store}` is being reassigned; ask again in a moment, or with `.waiting(..)`"
    )]
    Moving {
        /// The store's name.
        store: String,
        /// The task.
        task: TaskId,
    },
    /// The store is being restored from its changelog.
    #[error(
        "the store `{store}` of task {task} is being restored, {remaining} records are left; ask again later, or with `.waiting(..)`"
    )]
    Restoring {
        /// The store's name.
        store: String,
        /// The task.
        task: TaskId,
        /// How many records of the task's changelogs have to be read before it can be asked.
        remaining: u64,
    },
    /// The store has not got as far as was asked for.
    #[error(
        "the store `{store}` has got to {reached} and not yet to {wanted}; ask again in a moment, or with `.waiting(..)`"
    )]
    Behind {
        /// The store's name.
        store: String,
        /// What was asked for.
        wanted: Position,
        /// How far it is.
        reached: Position,
    },
    /// A position is in a topic that the store's task does not read itself.
    #[error(
        "the store `{store}` is not made of {partition} directly, so nothing says when it has got there; its task reads {inputs}"
    )]
    NotAnInput {
        /// The store's name.
        store: String,
        /// The partition that was asked for.
        partition: TopicPartition,
        /// What the store's task reads.
        inputs: Position,
    },
    /// The worker with the task did not answer: it is busy with a record that takes long.
    #[error("the worker with the store `{store}` did not answer within {} ms: it is busy with a record that takes long", .within.as_millis())]
    Busy {
        /// The store's name.
        store: String,
        /// How long the answer was waited for.
        within: Duration,
    },
    /// A key cannot be encoded.
    #[error("the key that was asked for: {0}")]
    Key(#[source] EncodeError),
    /// What is wanted cannot be understood.
    #[error("what is wanted of the store `{store}`: {reason}")]
    Wanted {
        /// The store's name.
        store: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A cursor is none that a page has ended with.
    #[error("the cursor is not one that an answer has ended with; begin again without")]
    Cursor,
    /// A row cannot be read as the constant's types.
    #[error("the store `{store}` holds a row that is not what the constant says: {error}")]
    Decode {
        /// The store's name.
        store: String,
        /// What is wrong with it.
        #[source]
        error: DecodeError,
    },
    /// The store fails.
    #[error("the store `{store}`: {error}")]
    Store {
        /// The store's name.
        store: String,
        /// What is wrong with it.
        #[source]
        error: StoreError,
    },
}

crate::debug_says_what_display_says!(QueryError);

impl QueryError {
    /// Whether the same question may have an answer in a moment.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::NotRunning { state } => !state.is_final(),
            Self::Elsewhere { passes, .. } => *passes,
            Self::Moving { .. } | Self::Restoring { .. } | Self::Behind { .. } | Self::Busy { .. } => true,
            Self::UnknownStore { .. }
            | Self::OtherKind { .. }
            | Self::OtherTypes { .. }
            | Self::NotHere { .. }
            | Self::NotAnInput { .. }
            | Self::Key(_)
            | Self::Wanted { .. }
            | Self::Cursor
            | Self::Decode { .. }
            | Self::Store { .. } => false,
        }
    }
}

impl QueryError {
    /// Somebody who was followed in another instance says nothing any more.
    pub(crate) fn lost(store: &str) -> Self {
        let reason = "it says nothing any more".to_owned();
        Self::Elsewhere { store: store.to_owned(), instance: None, reason, passes: true }
    }

    /// Whether the rows may be found elsewhere.
    pub(crate) const fn passes_elsewhere(&self) -> bool {
        matches!(self, Self::NotHere { .. }) || self.is_transient()
    }
}

fn place(instance: &Option<String>) -> String {
    instance.as_ref().map_or_else(String::new, |instance| format!(" at {instance}"))
}

fn known_stores(known: &[String]) -> String {
    match known {
        [] => "the topology has none".to_owned(),
        known => format!("there are {}", known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
    }
}
