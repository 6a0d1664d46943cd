//! The other instances of the application: asks them for the rows that they have.
//!
//! Whom to ask, the group says (`directory.rs`): each member's share, and the address that it has announced. Whether it may be
//! asked, the operator says (`allowed.rs`), because the token goes along and an address in a group is only somebody's word.
//! `client.rs` sends and `carrier.rs` is the engine's port: it finds out who has which task, asks all of them at once, and tries
//! again where that helps. What arrives at the other side are `routes/peers.rs`.

mod allowed;
mod carrier;
mod client;
mod directory;

use std::sync::{Arc, OnceLock};

use streams_core::runtime::{Handle, Instance};
use tokio::runtime;

pub(crate) use allowed::AllowedPeers;
pub(crate) use client::HEARTBEAT;
use client::PeerClient;
use directory::Directory;

use crate::token::Token;

/// What is known of the other instances, and the way to them.
#[derive(Clone)]
pub(crate) struct Peers {
    directory: Arc<Directory>,
    client: Arc<PeerClient>,
    /// Where requests to others run; whoever asks may have no runtime.
    runtime: Arc<OnceLock<runtime::Handle>>,
}

impl Peers {
    pub(crate) fn new(app: Handle, token: Option<Token>, allowed: AllowedPeers) -> Self {
        Self {
            directory: Arc::new(Directory::new(app)),
            client: Arc::new(PeerClient::new(token, allowed)),
            runtime: Arc::default(),
        }
    }

    /// From now on questions about rows of others are carried to them, on this runtime.
    pub(crate) fn begin(&self, app: &Handle, runtime: runtime::Handle) {
        if self.runtime.set(runtime).is_ok() {
            app.ask_elsewhere(Arc::new(self.clone()));
        }
    }

    /// All instances, as the group lists them now.
    pub(crate) async fn instances(&self) -> Result<Arc<Vec<Instance>>, String> {
        self.directory.look_again().await
    }

    /// What another instance answers under a path.
    pub(crate) async fn told_by(&self, instance: &Instance, path: &str) -> Result<serde_json::Value, String> {
        let Some(endpoint) = &instance.endpoint else {
            return Err("it does not say where it can be asked: it serves nothing over HTTP".to_owned());
        };
        self.client.json(endpoint, path).await
    }
}
