//! A thread for librdkafka's blocking calls, so that callers of the port never block.
//!
//! Jobs run one after the other, in the order in which they are submitted, so a job that depends on an earlier one is
//! simply submitted later.

use std::sync::mpsc;

use streams_core::log::{Doorbell, LogError, LogErrorKind, Reply};

type Job = Box<dyn FnOnce() + Send>;

/// The thread's handle. When it is dropped, the thread ends after the submitted jobs.
#[derive(Debug)]
pub(crate) struct Helper {
    jobs: mpsc::Sender<Job>,
    doorbell: Doorbell,
}

impl Helper {
    /// Starts the thread; `doorbell` is rung after every job.
    pub(crate) fn start(name: &str, doorbell: &Doorbell) -> Result<Self, LogError> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let bell = doorbell.clone();
        let run = move || {
            for job in inbox {
                job();
                bell.ring();
            }
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
        thread.map_err(|error| LogError::new(LogErrorKind::Other, format!("no thread for `{name}`: {error}")))?;
        Ok(Self { jobs, doorbell: doorbell.clone() })
    }

    /// Runs a job on the thread. It is lost only if an earlier job has panicked.
    pub(crate) fn run(&self, job: impl FnOnce() + Send + 'static) {
        if self.jobs.send(Box::new(job)).is_err() {
            self.doorbell.ring();
        }
    }

    /// Runs a job on the thread and passes its result to the caller.
    pub(crate) fn ask<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Reply<T> {
        let (sender, reply) = Reply::later();
        // A caller that no longer wants the answer has dropped the reply.
        self.run(move || drop(sender.send(job())));
        reply
    }

    /// Runs a job on the thread again and again, with other jobs in between, until it has a result or nobody wants it any
    /// more. The job itself waits briefly before it gives up a turn.
    pub(crate) fn ask_until<T: Send + 'static>(
        &self,
        mut look: impl FnMut() -> Option<T> + Send + 'static,
    ) -> Reply<T> {
        let (sender, reply) = Reply::later();
        let mut waiting = Some(sender);
        let step = move || {
            let Some(sender) = waiting.take_if(|sender| !sender.is_canceled()) else { return true };
            match look() {
                Some(result) => {
                    drop(sender.send(result));
                    true
                }
                None => {
                    waiting = Some(sender);
                    false
                }
            }
        };
        repeat(self.jobs.clone(), step);
        reply
    }
}

/// Takes another turn until the step says that it was the last.
fn repeat(jobs: mpsc::Sender<Job>, mut step: impl FnMut() -> bool + Send + 'static) {
    let next = jobs.clone();
    let turn = move || {
        if !step() {
            repeat(next, step);
        }
    };
    // The thread lives as long as this sender, unless a job has panicked.
    drop(jobs.send(Box::new(turn)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn jobs_run_in_order_and_ring() {
        let bell = Doorbell::new();
        let helper = Helper::start("test", &bell).unwrap();
        let (sender, results) = mpsc::channel();
        for number in 0..3 {
            let sender = sender.clone();
            helper.run(move || sender.send(number).unwrap());
        }
        assert_eq!(helper.ask(|| 7).wait(), Some(7));
        assert_eq!(results.try_iter().collect::<Vec<_>>(), [0, 1, 2]);
        assert!(bell.wait(Duration::from_secs(10)));
    }

    #[test]
    fn who_waits_holds_nobody_up() {
        let helper = Helper::start("test", &Doorbell::new()).unwrap();
        let (open, gate) = mpsc::channel::<u32>();
        let waiting = helper.ask_until(move || gate.recv_timeout(Duration::from_millis(1)).ok());
        assert_eq!(helper.ask(|| "passed").wait(), Some("passed"));
        open.send(5).unwrap();
        assert_eq!(waiting.wait(), Some(5));
    }

    #[test]
    fn nobody_waits_for_what_nobody_wants() {
        let helper = Helper::start("test", &Doorbell::new()).unwrap();
        let alive = std::sync::Arc::new(());
        let watch = std::sync::Arc::downgrade(&alive);
        drop(helper.ask_until(move || {
            let _ = &alive;
            None::<()>
        }));
        assert_eq!(helper.ask(|| 1).wait(), Some(1));
        assert_eq!(helper.ask(|| 2).wait(), Some(2));
        assert!(watch.upgrade().is_none());
    }
}
