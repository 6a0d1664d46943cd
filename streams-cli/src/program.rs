//! [`Cli`]: an application as its commands see it.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, FromArgMatches as _};
use streams_core::config::StreamsConfig;
use streams_core::log::Log;
use streams_core::runtime::App;
#[cfg(feature = "http")]
use streams_core::runtime::{AppError, Handle};
use streams_core::topology::{Topology, TopologyError};
#[cfg(feature = "http")]
use streams_http::Http;

use crate::arguments::{Arguments, Command, Completions, Place, RunOr};
use crate::failure::Failure;
use crate::place::{Need, Reached};
#[cfg(feature = "http")]
use crate::running::CommandPort;
use crate::{config, describe, dlq, lag, reset, send, store, tail, topics};

type Build = dyn Fn(&StreamsConfig) -> Result<Topology, TopologyError>;
type Adapt = dyn Fn(App) -> App;

/// An application with a command line; see the [module's page](crate).
#[must_use = "nothing happens before `.main()`"]
pub struct Cli {
    name: String,
    config: Option<StreamsConfig>,
    build: Box<Build>,
    adapt: Box<Adapt>,
}

/// What a command is about.
pub(crate) struct Program<'a> {
    /// With what the program says in code.
    pub(crate) config: StreamsConfig,
    pub(crate) app: App,
    place: &'a Place,
}

impl Program<'_> {
    /// The application's id.
    pub(crate) fn id(&self) -> &str {
        self.config.application_id.as_str()
    }

    pub(crate) const fn topology(&self) -> &Topology {
        self.app.topology()
    }

    pub(crate) fn log(&self, need: Need) -> Result<Arc<dyn Log>, Failure> {
        Ok(self.reach(need)?.log)
    }

    /// The log, and the application that runs on it if that has to be asked.
    pub(crate) fn reach(&self, need: Need) -> Result<Reached, Failure> {
        self.place.reach(&self.config, need)
    }
}

impl Cli {
    /// An application of that id, which `--application-id` may override, and its topology.
    pub fn new(
        application_id: impl Into<String>,
        topology: impl Fn(&StreamsConfig) -> Result<Topology, TopologyError> + 'static,
    ) -> Self {
        let (build, adapt) = (Box::new(topology), Box::new(|app| app));
        Self { name: application_id.into(), config: None, build, adapt }
    }

    /// Settings of the program's own, below those of files, the environment and the command line.
    pub fn config(self, config: StreamsConfig) -> Self {
        Self { config: Some(config), ..self }
    }

    /// What settings cannot say of the application, such as where its state is: `.app(|app| app.state_in(RocksDb::default()))`.
    /// Settings that are made here count for all commands.
    pub fn app(self, adapt: impl Fn(App) -> App + 'static) -> Self {
        Self { adapt: Box::new(adapt), ..self }
    }

    /// Does what the process's arguments say. Errors are printed to standard error.
    ///
    /// The exit code is 0 if all is well, 1 for an error, and 2 for arguments that make no sense, which does not return.
    pub fn main(self) -> ExitCode {
        let name = self.name.clone();
        let matches = Arguments::command().bin_name(name.clone()).display_name(name).get_matches();
        let arguments = match Arguments::from_arg_matches(&matches) {
            Ok(arguments) => arguments,
            Err(error) => error.exit(),
        };
        match arguments.command {
            None => self.run(&arguments.place),
            Some(RunOr::Run(place)) => self.run(&place),
            Some(RunOr::Other(command)) => self.execute::<Arguments>(&command),
        }
    }

    /// Executes one of the commands in a program that has arguments `A` of its own.
    ///
    /// ```no_run
    /// use std::process::ExitCode;
    ///
    /// use millstream::cli::clap::{self, Parser};
    /// use millstream::cli::{Cli, Command};
    /// use millstream::prelude::*;
    ///
    /// #[derive(Parser)]
    /// #[command(args_conflicts_with_subcommands = true)]
    /// struct Arguments {
    ///     /// How fast
    ///     #[arg(long, default_value_t = 1)]
    ///     speed: u32,
    ///
    ///     #[command(subcommand)]
    ///     command: Option<Command>,
    /// }
    ///
    /// fn main() -> ExitCode {
    ///     let arguments = Arguments::parse();
    ///     let cli = Cli::new("orders", |_| StreamsBuilder::new().build());
    ///     match arguments.command {
    ///         Some(command) => cli.execute::<Arguments>(&command),
    ///         None => {
    ///             println!("goes on at speed {}", arguments.speed);
    ///             ExitCode::SUCCESS
    ///         }
    ///     }
    /// }
    /// ```
    pub fn execute<A: CommandFactory>(&self, command: &Command) -> ExitCode {
        self.end(self.try_execute::<A>(command))
    }

