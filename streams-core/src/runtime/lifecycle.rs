//! The states of an application, as its users see them.

/// The state of an application. The names are Kafka Streams', except for `Disconnected`.
///
/// ```text
///              +---------+
///              | Created |
///              +----+----+
///                   | start
///                   v                  no answer
///   +---------> Rebalancing <--------------------+
///   |  tasks        | all tasks run              v
///   |  move         v                      Disconnected
///   +----------- Running <-----------------------+
///                   |
///           close   |   error
///            +------+------+
///            v             v
///     PendingShutdown  PendingError
///            |             |
///            v             v
///       NotRunning       Error
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AppState {
    /// Not started yet.
    Created,
    /// Topics are looked up, tasks assigned, or state restored.
    Rebalancing,
    /// Every task of this instance is processing records.
    Running,
    /// The log cannot be reached and is retried until it can; nothing is lost meanwhile. Kafka Streams has no such
    /// state.
    Disconnected,
    /// It was asked to stop and is committing its work.
    PendingShutdown,
    /// It has stopped on request.
    NotRunning,
    /// Something failed; whatever can be committed is being committed.
    PendingError,
    /// It has stopped because something failed.
    Error,
}

impl AppState {
    /// Whether the application has ended.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::NotRunning | Self::Error)
    }

    /// Whether this state may follow `self`.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use AppState::{Created, Disconnected, Error, NotRunning, PendingError, PendingShutdown, Rebalancing, Running};
        matches!(
            (self, next),
            (Created, Rebalancing | PendingShutdown | PendingError)
                | (Rebalancing, Running | Disconnected | PendingShutdown | PendingError)
                | (Running, Rebalancing | Disconnected | PendingShutdown | PendingError)
                | (Disconnected, Rebalancing | Running | PendingShutdown | PendingError)
                | (PendingShutdown, NotRunning | PendingError)
                | (PendingError, Error)
        )
    }
}

impl std::fmt::Display for AppState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Created => "CREATED",
            Self::Rebalancing => "REBALANCING",
            Self::Running => "RUNNING",
            Self::Disconnected => "DISCONNECTED",
            Self::PendingShutdown => "PENDING_SHUTDOWN",
            Self::NotRunning => "NOT_RUNNING",
            Self::PendingError => "PENDING_ERROR",
            Self::Error => "ERROR",
        })
    }
}
