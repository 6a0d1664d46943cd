//! Ctrl-C: everything that takes a long time checks whether it must end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Knows whether there was a Ctrl-C or SIGTERM.
#[derive(Debug, Clone)]
pub struct Interrupt(Arc<AtomicBool>);

/// There was one: the run ends, and removes on the way out what it has made.
#[derive(Debug, Clone, Copy)]
pub struct Interrupted;

impl Interrupt {
    /// Starts watching: from now on, signals do not end the process immediately.
    ///
    /// # Errors
    /// When something else watches already.
    pub fn watch() -> Result<Self, ctrlc::Error> {
        let interrupt = Self(Arc::default());
        let seen = Arc::clone(&interrupt.0);
        ctrlc::set_handler(move || {
            if !seen.swap(true, Ordering::SeqCst) {
                eprintln!("interrupted: ending the processes, removing their folders and the broker");
            }
        })?;
        Ok(interrupt)
    }

    /// Fails after an interrupt.
    ///
    /// # Errors
    /// When there was one.
    pub fn check(&self) -> Result<(), Interrupted> {
        if self.0.load(Ordering::SeqCst) { Err(Interrupted) } else { Ok(()) }
    }
}
