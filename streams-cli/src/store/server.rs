//! Where the application answers whose stores somebody wants to see.

use std::path::Path;
use std::sync::Arc;

use streams_core::log::{Embedded, LogErrorKind};

use super::Server;
use crate::failure::Failure;
use crate::program::Program;
use crate::running::{CallError, Caller, find, wait_for};

pub(super) fn reach(program: &Program<'_>, server: &Server) -> Result<Arc<Caller>, Failure> {
    let configured = program.config.query_server_token.as_ref().map(|token| token.expose().to_owned());
    let token = server.token.clone().or(configured);
    let caller = |url: &str| Ok(Arc::new(Caller::new(url, token.as_deref())?));
    match (&server.url, &server.place.embedded, &program.config.query_server_bind) {
        (Some(url), ..) => caller(url),
        (None, Some(folder), _) => of_embedded(folder),
        (None, None, Some(address)) => caller(&format!("http://{}", reachable(address))),
        (None, None, None) => Err(Failure::because(
            "where does the application run? Say `--embedded FOLDER` for one that `run` has started there, or `--url URL` for \
             one with a server of its own",
        )),
    }
}

/// The application that runs on an embedded log.
fn of_embedded(folder: &Path) -> Result<Arc<Caller>, Failure> {
    if let Some(running) = find(folder) {
        return Ok(running.caller);
    }
    let place = folder.display();
    if !folder.is_dir() {
        return Err(Failure::because(format!("there is no embedded log in {place}: check the folder's name")));
    }
    match Embedded::open(folder) {
        Ok(_) => Err(Failure::because(format!(
            "no application runs on the embedded log in {place}, and the rows of stores are in the process that runs it: start \
             it with `run --embedded {place}`"
        ))),
        Err(error) if error.kind == LogErrorKind::InUse => match wait_for(folder) {
            Some(running) => Ok(running.caller),
            None => Err(Failure::because(format!(
                "{error}. It does not answer commands: say with `--url` where it has a server, or start it with `run`"
            ))),
        },
        Err(error) => Err(error.into()),
    }
}

/// Where to call a server on this machine that listens on all addresses.
fn reachable(address: &str) -> String {
    let all = ["0.0.0.0:", "[::]:"].iter().find_map(|all| address.strip_prefix(all));
    all.map_or_else(|| address.to_owned(), |port| format!("127.0.0.1:{port}"))
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::because(error)
    }
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn a_server_on_all_addresses_is_called_on_this_machine() {
        for (address, expected) in [
            ("0.0.0.0:7070", "127.0.0.1:7070"),
            ("[::]:7070", "127.0.0.1:7070"),
            ("127.0.0.1:7070", "127.0.0.1:7070"),
            ("shop-0:7070", "shop-0:7070"),
        ] {
            assert_eq!(reachable(address), expected);
        }
    }
}
