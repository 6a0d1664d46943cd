//! What the routes answer from.

use std::sync::Arc;

use axum::http::StatusCode;
use streams_core::runtime::Handle;
use tokio::sync::Semaphore;

use crate::asked::AskedStores;
use crate::lag::LagKeeper;
use crate::live::Gallery;
use crate::log::LogKeeper;
use crate::metrics::own::OwnMetric;
use crate::peers::Peers;
use crate::refusal::Refusal;
use crate::routes::dead_letters::put_back::PutBack;

/// Shared by all routes.
pub(crate) type Served = Arc<ServedParts>;

/// Its parts.
pub(crate) struct ServedParts {
    pub(crate) app: Handle,
    /// How long those wait who ask about stores.
    pub(crate) asked: AskedStores,
    pub(crate) lag: Arc<LagKeeper>,
    pub(crate) log: Arc<LogKeeper>,
    pub(crate) peers: Peers,
    pub(crate) gallery: Arc<Gallery>,
    /// The names of the program's panels on the page.
    pub(crate) panels: Arc<[String]>,
    /// The program's own metrics.
    pub(crate) own_metrics: Vec<OwnMetric>,
    /// How many records an input partition may be behind while the application counts as ready.
    pub(crate) ready_within: Option<u64>,
    pub(crate) has_token: bool,
    pub(crate) allows_actions: bool,
    /// Whether topics that the application does not use can be read and written, too.
    pub(crate) allows_all_topics: bool,
    /// One for each stream of events that may be open.
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) streams_max: usize,
    /// The same for those that other instances follow.
    pub(crate) peer_streams: Arc<Semaphore>,
    /// One for each request that may wait for a record.
    pub(crate) waits: Arc<Semaphore>,
    /// The dead letters that were put back one by one.
    pub(crate) put_back: PutBack,
    /// One for each replay of all dead letters that may go on.
    pub(crate) replays: Arc<Semaphore>,
}

impl ServedParts {
    /// Refuses what changes something, unless the program allows that.
    pub(crate) fn may_act(&self) -> Result<(), Refusal> {
        if self.allows_actions {
            return Ok(());
        }
        let message = "actions are not allowed; the program allows them with `.allow_actions(true)`";
        Err(Refusal::new(StatusCode::FORBIDDEN, "actions_off", message))
    }

    /// Says what somebody asks the application to do, if the program allows that.
    pub(crate) fn is_asked_to(&self, action: &str) -> Result<(), Refusal> {
        self.may_act()?;
        let about = self.app.about();
        let id = about.application_id();
        about.heard(
            || tracing::info!(target: "millstream", action, application = id, "{id} is asked over HTTP to {action}"),
        );
        Ok(())
    }
}
