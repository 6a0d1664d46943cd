//! The only thing that threads wait on, and tasks of an async executor, too.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Wakes a thread, or a task of an async executor, that waits for news. A ring is never lost: if the bell rings before
/// anybody waits, the wait returns at once. One waits at a time.
///
/// ```
/// use std::time::Duration;
/// use millstream::log::Doorbell;
///
/// let bell = Doorbell::new();
/// bell.ring();
/// assert!(bell.wait(Duration::from_secs(60)));     // at once
/// assert!(!bell.wait(Duration::from_millis(1)));   // nobody rang again
/// ```
#[derive(Debug, Clone, Default)]
pub struct Doorbell(Arc<(Mutex<Bell>, Condvar)>);

#[derive(Debug, Default)]
struct Bell {
    rung: bool,
    /// The task that waits.
    waker: Option<Waker>,
}

impl Doorbell {
    /// A doorbell that nobody has rung yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Wakes the waiter, now or at its next wait.
    pub fn ring(&self) {
        let (bell, wake) = &*self.0;
        let waker = {
            let mut bell = bell.lock().unwrap_or_else(PoisonError::into_inner);
            bell.rung = true;
            bell.waker.take()
        };
        wake.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits until somebody rings, at most for `timeout`. Returns whether somebody did.
    pub fn wait(&self, timeout: Duration) -> bool {
        let (bell, wake) = &*self.0;
        let bell = bell.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut bell, _) =
            wake.wait_timeout_while(bell, timeout, |bell| !bell.rung).unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut bell.rung)
    }

    /// Ready if somebody has rung; otherwise the task is woken when somebody does.
    pub fn poll_wait(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut bell = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut bell.rung) {
            bell.waker = None;
            return Poll::Ready(());
        }
        match &mut bell.waker {
            Some(waker) => waker.clone_from(context.waker()),
            None => bell.waker = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures::executor::block_on;

    use super::*;

    #[test]
    fn a_task_is_woken_by_a_ring_before_and_after_it_waits() {
        let bell = Doorbell::new();
        bell.ring();
        block_on(poll_fn(|context| bell.poll_wait(context)));
        let ringer = bell.clone();
        let thread = std::thread::spawn(move || ringer.ring());
        block_on(poll_fn(|context| bell.poll_wait(context)));
        thread.join().expect("it rang");
        assert!(!bell.wait(Duration::ZERO), "the ring is used up");
    }
}
