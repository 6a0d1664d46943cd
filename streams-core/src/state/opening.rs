//! A store on its way to being open.
//!
//! Opening may take long: a database reads its write-ahead log back. Whoever needs the store has other things to do
//! meanwhile, so it asks again and again. A backend that needs time opens on a thread of its own.

use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::task::Poll;

use super::{Store, StoreError, StoreErrorKind};

/// What becomes of opening a store.
pub type Opened = Result<Box<dyn Store>, StoreError>;

/// A store on its way to being open; ask with [`OpeningStore::poll`].
///
/// ```
/// use std::path::Path;
/// use std::task::Poll;
/// use streams_core::state::{Memory, OpeningStore, StateBackend};
///
/// let (answer, mut opening) = OpeningStore::later();
/// assert!(opening.poll().is_pending());
/// answer.send(Memory.open(Path::new("unused"), &[]))?;
/// assert!(matches!(opening.poll(), Poll::Ready(Ok(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct OpeningStore(Progress);

enum Progress {
    Done(Option<Opened>),
    UnderWay(Receiver<Opened>),
}

impl OpeningStore {
    /// A store that did not take long.
    #[must_use]
    pub const fn done(opened: Opened) -> Self {
        Self(Progress::Done(Some(opened)))
    }

    /// A store that will be handed over through the sender.
    #[must_use]
    pub fn later() -> (Sender<Opened>, Self) {
        let (sender, receiver) = channel();
        (sender, Self(Progress::UnderWay(receiver)))
    }

    /// The store, once.
    ///
    /// # Errors
    /// What the backend says, and when whoever should have opened the store is gone or the store was taken before.
    pub fn poll(&mut self) -> Poll<Opened> {
        match &mut self.0 {
            Progress::Done(opened) => Poll::Ready(opened.take().unwrap_or_else(|| Err(gone()))),
            Progress::UnderWay(receiver) => match receiver.try_recv() {
                Ok(opened) => Poll::Ready(opened),
                Err(TryRecvError::Empty) => Poll::Pending,
                Err(TryRecvError::Disconnected) => Poll::Ready(Err(gone())),
            },
        }
    }

    /// Waits for the store.
    ///
    /// # Errors
    /// As [`OpeningStore::poll`].
    pub fn wait(self) -> Opened {
        match self.0 {
            Progress::Done(opened) => opened.unwrap_or_else(|| Err(gone())),
            Progress::UnderWay(receiver) => receiver.recv().unwrap_or_else(|_| Err(gone())),
        }
    }
}

fn gone() -> StoreError {
    StoreError::new(StoreErrorKind::Other, "whoever was to open the store is gone; see the log for a panic")
}
