//! Finds the application that runs on an embedded log.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use streams_core::log::Doorbell;

use super::Caller;
use super::port_file::PortFile;

/// How long an application that has just opened its log may take to open its port.
const OPENING: Duration = Duration::from_secs(2);
/// How long an application may take to say that it is there. One that has been stopped with Ctrl-Z says nothing.
const KNOCKING: Duration = Duration::from_secs(3);

const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// A running application.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) caller: Arc<Caller>,
    pub(crate) application_id: String,
    /// Its log, in one line for people.
    pub(crate) log: String,
}

/// The application that answers at the port of which a file in the folder tells. `None` if there is no file, or one that a
/// killed process has left: then nobody answers there, or somebody who does not know the token.
pub(crate) fn find(folder: &Path) -> Option<Found> {
    let port = PortFile::read(folder)?;
    let caller = || Caller::new(&port.url, Some(&port.token)).ok();
    let about = caller()?.patience(KNOCKING).get("/api/app").ok()?;
    let text = |name: &str| about.get(name).and_then(Json::as_str).map(ToOwned::to_owned);
    let (application_id, log) = (text("application_id")?, text("log").unwrap_or_else(|| "its log".to_owned()));
    Some(Found { caller: Arc::new(caller()?), application_id, log })
}

/// As [`find`], for a log that somebody has open: the file may come in a moment.
pub(crate) fn wait_for(folder: &Path) -> Option<Found> {
    let began = Instant::now();
    loop {
        let found = find(folder);
        if found.is_some() || began.elapsed() > OPENING {
            return found;
        }
        Doorbell::new().wait(LOOK_AGAIN_AFTER);
    }
}
