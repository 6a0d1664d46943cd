//! How fast an application is back after `kill -9`: with its state, of which only the end has to be restored, and without it.
//!
//! A table of a given size is made on a real broker, with RocksDB and under exactly-once. While records keep coming, the process
//! that has it is killed twice: the first time it comes back with its state folder, the second time with an empty one. In the
//! end every count is compared with what was written, so that no figure is one of a table with holes.

mod application;
mod rig;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

type Failure = Box<dyn std::error::Error>;

/// Measures how fast state is back after a process was killed.
#[derive(Parser)]
struct Arguments {
    /// The brokers to measure on
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap_servers: String,

    /// The size of the state, in MB of values
    #[arg(long, default_value_t = 1_000)]
    state_mb: u64,

    /// The size of a value in bytes
    #[arg(long, default_value_t = 1_000)]
    value_bytes: usize,

    /// How many records a second come while processes are killed
    #[arg(long, default_value_t = 2_000)]
    rate: u64,

    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Subcommand)]
enum Role {
    /// The process that is killed
    #[command(hide = true)]
    Application {
        /// Names the application and its topics
        id: String,
        state_dir: PathBuf,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.role {
        Some(Role::Application { id, state_dir }) => application::run(&arguments.bootstrap_servers, id, state_dir),
        None => rig::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("recovery: {error}");
            ExitCode::FAILURE
        }
    }
}
