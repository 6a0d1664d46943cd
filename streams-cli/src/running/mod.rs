//! The application that runs, as the commands of other terminals reach it.
//!
//! An embedded log belongs to the process that runs the application. So `run` opens a port on this machine (`port.rs`), says
//! where it is in a file beside the log that only this user can read (`port_file.rs`), and other commands find it there
//! (`finding.rs`). They ask through `caller.rs`, a small HTTP client. `log/` is the application's log, seen through that
//! port: commands that know logs need not know where this one is.

mod caller;
mod finding;
mod log;
mod port;
mod port_file;

pub(crate) use caller::{CallError, Caller, escaped};
pub(crate) use finding::{Found, find, wait_for};
pub(crate) use log::LogOfRunning;
pub use port::CommandPort;
pub(crate) use port_file::PortFile;
