//! [`Cli`]: an application as its commands see it.

use std::any::Any;
use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, FromArgMatches as _};
use streams_core::config::StreamsConfig;
use streams_core::log::Log;
use streams_core::runtime::{App, AppError, Handle};
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
type Beside = dyn Fn(&Handle, &Arc<dyn Log>) -> Result<Box<dyn Any>, AppError>;

/// An application with a command line; see the [module's page](crate).
#[must_use = "nothing happens before `.main()`"]
pub struct Cli {
    name: String,
    config: Option<StreamsConfig>,
    build: Box<Build>,
    adapt: Box<Adapt>,
    beside: Vec<Box<Beside>>,
    creates_topics: Option<u32>,
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
        Self { name: application_id.into(), config: None, build, adapt, beside: Vec::new(), creates_topics: None }
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

    /// On an embedded log, `run` creates topics that the application reads and that are missing, with so many partitions each, so
    /// that a first start needs no other command. Elsewhere that is up to the log's operators, and to `topics create`.
    pub fn creates_topics(self, partitions: u32) -> Self {
        Self { creates_topics: Some(partitions), ..self }
    }

    /// What runs beside the application, such as a server or a sink: `start` is called by `run` when the application has been
    /// started, with the log that it runs on, and what it returns is dropped when the application has ended. Called again, it
    /// adds to what was there.
    ///
    /// ```no_run
    /// use std::process::ExitCode;
    ///
    /// use millstream::cli::Cli;
    /// use millstream::prelude::*;
    ///
    /// const NAMES: Topic<(), String> = Topic::new("names");
    ///
    /// fn main() -> ExitCode {
    ///     let greeter = Cli::new("greeter", |_| StreamsBuilder::new().build());
    ///     let greeter = greeter.beside(|app, log| {
    ///         println!("{} runs on {}", app.about().application_id(), log.describe());
    ///         Ok(Client::new(log.clone())?)
    ///     });
    ///     greeter.main()
    /// }
    /// ```
    pub fn beside<T: 'static>(
        mut self,
        start: impl Fn(&Handle, &Arc<dyn Log>) -> Result<T, Box<dyn Error + Send + Sync>> + 'static,
    ) -> Self {
        self.beside.push(Box::new(move |app, log| match start(app, log) {
            Ok(started) => Ok(Box::new(started)),
            Err(error) => Err(AppError::Beside { reason: error.to_string() }),
        }));
        self
    }

    /// Lets the program look into the log that a place names, through the running application if that has it open: for commands
    /// of the program's own. The log must be there.
    ///
    /// The exit code is 0 if all is well and 1 for an error, which is printed to standard error.
    ///
    /// ```no_run
    /// use std::process::ExitCode;
    ///
    /// use millstream::cli::clap::{self, Parser};
    /// use millstream::cli::{Cli, Place};
    /// use millstream::prelude::*;
    ///
    /// const NAMES: Topic<(), String> = Topic::new("names");
    ///
    /// #[derive(Parser)]
    /// enum Arguments {
    ///     /// Print how many names there are
    ///     Count(Place),
    /// }
    ///
    /// fn main() -> ExitCode {
    ///     let Arguments::Count(place) = Arguments::parse();
    ///     Cli::new("names", |_| StreamsBuilder::new().build()).with_log(&place, |log| {
    ///         println!("{}", Client::new(log.clone())?.read(&NAMES)?.len());
    ///         Ok(())
    ///     })
    /// }
    /// ```
    pub fn with_log(
        &self,
        place: &Place,
        look: impl FnOnce(&Arc<dyn Log>) -> Result<(), Box<dyn Error + Send + Sync>>,
    ) -> ExitCode {
        let look = || {
            let log = self.program(place)?.log(Need::Existing)?;
            look(&log).map_err(|error| match error.downcast::<io::Error>() {
                Ok(error) => Failure::from(*error),
                Err(error) => Failure::because(error),
            })
        };
        self.end(look())
    }

    fn log_to_run(&self, program: &Program<'_>) -> Result<Arc<dyn Log>, Failure> {
        let log = program.log(Need::ToRun)?;
        if let Some(partitions) = self.creates_topics.filter(|_| log.creates_output_topics()) {
            topics::create_missing(&log, program, partitions)?;
        }
        Ok(log)
    }

    /// Starts what runs beside the application.
    fn start_beside(&self, app: &Handle, log: &Arc<dyn Log>) -> Result<Vec<Box<dyn Any>>, AppError> {
        self.beside.iter().map(|start| start(app, log)).collect()
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
        let log = self.log_to_run(&program)?;
        Ok(program.app.run_with(Arc::clone(&log), |app| self.start_beside(app, &log))?)
    }

    #[cfg(feature = "http")]
    fn try_run(&self, place: &Place) -> Result<(), Failure> {
        let program = self.program(place)?;
        let log = self.log_to_run(&program)?;
        let is_served = program.config.query_server_bind.is_some();
        let beside = |app: &Handle| {
            let server = is_served.then(|| Http::of(app).start()).transpose().map_err(|error| {
                let setting = "query.server.bind".to_owned();
                AppError::Setting { setting, reason: error.to_string() }
            })?;
            let own = self.start_beside(app, &log)?;
            Ok((own, server, place.embedded.as_deref().map(|folder| CommandPort::open(app, folder))))
        };
        Ok(program.app.run_with(Arc::clone(&log), beside)?)
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
