//! A thread that works until it is told to end, and whose failure is noticed.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Scope, ScopedJoinHandle};

use crate::Failure;

/// A running thread. Dropping it tells the thread to end; the scope waits for that.
pub struct Background<'s> {
    over: Arc<AtomicBool>,
    thread: Option<ScopedJoinHandle<'s, Result<(), Failure>>>,
}

impl<'s> Background<'s> {
    /// Starts the thread. Its work gets a function that returns whether it must end.
    pub fn spawn<'e>(
        scope: &'s Scope<'s, 'e>,
        work: impl FnOnce(&dyn Fn() -> bool) -> Result<(), Failure> + Send + 's,
    ) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let thread = scope.spawn(move || work(&|| is_over.load(Ordering::Relaxed)));
        Self { over, thread: Some(thread) }
    }

    /// Checks that the thread is still running.
    ///
    /// # Errors
    /// The error that ended it.
    pub fn check(&mut self) -> Result<(), Failure> {
        if self.thread.as_ref().is_some_and(ScopedJoinHandle::is_finished) {
            self.join()?;
            return Err("a thread of pulse ended too early".into());
        }
        Ok(())
    }

    /// Tells the thread to end, and waits for that.
    ///
    /// # Errors
    /// The error that ended it earlier.
    pub fn end(mut self) -> Result<(), Failure> {
        self.over.store(true, Ordering::Relaxed);
        self.join()
    }

    fn join(&mut self) -> Result<(), Failure> {
        match self.thread.take().map(ScopedJoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(panic)) => Err(format!("a thread of pulse panicked: {}", message(&*panic)).into()),
        }
    }
}

impl Drop for Background<'_> {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// The message of a panic.
pub fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}
