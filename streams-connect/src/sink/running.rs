//! A sink that is running, as its owner sees it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use streams_core::log::{Doorbell, Log};
use streams_core::record::{Offset, TopicPartition};

use super::progress::Progress;
use super::worker::Worker;
use super::{Positions, Sink, SinkError, Trouble};

/// A sink that carries records. Dropping it stops it and waits for the end.
#[must_use = "dropping it stops the sink"]
pub struct RunningSink {
    name: String,
    progress: Arc<Progress>,
    thread: Option<JoinHandle<()>>,
}

impl RunningSink {
    pub(super) fn start(sink: Sink, log: Arc<dyn Log>) -> Result<Self, SinkError> {
        let name = sink.name.clone();
        let doorbell = Doorbell::new();
        let progress = Arc::new(Progress::new(doorbell));
        let worker = Worker::new(sink, log, Arc::clone(&progress))?;
        let thread = std::thread::Builder::new().name(name.clone()).spawn(move || worker.run());
        let thread =
            thread.map_err(|error| SinkError::Thread { sink: name.clone(), reason: format!("no thread: {error}") })?;
        Ok(Self { name, progress, thread: Some(thread) })
    }

    /// The sink's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The partitions that it carries now, and how far it has carried each. Others of the same name have the others.
    #[must_use]
    pub fn positions(&self) -> Positions {
        self.progress.watch().borrow().positions.clone()
    }

    /// How many records it has written since it was started.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.progress.written.load(Ordering::Relaxed)
    }

    /// How many records it has left out, because the target refused them.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.progress.refused.load(Ordering::Relaxed)
    }

    /// What it is waiting for, if the target or the log cannot be reached.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.progress.trouble()
    }

    /// Waits until the record at that place is in the target. It waits for ever if the partition is another process's.
    ///
    /// # Errors
    /// The error with which the sink has ended before that.
    pub async fn has_passed(&self, partition: &TopicPartition, offset: Offset) -> Result<(), SinkError> {
        let mut seen = self.progress.watch();
        let is_enough = |next: &Offset| *next > offset;
        let ended = || SinkError::Thread { sink: self.name.clone(), reason: "it was stopped".to_owned() };
        let seen = seen
            .wait_for(|seen| seen.end.is_some() || seen.positions.get(partition).is_some_and(is_enough))
            .await
            .map_err(|_| ended())?;
        match &seen.end {
            _ if seen.positions.get(partition).is_some_and(is_enough) => Ok(()),
            Some(Err(error)) => Err(error.clone()),
            _ => Err(ended()),
        }
    }

    /// Whether it has ended, for a reason that [`RunningSink::wait`] returns.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.progress.watch().borrow().end.is_some()
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// The error that has ended it.
    pub fn wait(mut self) -> Result<(), SinkError> {
        self.join()
    }

    /// Stops it: what is being written is written, and its partitions go to others at once.
    ///
    /// # Errors
    /// The error that had ended it before.
    pub fn close(mut self) -> Result<(), SinkError> {
        self.progress.stop();
        self.join()
    }

    fn join(&mut self) -> Result<(), SinkError> {
        let panicked = self.thread.take().is_some_and(|thread| thread.join().is_err());
        if panicked {
            return Err(SinkError::Thread { sink: self.name.clone(), reason: "its thread has panicked".to_owned() });
        }
        self.progress.watch().borrow().end.clone().unwrap_or(Ok(()))
    }
}

impl Drop for RunningSink {
    fn drop(&mut self) {
        self.progress.stop();
        // Whoever drops it does not ask how it has ended; it was logged.
        let _ = self.join();
    }
}

impl std::fmt::Debug for RunningSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunningSink").field("name", &self.name).finish_non_exhaustive()
    }
}
