//! An answer that may come later.

use std::task::Poll;

use tokio::sync::oneshot;

/// An answer that is there already or will come; ask with [`Reply::poll`].
#[derive(Debug)]
pub struct Reply<T>(State<T>);

#[derive(Debug)]
enum State<T> {
    Ready(T),
    Waiting(oneshot::Receiver<T>),
    Taken,
}

impl<T> Reply<T> {
    /// An answer that is there.
    #[must_use]
    pub const fn ready(answer: T) -> Self {
        Self(State::Ready(answer))
    }

    /// An answer that will come through the sender. Whoever answers then rings the asker's doorbell.
    #[must_use]
    pub fn later() -> (oneshot::Sender<T>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(State::Waiting(receiver)))
    }

    /// The answer, once; `Ready(None)` when whoever should have answered is gone or the answer was
    /// taken before.
    pub fn poll(&mut self) -> Poll<Option<T>> {
        match std::mem::replace(&mut self.0, State::Taken) {
            State::Ready(answer) => Poll::Ready(Some(answer)),
            State::Taken => Poll::Ready(None),
            State::Waiting(mut receiver) => match receiver.try_recv() {
                Ok(answer) => Poll::Ready(Some(answer)),
                Err(oneshot::error::TryRecvError::Closed) => Poll::Ready(None),
                Err(oneshot::error::TryRecvError::Empty) => {
                    self.0 = State::Waiting(receiver);
                    Poll::Pending
                }
            },
        }
    }

    /// Waits for the answer; for tools and tests, never on a worker. `None` as in [`Reply::poll`].
    pub fn wait(mut self) -> Option<T> {
        match std::mem::replace(&mut self.0, State::Taken) {
            State::Ready(answer) => Some(answer),
            State::Taken => None,
            State::Waiting(receiver) => receiver.blocking_recv().ok(),
        }
    }
}
