//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::describe::Describe;
use crate::dlq::Dlq;
use crate::lag::Lag;
use crate::reset::Reset;
use crate::send::Send;
use crate::store::Store;
use crate::tail::Tail;
use crate::topics::Topics;

/// The whole command line of a program without arguments of its own.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) place: Place,

    #[command(subcommand)]
    pub(crate) command: Option<RunOr>,
}

/// All commands, with the one that runs the application.
#[derive(Debug, Subcommand)]
pub(crate) enum RunOr {
    /// Run the application until Ctrl-C or SIGTERM; also what happens without a command
    Run(Place),
    #[command(flatten)]
    Other(Command),
}

/// The commands, for programs that add them to arguments of their own; see [`Cli::execute`](crate::Cli::execute).
#[derive(Debug, Subcommand)]
#[non_exhaustive]
pub enum Command {
    /// Print the topology: its nodes, stores and topics
    Describe(Describe),
    /// Print all settings, and where each came from
    Config(Config),
    /// List, create and describe the topics that the application needs
    Topics(Topics),
    /// Print the records of a topic, with the application's types
    Tail(Tail),
    /// Write a record, or one per line of standard input
    Send(Send),
    /// Print how far the application has come in its input topics
    Lag(Lag),
    /// List, show and replay dead letters
    Dlq(Dlq),
    /// Look into the stores of the running application
    Store(Box<Store>),
    /// Delete the application's state, internal topics and positions, so that it begins anew
    Reset(Reset),
    /// Print a script that completes commands in a shell
    Completions(Completions),
}

/// Where topics are, and settings.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Where, and settings")]
pub struct Place {
    /// The Kafka cluster
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "embedded")]
    pub bootstrap_servers: Option<String>,

    /// The folder of an embedded log; if the application runs on it, that one is asked
    #[arg(long, value_name = "FOLDER")]
    pub embedded: Option<PathBuf>,

    /// Names the application: its group, its internal topics, its state folder
    #[arg(long, value_name = "ID")]
    pub application_id: Option<String>,

    /// A file with settings, `.properties` or `.toml`; later ones override earlier ones
    #[arg(long, value_name = "FILE")]
    pub config: Vec<PathBuf>,

    /// A setting, by its name in Kafka Streams
    #[arg(short = 'X', value_name = "NAME=VALUE")]
    pub settings: Vec<String>,
}

/// `config`.
#[derive(Debug, Args)]
pub struct Config {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}
