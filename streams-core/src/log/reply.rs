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

    /// Waits for the answer. It can be used in an async executor, whose thread it then blocks. For tools and tests, never
    /// on a worker. `None` means the same as in [`Reply::poll`].
    pub fn wait(mut self) -> Option<T> {
        match std::mem::replace(&mut self.0, Arrival::Taken) {
            Arrival::Ready(answer) => Some(answer),
            Arrival::Taken => None,
            Arrival::Waiting(receiver) => wait_for(receiver).ok(),
        }
    }
}

/// Blocks until a future is ready. Unlike the executors' own functions for this, it may be called inside an executor.
fn wait_for<F: Future>(future: F) -> F::Output {
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
            return output;
        }
        doorbell.wait(Duration::MAX);
    }
}
