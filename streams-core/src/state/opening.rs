//! A store that is being opened.
//!
//! Opening can take a while: a database may have to replay its write-ahead log. The caller has other work to do
//! meanwhile, so it polls. A backend that needs time opens the store on its own thread.

use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::task::Poll;

use super::{Store, StoreError, StoreErrorKind};

/// The result of opening a store.
pub type Opened = Result<Box<dyn Store>, StoreError>;

/// A store that is being opened; check with [`OpeningStore::poll`].
///
/// ```
/// use millstream::state::{Memory, OpeningStore, StateBackend};
/// use std::path::Path;
/// use std::task::Poll;
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
    /// A store that is open already.
    #[must_use]
    pub const fn done(opened: Opened) -> Self {
        Self(Progress::Done(Some(opened)))
    }

    /// A store that will be delivered through the returned sender.
    #[must_use]
    pub fn later() -> (Sender<Opened>, Self) {
        let (sender, receiver) = channel();
        (sender, Self(Progress::UnderWay(receiver)))
    }

    /// The store, as soon as it is open. It is returned once only.
    ///
    /// # Errors
    /// The backend's error; also when the sender was dropped, or the store has been taken already.
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

    /// Blocks until the store is open.
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
