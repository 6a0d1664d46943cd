//! Which log a command is about, and the settings that say so.

use std::path::Path;
use std::sync::Arc;

use streams_core::config::{Layers, StreamsConfig};
use streams_core::log::{Embedded, Log, LogError, LogErrorKind};

use crate::arguments::Place;
use crate::failure::Failure;

/// What a command needs of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// It must be there.
    Existing,
    /// An embedded log is created where there is none.
    New,
    /// As `New`, and an embedded log must be this process's own: the application runs on it.
    ToRun,
    /// As `Existing`, and nobody else may have an embedded log open: what an application needs is deleted from it.
    ToReset,
}

impl Need {
    const fn creates(self) -> bool {
        matches!(self, Self::New | Self::ToRun)
    }

    /// Whether the application that runs on an embedded log can be asked instead.
    #[cfg(feature = "http")]
    const fn can_be_shared(self) -> bool {
        matches!(self, Self::Existing | Self::New)
    }
}

/// The log that a command is about.
pub(crate) struct Reached {
    pub(crate) log: Arc<dyn Log>,
    /// The application that runs on it, if the log is seen through that one's port.
    #[cfg(feature = "http")]
    pub(crate) running: Option<crate::running::Found>,
}

impl Reached {
    #[cfg(feature = "http")]
    fn through(running: crate::running::Found) -> Self {
        Self { log: Arc::new(crate::running::LogOfRunning(running.clone())), running: Some(running) }
    }

    fn own(log: impl Log) -> Self {
        Self {
            log: Arc::new(log),
            #[cfg(feature = "http")]
            running: None,
        }
    }
}

impl Place {
    /// The settings of all layers, over those of the program.
    pub(crate) fn settings(&self, base: StreamsConfig) -> Result<StreamsConfig, Failure> {
        let mut layers = Layers::over(base).environment();
        #[cfg(feature = "config-files")]
        for file in &self.config {
            layers = layers.file(file);
        }
        #[cfg(not(feature = "config-files"))]
        if let Some(file) = self.config.first() {
            return Err(Failure::because(format!(
                "{}: this program reads no files with settings; build it with the feature `config-files`",
                file.display()
            )));
        }
        for setting in &self.settings {
            layers = layers.argument(setting);
        }
        let said = [("bootstrap.servers", &self.bootstrap_servers), ("application.id", &self.application_id)];
        for (name, value) in said {
            if let Some(value) = value {
                layers = layers.argument(&format!("{name}={value}"));
            }
        }
        Ok(layers.read()?)
    }

    /// The log.
    pub(crate) fn reach(&self, config: &StreamsConfig, need: Need) -> Result<Reached, Failure> {
        if let Some(folder) = &self.embedded {
            return embedded(folder, need);
        }
        if config.bootstrap_servers.is_some() {
            return kafka(config);
        }
        Err(Failure::because(
            "where are the topics? Say `--bootstrap-servers HOST:PORT` for Kafka, or `--embedded FOLDER` for an embedded log",
        ))
    }
}

fn embedded(folder: &Path, need: Need) -> Result<Reached, Failure> {
    // Looking at something must not create it.
    if !need.creates() && !folder.is_dir() {
        let folder = folder.display();
        return Err(Failure::because(format!("there is no embedded log in {folder}: check the folder's name")));
    }
    #[cfg(feature = "http")]
    if let Some(running) = crate::running::find(folder).filter(|_| need.can_be_shared()) {
        return Ok(Reached::through(running));
    }
    match Embedded::open(folder) {
        Ok(log) => {
            #[cfg(feature = "http")]
            crate::running::PortFile::remove_stale(folder);
            Ok(Reached::own(log))
        }
        Err(error) if error.kind == LogErrorKind::InUse => in_use(folder, need, error),
        Err(error) => Err(error.into()),
    }
}

/// Somebody has the log open. If that is an application that `run` has started, it answers.
#[cfg(feature = "http")]
fn in_use(folder: &Path, need: Need, error: LogError) -> Result<Reached, Failure> {
    if !need.can_be_shared() {
        return Err(error.into());
    }
    match crate::running::wait_for(folder) {
        Some(running) => Ok(Reached::through(running)),
        None => Err(Failure::because(format!(
            "{error}. It does not answer commands: an application does that if this program's `run` has started it"
        ))),
    }
}

#[cfg(not(feature = "http"))]
fn in_use(_folder: &Path, need: Need, error: LogError) -> Result<Reached, Failure> {
    if matches!(need, Need::ToRun | Need::ToReset) {
        return Err(error.into());
    }
    Err(Failure::because(format!(
        "{error}. With the feature `http` of `millstream`, an application that runs answers the commands of other terminals"
    )))
}

#[cfg(feature = "kafka")]
fn kafka(config: &StreamsConfig) -> Result<Reached, Failure> {
    Ok(Reached::own(streams_kafka::Kafka::configured(config)?))
}

#[cfg(not(feature = "kafka"))]
fn kafka(_config: &StreamsConfig) -> Result<Reached, Failure> {
    Err(Failure::because("this program was built without Kafka; build it with the feature `kafka` of `millstream`"))
}
