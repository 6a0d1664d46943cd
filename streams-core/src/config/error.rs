//! Errors in a configuration, and where they are.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The setting was not set.
    Default,
    /// The program's code.
    Code,
    /// A line of a configuration file.
    File {
        /// As passed to [`Layers::file`](super::Layers::file), so possibly relative.
        path: Arc<PathBuf>,
        /// Counted from 1; 0 means the whole file.
        line: usize,
    },
    /// The environment variable with this name.
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

/// One error in a configuration. It never contains a value that may be secret.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{subject} ({origin}): {problem}")]
pub struct ConfigError {
    /// The setting's name, or what else could not be used, such as a file.
    pub subject: String,
    /// Where it was set.
    pub origin: Origin,
    /// What is wrong and what to do about it.
    pub problem: String,
}

impl ConfigError {
    pub(super) fn new(subject: impl Into<String>, origin: Origin, problem: impl Into<String>) -> Self {
        Self { subject: subject.into(), origin, problem: problem.into() }
    }
}

/// All errors in a configuration; at least one.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// `Ok` if there are no errors.
    pub(super) fn check(errors: Vec<ConfigError>) -> Result<(), Self> {
        if errors.is_empty() { Ok(()) } else { Err(Self(errors)) }
    }

    /// The errors, in the order in which they were found.
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

crate::debug_says_what_display_says!(ConfigError, ConfigErrors);
