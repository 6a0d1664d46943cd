//! The only thing that threads wait on.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Wakes a thread that waits for news. A ring is never lost: if the bell rings before a thread waits, the wait returns
/// at once.
///
/// ```
/// use millstream::log::Doorbell;
/// use std::time::Duration;
///
/// let bell = Doorbell::new();
/// bell.ring();
/// assert!(bell.wait(Duration::from_secs(60)));     // at once
/// assert!(!bell.wait(Duration::from_millis(1)));   // nobody rang again
/// ```
#[derive(Debug, Clone, Default)]
pub struct Doorbell(Arc<(Mutex<bool>, Condvar)>);

impl Doorbell {
    /// A doorbell that nobody has rung yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Wakes the waiter, now or at its next wait.
    pub fn ring(&self) {
        let (rung, wake) = &*self.0;
        *rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        wake.notify_all();
    }

    /// Waits until somebody rings, at most for `timeout`. Returns whether somebody did.
    pub fn wait(&self, timeout: Duration) -> bool {
        let (rung, wake) = &*self.0;
        let rung = rung.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut rung, _) =
            wake.wait_timeout_while(rung, timeout, |rung| !*rung).unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *rung)
    }
}
