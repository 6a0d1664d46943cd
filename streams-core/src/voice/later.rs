//! A subscriber that the program sets after the application has started.
//!
//! The application's threads have a subscriber of ours then, which hides the program's. So ours looks from time to time
//! whether there is one for the whole program, and hands everything on to it from then on.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, dispatcher};

/// How long after a look the next one is due.
const LOOK_EVERY_MS: u64 = 1_000;

/// The program's subscriber. It can be set only once.
static PROGRAMS: OnceLock<Dispatch> = OnceLock::new();

/// When to look for it.
#[derive(Debug, Default)]
pub(super) struct Later {
    look_at_ms: AtomicU64,
}

impl Later {
    /// The program's subscriber, if it was found.
    pub(super) fn found(&self) -> Option<&'static Dispatch> {
        PROGRAMS.get()
    }

    /// The program's subscriber, after a look if one is due: for what happens often.
    pub(super) fn look(&self, now: Duration) -> Option<&'static Dispatch> {
        if let Some(found) = PROGRAMS.get() {
            return Some(found);
        }
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let due = self.look_at_ms.load(Ordering::Relaxed);
        let next = now.saturating_add(LOOK_EVERY_MS);
        if now < due || self.look_at_ms.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return None;
        }
        self.look_now()
    }

    /// The program's subscriber, after a look, which takes a thread.
    pub(super) fn look_now(&self) -> Option<&'static Dispatch> {
        if let Some(found) = PROGRAMS.get() {
            return Some(found);
        }
        // A thread with a subscriber of its own does not see that of the program. A new one does.
        let looking = std::thread::Builder::new().name("millstream-look".into());
        let looking = looking.spawn(|| dispatcher::get_default(Dispatch::clone)).ok()?;
        let found = looking.join().ok().filter(|found| !found.is::<NoSubscriber>())?;
        Some(PROGRAMS.get_or_init(|| found))
    }
}
