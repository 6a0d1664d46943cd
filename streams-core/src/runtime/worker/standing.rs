//! A worker's standing in its group.
//!
//! ```text
//!              assign               revoke
//!   Without ----------> Assigned -----------> Revoking --committed, suspended--> Assigned
//!      ^                   |                      |
//!      +------ lost -------+----------------------+          any --stop--> Stopping --> Stopped
//! ```
//!
//! After a revocation the worker is still `Assigned`: it keeps the tasks that were not revoked, and reports nothing
//! until it is assigned tasks again.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::log::GroupMetadata;
use crate::record::TaskId;

/// A worker's standing in its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing has been assigned yet, or everything was lost.
    Without,
    /// It works on its tasks.
    Assigned {
        /// The membership that its commits carry.
        metadata: GroupMetadata,
        /// The epoch of the command that assigned its tasks.
        epoch: u64,
        /// Whether it has reported that all its tasks are running, or has nothing to report.
        told: bool,
    },
    /// It commits, then suspends the revoked tasks.
    Revoking {
        /// The membership that its commits carry.
        metadata: GroupMetadata,
        /// The revoked tasks.
        tasks: BTreeSet<TaskId>,
        /// The epoch of the command to answer when done.
        epoch: u64,
    },
    /// It commits, then closes everything.
    Stopping {
        /// The membership that its commits carry.
        metadata: Option<GroupMetadata>,
        /// Since when it has been stopping.
        since: Duration,
    },
    /// It has closed everything.
    Stopped,
}

impl Standing {
    /// The membership that a commit carries; without one there is nothing to commit.
    pub(super) const fn metadata(&self) -> Option<&GroupMetadata> {
        match self {
            Self::Assigned { metadata, .. } | Self::Revoking { metadata, .. } => Some(metadata),
            Self::Stopping { metadata, .. } => metadata.as_ref(),
            Self::Without | Self::Stopped => None,
        }
    }

    /// Whether processing has to wait until everything is committed.
    pub(super) const fn is_ending(&self) -> bool {
        matches!(self, Self::Revoking { .. } | Self::Stopping { .. })
    }

    /// Since when it has been stopping, if it is.
    pub(super) const fn stopping_since(&self) -> Option<Duration> {
        match self {
            Self::Stopping { since, .. } => Some(*since),
            _ => None,
        }
    }
}
