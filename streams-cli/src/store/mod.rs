//! `store`: the stores of the running application.
//!
//! A store's rows are in the process that has its task, some of them only in a cache. So the running application is asked,
//! over HTTP: `server.rs` finds it, `rows.rs` asks for rows, and `export.rs` writes all of them to a file.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::arguments::Place;
use crate::failure::Failure;
use crate::program::Program;

#[cfg(feature = "http")]
mod export;
#[cfg(feature = "http")]
mod rows;
#[cfg(feature = "http")]
mod server;

/// `store`.
#[derive(Debug, Args)]
pub struct Store {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the stores with their types, and how a key of each is typed
    #[command(visible_alias = "list")]
    Ls(Ls),
    /// Print the row of a key, or all of its rows in a store with windows or sessions
    Get(Get),
    /// Print rows: of some keys, in a period, or all
    Scan(Scan),
    /// Write rows to a file, one JSON object per line
    Export(Export),
}

/// Where the application answers.
#[derive(Debug, Args)]
struct Server {
    /// Where the application answers, such as http://127.0.0.1:7070; otherwise the port of the application on the embedded log,
    /// or what the setting `query.server.bind` says
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// What it wants to hear. Others see what is typed: the setting `query.server.token` can come from the environment or a file
    #[arg(long, value_name = "TOKEN", requires = "url")]
    token: Option<String>,

    #[command(flatten)]
    place: Place,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Ls {
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
struct Get {
    /// The store
    store: String,

    /// The key, as `store ls` shows an example
    #[arg(allow_negative_numbers = true)]
    key: String,

    /// Only what is committed
    #[arg(long)]
    committed: bool,

    #[command(flatten)]
    server: Server,
}

/// Which rows.
#[derive(Debug, Args)]
struct Wanted {
    /// Only rows of this key: its windows, its sessions, its versions
    #[arg(long, value_name = "KEY", allow_negative_numbers = true)]
    key: Option<String>,

    /// Only keys that begin like this, if they are texts
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,

    /// The first key
    #[arg(long, value_name = "KEY", allow_negative_numbers = true)]
    from: Option<String>,

    /// The last key
    #[arg(long, value_name = "KEY", allow_negative_numbers = true)]
    to: Option<String>,

    /// The first moment of windows, sessions or versions: a time such as 2026-01-31T12:00:00Z, or milliseconds
    #[arg(long, value_name = "TIME", value_parser = moment)]
    window_from: Option<i64>,

    /// The last moment
    #[arg(long, value_name = "TIME", value_parser = moment)]
    window_to: Option<i64>,

    /// The last rows first
    #[arg(long)]
    reverse: bool,

    /// Only what is committed
    #[arg(long)]
    committed: bool,

    /// End after so many rows
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

#[derive(Debug, Args)]
struct Scan {
    /// The store
    store: String,

    #[command(flatten)]
    wanted: Wanted,

    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
struct Export {
    /// The store
    store: String,

    /// The file, which must not be there yet
    #[arg(value_name = "FILE.jsonl")]
    file: PathBuf,

    /// Replace a file that is there
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    wanted: Wanted,

    #[command(flatten)]
    server: Server,
}

/// Milliseconds since 1970.
fn moment(text: &str) -> Result<i64, String> {
    let digits = text.strip_suffix("ms").unwrap_or(text);
    if let Ok(millis) = digits.parse() {
        return Ok(millis);
    }
    let time = humantime::parse_rfc3339_weak(text)
        .map_err(|_| "write a time such as 2026-01-31T12:00:00Z, or milliseconds such as 1700000000000".to_owned())?;
    Ok(chrono::DateTime::<chrono::Utc>::from(time).timestamp_millis())
}

impl Store {
    pub(crate) const fn place(&self) -> &Place {
        match &self.action {
            Action::Ls(command) => &command.server.place,
            Action::Get(command) => &command.server.place,
            Action::Scan(command) => &command.server.place,
            Action::Export(command) => &command.server.place,
        }
    }
}

#[cfg(feature = "http")]
pub(crate) fn run(out: &mut dyn Write, program: &Program<'_>, command: &Store) -> Result<(), Failure> {
    match &command.action {
        Action::Ls(command) => rows::list(out, &*server::reach(program, &command.server)?, command.server.json),
        Action::Get(command) => rows::get(out, &*server::reach(program, &command.server)?, command),
        Action::Scan(command) => rows::scan(out, &*server::reach(program, &command.server)?, command),
        Action::Export(command) => export::run(out, &*server::reach(program, &command.server)?, command),
    }
}

#[cfg(not(feature = "http"))]
pub(crate) fn run(_: &mut dyn Write, _: &Program<'_>, _: &Store) -> Result<(), Failure> {
    Err(Failure::because("this program was built without HTTP; build it with the feature `http` of `millstream`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_milliseconds() {
        for (text, expected) in [
            ("1700000000000", Some(1_700_000_000_000)),
            ("1700000000000ms", Some(1_700_000_000_000)),
            ("2023-11-14T22:13:20Z", Some(1_700_000_000_000)),
            ("noon", None),
            ("", None),
        ] {
            assert_eq!(moment(text).ok(), expected, "{text}");
        }
    }
}