    /// Runs the application until Ctrl-C or SIGTERM, as the command `run` does, in a program that has arguments of its own.
    ///
    /// ```no_run
    /// use std::process::ExitCode;
    ///
    /// use millstream::cli::clap::{self, Parser};
    /// use millstream::cli::{Cli, Command, Place};
    /// use millstream::prelude::*;
    ///
    /// #[derive(Parser)]
    /// enum Arguments {
    ///     /// Run until Ctrl-C
    ///     Run(Place),
    ///     #[command(flatten)]
    ///     Other(Command),
    /// }
    ///
    /// fn main() -> ExitCode {
    ///     let cli = Cli::new("orders", |_| StreamsBuilder::new().build());
    ///     match Arguments::parse() {
    ///         Arguments::Run(place) => cli.run(&place),
    ///         Arguments::Other(command) => cli.execute::<Arguments>(&command),
    ///     }
    /// }
    /// ```
    pub fn run(&self, place: &Place) -> ExitCode {
        self.end(self.try_run(place))
    }

    #[cfg(not(feature = "http"))]
    fn try_run(&self, place: &Place) -> Result<(), Failure> {
        let program = self.program(place)?;
        let log = program.log(Need::ToRun)?;
        Ok(program.app.run(log)?)
    }

    #[cfg(feature = "http")]
    fn try_run(&self, place: &Place) -> Result<(), Failure> {
        let program = self.program(place)?;
        let log = program.log(Need::ToRun)?;
        let is_served = program.config.query_server_bind.is_some();
        let beside = |app: &Handle| {
            let server = is_served.then(|| Http::of(app).start()).transpose().map_err(|error| {
                let setting = "query.server.bind".to_owned();
                AppError::Setting { setting, reason: error.to_string() }
            })?;
            Ok((server, place.embedded.as_deref().map(|folder| CommandPort::open(app, folder))))
        };
        Ok(program.app.run_with(log, beside)?)
    }

    fn try_execute<A: CommandFactory>(&self, command: &Command) -> Result<(), Failure> {
        // A line at a time, so that somebody who reads along sees each.
        let mut out = io::LineWriter::new(io::stdout().lock());
        match command {
            Command::Describe(command) => describe::run(&mut out, &self.program(&command.place)?, command),
            Command::Config(command) => config::run(&mut out, &self.program(&command.place)?, command),
            Command::Topics(command) => topics::run(&mut out, &self.program(command.place())?, command),
            Command::Tail(command) => tail::run(&mut out, &self.program(&command.place)?, command),
            Command::Send(command) => send::run(&mut out, &self.program(&command.place)?, command),
            Command::Lag(command) => lag::run(&mut out, &self.program(&command.place)?, command),
            Command::Dlq(command) => dlq::run(&mut out, &self.program(command.place())?, command),
            Command::Store(command) => store::run(&mut out, &self.program(command.place())?, command),
            Command::Reset(command) => reset::run(&mut out, &self.program(&command.place)?, command),
            Command::Completions(command) => Ok(self.complete::<A>(command, &mut out)?),
        }?;
        Ok(out.flush()?)
    }

    /// clap's function panics where nobody reads what it writes, so it writes to memory.
    fn complete<A: CommandFactory>(&self, command: &Completions, out: &mut dyn io::Write) -> io::Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(command.shell, &mut A::command(), self.name.clone(), &mut script);
        out.write_all(&script)
    }

    fn settings(&self, place: &Place) -> Result<StreamsConfig, Failure> {
        let base = match &self.config {
            Some(config) => config.clone(),
            None => StreamsConfig::new(&self.name)?,
        };
        place.settings(base)
    }

    fn program<'a>(&self, place: &'a Place) -> Result<Program<'a>, Failure> {
        let config = self.settings(place)?;
        let topology = (self.build)(&config)?;
        let app = (self.adapt)(App::configured(&config, topology));
        Ok(Program { config: app.config()?, app, place })
    }

    fn end(&self, outcome: Result<(), Failure>) -> ExitCode {
        match outcome {
            Ok(()) | Err(Failure::NobodyReads) => ExitCode::SUCCESS,
            Err(Failure::Told) => ExitCode::FAILURE,
            Err(Failure::Because(reason)) => {
                let _ = writeln!(io::stderr(), "{}: {reason}", self.name);
                ExitCode::FAILURE
            }
        }
    }
}
