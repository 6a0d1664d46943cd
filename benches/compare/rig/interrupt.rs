//! Ctrl-C: everything that takes a long time checks whether it must end.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Knows whether there was a Ctrl-C or SIGTERM.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

/// The error after an interrupt: the work is abandoned, and what it left behind is removed on the way out.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

impl Interrupt {
    /// Starts watching: from now on, signals do not end the process immediately.
    pub(crate) fn watch() -> Result<Self, ctrlc::Error> {
        let interrupt = Self(Arc::default());
        let seen = Arc::clone(&interrupt.0);
        ctrlc::set_handler(move || {
            if !seen.swap(true, Ordering::SeqCst) {
                eprintln!("interrupted: ending the run, removing the broker and its data");
            }
        })?;
        Ok(interrupt)
    }

    /// Returns an error after an interrupt.
    pub(crate) fn check(&self) -> Result<(), Interrupted> {
        if self.0.load(Ordering::SeqCst) { Err(Interrupted) } else { Ok(()) }
    }
}
