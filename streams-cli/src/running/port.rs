//! The port that an application opens for the commands of other terminals.

use std::path::Path;

use streams_core::runtime::Handle;
use streams_http::{Http, HttpServer};
use uuid::Uuid;

use super::port_file::{PortFile, Written};

/// A port for the commands of other terminals, which is open until this is dropped.
///
/// An embedded log belongs to one process. [`Cli::run`](crate::Cli::run) opens such a port for the application that it starts;
/// a program that starts its application by itself opens one here, and then `tail`, `send`, `store` and others with
/// `--embedded` and the same folder ask the application.
///
/// ```no_run
/// use millstream::cli::CommandPort;
/// use millstream::prelude::*;
///
/// # fn topology() -> Result<Topology, TopologyError> { StreamsBuilder::new().build() }
/// let running = App::new("orders", topology()?).start(Embedded::open("data")?)?;
/// let port = CommandPort::open(&running, "data");
/// running.stop_on_signals()?;
/// running.wait()?;
/// drop(port);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the port is closed when this is dropped"]
pub struct CommandPort {
    // First the file, so that nobody is sent to a port that is closed.
    _file: Written,
    _server: HttpServer,
}

impl CommandPort {
    /// Opens a port for an application on the embedded log in that folder. Only this user can find it, and from this machine.
    ///
    /// An application does its work without one as well, so if that cannot be done, it is only said, and there is `None`.
    pub fn open(app: &Handle, folder: impl AsRef<Path>) -> Option<Self> {
        let about = app.about();
        let (id, place) = (about.application_id(), folder.as_ref().display());
        match try_open(app, folder.as_ref()) {
            Ok(open) => {
                about.heard(|| {
                    tracing::info!(target: "millstream", "{id} answers the commands of other terminals: `--embedded {place}`");
                });
                Some(open)
            }
            Err(reason) => {
                about.heard(|| {
                    tracing::warn!(target: "millstream", reason, "commands of other terminals cannot reach {id}: {reason}");
                });
                None
            }
        }
    }
}

fn try_open(app: &Handle, folder: &Path) -> Result<CommandPort, String> {
    let token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let http = Http::of(app).bind("127.0.0.1:0").token(&token).allow_actions(true).all_topics(true).untold();
    let server = http.start().map_err(|error| error.to_string())?;
    let file = PortFile { url: server.url(), token }.write(folder);
    let file = file.map_err(|error| format!("a file in {} cannot be written: {error}", folder.display()))?;
    Ok(CommandPort { _file: file, _server: server })
}
