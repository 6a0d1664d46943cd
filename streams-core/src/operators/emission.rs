//! When an aggregation in windows forwards its results.

use super::Outputs;

/// When results are forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Emission {
    /// Each change of a row, or with a cache the last one at each commit.
    OnUpdate,
    /// Each row once, when its window closes (KIP-825).
    OnClose,
}

impl Emission {
    /// The children that get the changes of rows.
    pub(super) fn of_changes<K, V>(self, outputs: &Outputs<K, V>) -> Outputs<K, V> {
        match self {
            Self::OnUpdate => outputs.clone(),
            Self::OnClose => Outputs::new(Vec::new()),
        }
    }
}
