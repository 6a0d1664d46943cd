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
    knocked: bool,
    /// Whether a thread waits. Waking nobody is not free either.
    has_thread: bool,
    /// The task that waits.
    waker: Option<Waker>,
}

/// Who is at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// The time is over.
    Nobody,
    /// Only somebody with something small.
    Knocked,
    Rang,
}

impl Bell {
    const fn calls(&self) -> bool {
        self.rung || self.knocked
    }

    fn take(&mut self) -> Call {
        match (std::mem::take(&mut self.rung), std::mem::take(&mut self.knocked)) {
            (true, _) => Call::Rang,
            (false, true) => Call::Knocked,
            (false, false) => Call::Nobody,
        }
    }
}

impl Doorbell {
    /// A doorbell that nobody has rung yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Wakes the waiter, now or at its next wait.
    pub fn ring(&self) {
        self.wake(|bell| bell.rung = true);
    }

    /// Wakes the waiter for something small, which it need not go through all its work for.
    pub(crate) fn knock(&self) {
        self.wake(|bell| bell.knocked = true);
    }

    fn wake(&self, how: impl FnOnce(&mut Bell)) {
        let (bell, wake) = &*self.0;
        let (waker, is_asleep) = {
            let mut bell = bell.lock().unwrap_or_else(PoisonError::into_inner);
            // A thread that was called and has not come yet is on the way.
            let is_asleep = bell.has_thread && !bell.calls();
            how(&mut bell);
            (bell.waker.take(), is_asleep)
        };
        if is_asleep {
            wake.notify_all();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits until somebody rings, at most for `timeout`. Returns whether somebody did.
    pub fn wait(&self, timeout: Duration) -> bool {
        self.wait_for_call(timeout) != Call::Nobody
    }

    /// The same, and says how.
    pub(crate) fn wait_for_call(&self, timeout: Duration) -> Call {
        let (bell, wake) = &*self.0;
        let mut bell = bell.lock().unwrap_or_else(PoisonError::into_inner);
        bell.has_thread = true;
        let (mut bell, _) =
            wake.wait_timeout_while(bell, timeout, |bell| !bell.calls()).unwrap_or_else(PoisonError::into_inner);
        bell.has_thread = false;
        bell.take()
    }

    /// Ready if somebody has rung; otherwise the task is woken when somebody does.
    pub fn poll_wait(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut bell = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if bell.take() != Call::Nobody {
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

    #[test]
    fn a_knock_is_heard_as_one_unless_somebody_also_rings() {
        let bell = Doorbell::new();
        for (calls, expected) in [
            (&[Doorbell::knock as fn(&Doorbell)][..], Call::Knocked),
            (&[Doorbell::knock, Doorbell::knock], Call::Knocked),
            (&[Doorbell::knock, Doorbell::ring], Call::Rang),
            (&[Doorbell::ring, Doorbell::knock], Call::Rang),
            (&[], Call::Nobody),
        ] {
            calls.iter().for_each(|call| call(&bell));
            assert_eq!(bell.wait_for_call(Duration::ZERO), expected, "{} calls", calls.len());
            assert_eq!(bell.wait_for_call(Duration::ZERO), Call::Nobody, "they are used up");
        }
    }
}
