//! Which log a command is about, and the settings that say so.

use std::path::Path;
use std::sync::Arc;

use streams_core::config::{Layers, StreamsConfig};
use streams_core::log::{Embedded, Log};

use crate::arguments::Place;
use crate::failure::Failure;

/// What a command needs of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// It must be there.
    Existing,
    /// An embedded log is created where there is none.
    New,
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
    pub(crate) fn log(&self, config: &StreamsConfig, need: Need) -> Result<Arc<dyn Log>, Failure> {
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

fn embedded(folder: &Path, need: Need) -> Result<Arc<dyn Log>, Failure> {
    // Looking at something must not create it.
    if need == Need::Existing && !folder.is_dir() {
        let folder = folder.display();
        return Err(Failure::because(format!("there is no embedded log in {folder}: check the folder's name")));
    }
    Ok(Arc::new(Embedded::open(folder)?))
}

#[cfg(feature = "kafka")]
fn kafka(config: &StreamsConfig) -> Result<Arc<dyn Log>, Failure> {
    Ok(Arc::new(streams_kafka::Kafka::configured(config)?))
}

#[cfg(not(feature = "kafka"))]
fn kafka(_config: &StreamsConfig) -> Result<Arc<dyn Log>, Failure> {
    Err(Failure::because("this program was built without Kafka; build it with the feature `kafka` of `millstream`"))
}
