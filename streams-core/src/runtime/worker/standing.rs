//! How a worker stands with its group.
//!
//! ```text
//!              assign               revoke
//!   Without ----------> Assigned -----------> Revoking --committed, suspended--> Assigned
//!      ^                   |                      |
//!      +------ lost -------+----------------------+          any --stop--> Stopping --> Stopped
//! ```
//!
//! After a revocation the worker is still `Assigned`: it keeps whatever was not taken away, and answers nothing
//! until it is given something again.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::log::GroupMetadata;
use crate::record::TaskId;

/// How a worker stands with its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing was given to it yet, or everything was lost.
    Without,
    /// It works on what it has.
    Assigned {
        /// What its commits carry.
        metadata: GroupMetadata,
        /// The command that gave it its tasks.
        epoch: u64,
        /// Whether it has told that all its tasks run, or has nothing to tell.
        told: bool,
    },
    /// It commits; then it suspends the tasks that were taken away.
    Revoking {
        /// What its commits carry.
        metadata: GroupMetadata,
        /// What was taken away.
        tasks: BTreeSet<TaskId>,
        /// The command it answers when it is done.
        epoch: u64,
    },
    /// It commits; then it closes everything.
    Stopping {
        /// What its commits carry.
        metadata: Option<GroupMetadata>,
        /// Since when.
        since: Duration,
    },
    /// It has closed everything.
    Stopped,
}

impl Standing {
    /// What a commit carries; without it there is nothing to commit.
    pub(super) const fn metadata(&self) -> Option<&GroupMetadata> {
        match self {
            Self::Assigned { metadata, .. } | Self::Revoking { metadata, .. } => Some(metadata),
            Self::Stopping { metadata, .. } => metadata.as_ref(),
            Self::Without | Self::Stopped => None,
        }
    }

    /// Whether work waits until everything is committed.
    pub(super) const fn is_ending(&self) -> bool {
        matches!(self, Self::Revoking { .. } | Self::Stopping { .. })
    }

    /// Since when it stops.
    pub(super) const fn stopping_since(&self) -> Option<Duration> {
        match self {
            Self::Stopping { since, .. } => Some(*since),
            _ => None,
        }
    }
}
