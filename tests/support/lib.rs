//! Helpers that the suites share.

pub mod http;
pub mod kafka;
pub mod program;
pub mod progress;
pub mod proxy;
pub mod records;
pub mod replay;
pub mod said;

use std::io::Write;
use std::time::Duration;

/// The maximum time for anything that takes seconds on an idle machine, because slow machines run the suites, too.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Prints a figure directly to standard error, because the test harness shows only the output of failing tests, and
/// standard output is the harness's own, which programs read.
pub fn say(figure: &str) {
    // If nobody reads it, that does not matter.
    let _ = writeln!(std::io::stderr().lock(), "{figure}");
}
