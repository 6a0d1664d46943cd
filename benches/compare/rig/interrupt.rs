//! Ctrl-C: everything that takes long looks whether somebody wants it to end.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether Ctrl-C or SIGTERM came.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

/// It did; the work is given up, and what it left behind is removed on the way out.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

impl Interrupt {
    /// From now on the process ends when it is ready to.
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

    /// An error once it came.
    pub(crate) fn check(&self) -> Result<(), Interrupted> {
        if self.0.load(Ordering::SeqCst) { Err(Interrupted) } else { Ok(()) }
    }
}
