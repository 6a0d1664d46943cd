//! An answer that may come later.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::channel::oneshot;

use super::Doorbell;

/// An answer that may not have arrived yet; see [`Reply::poll`].
#[derive(Debug)]
pub struct Reply<T>(Arrival<T>);

#[derive(Debug)]
enum Arrival<T> {
    Ready(T),
    Waiting(oneshot::Receiver<T>),
    Taken,
}

impl<T> Reply<T> {
    /// An answer that has arrived.
    #[must_use]
    pub const fn ready(answer: T) -> Self {
        Self(Arrival::Ready(answer))
    }

    /// An answer that will arrive through the sender. After sending it, the sender must ring the asker's doorbell.
    #[must_use]
    pub fn later() -> (oneshot::Sender<T>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(Arrival::Waiting(receiver)))
    }

    /// Returns the answer once. `Ready(None)` means that the sender is gone or the answer has been taken already.
    pub fn poll(&mut self) -> Poll<Option<T>> {
        match std::mem::replace(&mut self.0, Arrival::Taken) {
            Arrival::Ready(answer) => Poll::Ready(Some(answer)),
            Arrival::Taken => Poll::Ready(None),
            Arrival::Waiting(mut receiver) => match receiver.try_recv() {
                Ok(Some(answer)) => Poll::Ready(Some(answer)),
                Ok(None) => {
                    self.0 = Arrival::Waiting(receiver);
                    Poll::Pending
                }
                Err(oneshot::Canceled) => Poll::Ready(None),
            },
        }
    }

    /// Waits for the answer, at most for `timeout`, and returns it as [`Reply::poll`] does. It can be used in an async
    /// executor, whose thread it then blocks.
    pub fn wait_at_most(&mut self, timeout: Duration) -> Poll<Option<T>> {
        if let Arrival::Waiting(receiver) = &mut self.0 {
            match wait_at_most(receiver, timeout) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(answer) => self.0 = answer.map_or(Arrival::Taken, Arrival::Ready),
            }
        }
        self.poll()
    }

    /// Waits for the answer. It can be used in an async executor, whose thread it then blocks. For tools and tests, never
    /// on a worker. `None` means the same as in [`Reply::poll`].
    pub fn wait(mut self) -> Option<T> {
        loop {
            if let Poll::Ready(answer) = self.wait_at_most(Duration::MAX) {
                return answer;
            }
        }
    }
}

/// Blocks until a future is ready. Unlike the executors' own functions for this, it may be called inside an executor.
pub(crate) fn wait_for<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = wait_at_most(future.as_mut(), Duration::MAX) {
            return output;
        }
    }
}

/// As [`wait_for`], at most for `timeout`.
fn wait_at_most<F: Future>(future: F, timeout: Duration) -> Poll<F::Output> {
    struct Ring(Doorbell);

    impl Wake for Ring {
        fn wake(self: Arc<Self>) {
            self.0.ring();
        }
    }

    let doorbell = Doorbell::new();
    let waker = Waker::from(Arc::new(Ring(doorbell.clone())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Poll::Ready(output);
        }
        // Only an answer rings, so that a ring is followed by a last look.
        if !doorbell.wait(timeout) {
            return Poll::Pending;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_late_can_be_waited_for_again() {
        let (sender, mut reply) = Reply::later();
        assert_eq!(reply.wait_at_most(Duration::from_millis(1)), Poll::Pending);
        sender.send(5).expect("somebody asks");
        assert_eq!(reply.wait_at_most(Duration::from_secs(60)), Poll::Ready(Some(5)));
        assert_eq!(reply.wait_at_most(Duration::from_secs(60)), Poll::Ready(None));
        let (sender, mut reply) = Reply::<u32>::later();
        drop(sender);
        assert_eq!(reply.wait_at_most(Duration::from_secs(60)), Poll::Ready(None));
    }
}
