//! What is wrong with a configuration, and where it says so.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The program.
    Code,
    /// A file, and the line in it.
    File {
        /// The file, as it was named.
        path: Arc<PathBuf>,
        /// The line, from 1; 0 means the whole file.
        line: usize,
    },
    /// An environment variable of this name.
    Environment(Arc<str>),
    /// The command line.
    Argument,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Code => f.write_str("code"),
            Self::File { path, line: 0 } => write!(f, "{}", path.display()),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Argument => f.write_str("command line"),
        }
    }
}

/// One thing that is wrong. Never holds a value that may be secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{subject} ({origin}): {problem}")]
pub struct ConfigError {
    /// The setting, or what else could not be used.
    pub subject: String,
    /// Who asked for it.
    pub origin: Origin,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl ConfigError {
    pub(super) fn new(subject: impl Into<String>, origin: Origin, problem: impl Into<String>) -> Self {
        Self { subject: subject.into(), origin, problem: problem.into() }
    }
}

/// Everything that is wrong with a configuration; at least one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// Nothing wrong is `Ok`.
    pub(super) fn check(errors: Vec<ConfigError>) -> Result<(), Self> {
        if errors.is_empty() { Ok(()) } else { Err(Self(errors)) }
    }

    /// The single problems, in the order in which they were met.
    #[must_use]
    pub fn problems(&self) -> &[ConfigError] {
        &self.0
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be used")?;
        for error in &self.0 {
            write!(f, "\n- {error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
