//! A server of its own: a socket, and threads that serve it.
//!
//! `listening.rs` chooses the address, `connections.rs` serves what is accepted.

use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::mpsc;
use std::thread::JoinHandle;

use axum::Router;
use streams_core::runtime::Handle;
use tokio::runtime::{self, Builder};
use tokio::sync::watch;

use crate::HttpError;
use crate::limits::Limits;
use listening::listen;

mod connections;
mod listening;

/// How many threads serve: a part of the machine, which has other things to do. Fewer cost less for each request, because one
/// that is awake serves all who are there, and answers are made in no time; what takes longer waits for others.
fn threads() -> usize {
    const CORES_PER_THREAD: usize = 4;
    const THREADS_MAX: usize = 4;

    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    (cores / CORES_PER_THREAD).clamp(1, THREADS_MAX)
}

/// A server that is running. Dropping it ends it: it accepts nothing more, answers what it is being asked, and is gone within
/// a second.
///
/// It does not end with its application, so that it can still be asked what has become of that.
#[must_use = "dropping it ends the server"]
pub struct HttpServer {
    address: SocketAddr,
    /// The port that was asked for, if it was in use.
    taken: Option<u16>,
    runtime: runtime::Handle,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl HttpServer {
    pub(crate) fn start(
        app: &Handle,
        routes: Router,
        (asked, has_token): (&str, bool),
        limits: Limits,
    ) -> Result<Self, HttpError> {
        let listening = listen(asked, has_token)?;
        let (address, id) = (listening.address, app.about().application_id().to_owned());
        let (stop, stopped) = watch::channel(false);
        let name = format!("{id}-http");
        let runtime_name = name.clone();
        let (report, started) = mpsc::channel();
        let app = app.clone();
        // The runtime lives and ends on a thread of its own, because one must not be dropped within another.
        let serve = move || {
            // With one thread this one serves, so that no wake-up goes to another thread.
            let mut builder = match threads() {
                1 => Builder::new_current_thread(),
                threads => {
                    let mut builder = Builder::new_multi_thread();
                    builder.worker_threads(threads);
                    builder
                }
            };
            let runtime = builder.thread_name(runtime_name).enable_all().build();
            let runtime = runtime.map_err(|error| HttpError::Thread(error.to_string()));
            let _ = report.send(runtime.as_ref().map(|runtime| runtime.handle().clone()).map_err(Clone::clone));
            if let Ok(runtime) = runtime {
                runtime.block_on(connections::serve(&app, listening.socket, routes, limits, stopped));
                runtime.shutdown_timeout(std::time::Duration::ZERO);
            }
        };
        let thread = std::thread::Builder::new().name(name).spawn(serve);
        let thread = thread.map_err(|error| HttpError::Thread(error.to_string()))?;
        let ended = || HttpError::Thread("it has ended at once".to_owned());
        let runtime = started.recv().unwrap_or_else(|_| Err(ended()))?;
        Ok(Self { address, taken: listening.taken, runtime, stop, thread: Some(thread) })
    }

    /// Says where it answers.
    pub(crate) fn tell(&self, app: &Handle) {
        let (about, url) = (app.about(), self.url());
        let id = about.application_id();
        about.heard(|| match self.taken {
            Some(port) => tracing::info!(target: "millstream", url, "{id} answers at {url} (port {port} is in use)"),
            None => tracing::info!(target: "millstream", url, "{id} answers at {url}"),
        });
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where others can ask it; `None` if it listens on all addresses, so that none of them is known to be the right one.
    pub(crate) fn endpoint(&self) -> Option<String> {
        (!self.address.ip().is_unspecified()).then(|| self.address.to_string())
    }

    pub(crate) const fn runtime(&self) -> &runtime::Handle {
        &self.runtime
    }

    /// The same as a URL, without a path: `http://127.0.0.1:7070`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // It catches what routes do, so there is nothing to be told of a panic.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpServer").field("address", &self.address).finish_non_exhaustive()
    }
}
