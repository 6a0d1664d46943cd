//! Why a command has failed.

use std::fmt;
use std::io;

/// Anything that ends a command, as a sentence for the person who typed it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody reads the output any more, as with `| head`.
    NobodyReads,
    /// What is printed says already what is wrong.
    Told,
    Because(String),
}

impl Failure {
    pub(crate) fn because(reason: impl fmt::Display) -> Self {
        Self::Because(reason.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::NobodyReads } else { Self::because(error) }
    }
}

macro_rules! says_why {
    ($($error:ty),* $(,)?) => { $(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::because(error)
            }
        }
    )* };
}

says_why! {
    streams_core::client::ClientError,
    streams_core::config::ConfigErrors,
    streams_core::log::LogError,
    streams_core::runtime::AppError,
    streams_core::topology::TopologyError,
    streams_core::topic::NameError,
    serde_json::Error,
}
