//! The two sides, as programs with the same command line and the same output (see `compare/millstream/main.rs`).

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

/// One side.
#[derive(Debug)]
pub(crate) enum Contender {
    /// Kafka Streams: `compare/java`.
    KafkaStreams {
        /// The path of `java`.
        java: PathBuf,
        /// Kafka Streams and the classes of `compare/java`.
        class_path: OsString,
    },
    /// An older build of this engine.
    Before {
        /// The older `compare-millstream`.
        program: PathBuf,
    },
    /// This engine: `compare/millstream`.
    Millstream {
        /// A `compare-millstream`.
        program: PathBuf,
    },
}

impl Contender {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::KafkaStreams { .. } => "Kafka Streams",
            Self::Before { .. } => "before",
            Self::Millstream { .. } => "this",
        }
    }

    /// The name for its figures in JSON and for its topics on the broker.
    pub(crate) const fn short(&self) -> &'static str {
        match self {
            Self::KafkaStreams { .. } => "java",
            Self::Before { .. } => "before",
            Self::Millstream { .. } => "ours",
        }
    }

    /// The program, ready for its arguments.
    pub(crate) fn command(&self) -> Command {
        match self {
            Self::KafkaStreams { java, class_path } => {
                let mut command = Command::new(java);
                // Java chooses the collector. The heap is larger than any row needs, because a small one would cost Java
                // time that says nothing about Kafka Streams.
                command.args(["-Xmx4g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp"]);
                command.arg(class_path).arg("millstream.Compare");
                command
            }
            Self::Before { program } | Self::Millstream { program } => Command::new(program),
        }
    }
}
