//! What the routes answer from.

use std::sync::Arc;

use tokio::sync::Semaphore;

use streams_core::runtime::Handle;

use crate::lag::LagKeeper;

/// Shared by all routes.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) app: Handle,
    pub(crate) lag: Arc<LagKeeper>,
    /// How many records an input partition may be behind while the application counts as ready.
    pub(crate) ready_within: Option<u64>,
    pub(crate) allows_actions: bool,
    /// One for each stream of events that may be open.
    pub(crate) streams: Arc<Semaphore>,
}
