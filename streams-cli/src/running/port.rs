//! The port that `run` opens for the commands of other terminals.

use std::path::Path;

use streams_core::runtime::Handle;
use streams_http::{Http, HttpServer};
use uuid::Uuid;

use super::port_file::{PortFile, Written};

/// A port that is open until this is dropped.
#[derive(Debug)]
pub(crate) struct Open {
    // First the file, so that nobody is sent to a port that is closed.
    _file: Written,
    _server: HttpServer,
}

/// Opens a port for an application on the log in that folder. An application does its work without one as well, so if that
/// cannot be done, it is only said.
pub(crate) fn open(app: &Handle, folder: &Path) -> Option<Open> {
    let about = app.about();
    let (id, place) = (about.application_id(), folder.display());
    match try_open(app, folder) {
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

fn try_open(app: &Handle, folder: &Path) -> Result<Open, String> {
    let token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let http = Http::of(app).bind("127.0.0.1:0").token(&token).allow_actions(true).all_topics(true).untold();
    let server = http.start().map_err(|error| error.to_string())?;
    let file = PortFile { url: server.url(), token }.write(folder);
    let file = file.map_err(|error| format!("a file in {} cannot be written: {error}", folder.display()))?;
    Ok(Open { _file: file, _server: server })
}
