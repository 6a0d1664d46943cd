//! The only place that runs futures.
//!
//! Handlers of records are futures ([`KStream::handle`](crate::dsl::KStream::handle)). They never run on a worker's thread,
//! which would stand still with them. In production they run on a tokio runtime. In a test they are polled in the order in
//! which they began, whenever the application is stepped, and they sleep by the test's clock, so that a test is a function of
//! its inputs.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};

use crate::clock::SharedClock;

/// Something that is run to its end, unless nobody wants it any more.
pub(crate) type Work = BoxFuture<'static, ()>;

/// Runs futures.
pub(crate) trait Executor: Send + Sync + 'static {
    /// Runs it. If that is not possible, it is dropped.
    fn spawn(&self, work: Work);

    /// Is done after that time.
    fn sleep(&self, time: Duration) -> Work;

    /// Polls what it has, if it has no threads that do.
    fn step(&self) {}
}

/// An executor that every part of an application can share.
pub(crate) type SharedExecutor = Arc<dyn Executor>;

/// How many threads a runtime of our own has. Handlers wait for others most of the time.
const THREADS: usize = 2;

/// A tokio runtime: the program's, or one of our own, which is started when it is needed.
pub(crate) struct OnTokio {
    given: Option<Handle>,
    own: OnceLock<Option<Own>>,
}

impl OnTokio {
    /// The runtime that the calling thread is in, if there is one that can be trusted to run handlers: one with a single
    /// thread cannot, because the program may well block that until the application ends.
    pub(crate) fn here() -> Self {
        let has_threads = |handle: &Handle| {
            handle.runtime_flavor() != RuntimeFlavor::CurrentThread && handle.metrics().num_workers() > 1
        };
        Self { given: Handle::try_current().ok().filter(has_threads), own: OnceLock::new() }
    }

    /// This runtime.
    pub(crate) const fn given(handle: Handle) -> Self {
        Self { given: Some(handle), own: OnceLock::new() }
    }

    fn handle(&self) -> Option<&Handle> {
        if let Some(given) = &self.given {
            return Some(given);
        }
        let own = self.own.get_or_init(|| match Own::start() {
            Ok(own) => Some(own),
            Err(error) => {
                tracing::error!(%error, "the threads that run handlers cannot be started: {error}");
                None
            }
        });
        own.as_ref()?.0.as_ref().map(Runtime::handle)
    }
}

impl Executor for OnTokio {
    fn spawn(&self, work: Work) {
        if let Some(handle) = self.handle() {
            handle.spawn(work);
        }
    }

    fn sleep(&self, time: Duration) -> Work {
        tokio::time::sleep(time).boxed()
    }
}

/// A runtime of our own. A runtime that is dropped waits for its threads, which is not allowed within another one.
struct Own(Option<Runtime>);

impl Own {
    fn start() -> std::io::Result<Self> {
        // With everything that the program's other crates have asked tokio for, such as sockets.
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("millstream-handlers")
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Runs futures only when it is stepped, in the order in which they began.
pub(crate) struct Stepped {
    clock: SharedClock,
    running: Mutex<Vec<Work>>,
}

impl Stepped {
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self { clock, running: Mutex::default() }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Vec<Work>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Executor for Stepped {
    fn spawn(&self, work: Work) {
        self.running().push(work);
    }

    fn sleep(&self, time: Duration) -> Work {
        let clock = Arc::clone(&self.clock);
        let until = clock.monotonic().saturating_add(time);
        // Everything is polled at each step, so nobody has to be woken.
        poll_fn(move |_| if clock.monotonic() >= until { Poll::Ready(()) } else { Poll::Pending }).boxed()
    }

    fn step(&self) {
        let mut running = std::mem::take(&mut *self.running());
        let mut context = Context::from_waker(Waker::noop());
        running.retain_mut(|work| work.poll_unpin(&mut context).is_pending());
        let mut all = self.running();
        running.append(&mut all);
        *all = running;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::record::Timestamp;

    type Seen = Arc<Mutex<Vec<&'static str>>>;

    fn note(seen: &Seen, after: Work, what: &'static str) -> Work {
        let seen = Arc::clone(seen);
        after.map(move |()| seen.lock().expect("no panic").push(what)).boxed()
    }

    #[test]
    fn what_is_stepped_runs_in_the_order_in_which_it_began_and_sleeps_by_the_clock() {
        let (clock, seen) = (ManualClock::at(Timestamp(0)), Seen::default());
        let executor = Stepped::new(Arc::new(clock.clone()));
        executor.spawn(note(&seen, executor.sleep(Duration::from_secs(2)), "slow"));
        executor.spawn(note(&seen, executor.sleep(Duration::from_secs(1)), "quick"));
        executor.spawn(note(&seen, futures::future::ready(()).boxed(), "at once"));
        for (seconds, expected) in
            [(0, &["at once"][..]), (1, &["at once", "quick"]), (5, &["at once", "quick", "slow"])]
        {
            clock.advance(Duration::from_secs(seconds));
            executor.step();
            assert_eq!(*seen.lock().expect("no panic"), expected, "{seconds}");
        }
        assert!(executor.running().is_empty());
    }

    /// A program that blocks its only thread until the application ends would wait for ever.
    #[test]
    fn a_runtime_with_one_thread_is_left_alone() {
        let multi = |threads| Builder::new_multi_thread().worker_threads(threads).build().expect("a runtime");
        let one = Builder::new_current_thread().build().expect("a runtime");
        for (runtime, expected) in [(one, false), (multi(1), false), (multi(2), true)] {
            assert_eq!(runtime.block_on(async { OnTokio::here() }).given.is_some(), expected);
        }
        assert!(OnTokio::here().given.is_none());
    }

    #[test]
    fn a_runtime_of_our_own_starts_by_itself_and_may_end_within_another_one() {
        let executor = OnTokio::here();
        let (done, is_done) = std::sync::mpsc::channel();
        executor.spawn(
            async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                done.send(()).expect("somebody waits");
            }
            .boxed(),
        );
        is_done.recv_timeout(Duration::from_secs(60)).expect("it runs");
        let other = Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
        other.block_on(async move { drop(executor) });
    }
}
