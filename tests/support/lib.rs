//! What the suites share.

pub mod kafka;
pub mod program;
pub mod progress;
pub mod proxy;
pub mod records;

use std::io::Write;
use std::time::Duration;

/// How long anything may take that takes seconds on a quiet machine: machines of all speeds run the suites.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Prints a figure past the test harness, which shows only what failing tests print. To standard error:
/// standard output is the harness's own, which others read.
pub fn say(figure: &str) {
    // Whoever no longer reads does not want to know.
    let _ = writeln!(std::io::stderr().lock(), "{figure}");
}
