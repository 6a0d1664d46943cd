//! What is decided in the log but not yet everywhere: transaction markers on their way, in any order, and records on
//! their way to the replicas.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;

use crate::clock::{Clock as _, ManualClock};
use crate::log::Delivery;
use crate::runtime::tests::tally::{Happening, Tally};

/// A late marker arrives at one of so many opportunities.
const MARKER_CHANCES: u32 = 16;

pub(super) struct Lateness {
    clock: ManualClock,
    tally: Tally,
    inner: Mutex<Inner>,
}

struct Inner {
    rng: Rng,
    markers_until: Duration,
    /// Whether no marker arrives before.
    strictly: bool,
    replicas_until: Duration,
}

impl Lateness {
    pub(super) fn new(clock: &ManualClock, seed: u64, tally: &Tally) -> Self {
        let (markers_until, replicas_until) = (Duration::ZERO, Duration::ZERO);
        let inner = Inner { rng: Rng::with_seed(seed), markers_until, strictly: false, replicas_until };
        Self { clock: clock.clone(), tally: tally.clone(), inner: Mutex::new(inner) }
    }

    /// Most markers arrive only after that long, or all of them.
    pub(super) fn hold_markers(&self, lasts: Duration, strictly: bool) {
        let mut inner = self.guard();
        (inner.markers_until, inner.strictly) = (self.clock.monotonic() + lasts, strictly);
    }

    /// Records reach no replica for that long.
    pub(super) fn hold_replicas(&self, lasts: Duration) {
        self.guard().replicas_until = self.clock.monotonic() + lasts;
    }

    /// Whether anything is still held back.
    pub(super) fn any(&self) -> bool {
        let (now, inner) = (self.clock.monotonic(), self.guard());
        now < inner.markers_until.max(inner.replicas_until)
    }

    /// From now on everything arrives.
    pub(super) fn end(&self) {
        let mut inner = self.guard();
        (inner.markers_until, inner.replicas_until) = (Duration::ZERO, Duration::ZERO);
    }

    fn guard(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Delivery for Lateness {
    fn next_marker(&self, waiting: usize) -> Option<usize> {
        let mut inner = self.guard();
        let is_late = self.clock.monotonic() < inner.markers_until;
        let arrives = !is_late || !inner.strictly && inner.rng.u32(0..MARKER_CHANCES) == 0;
        if !arrives {
            self.tally.note(Happening::MarkerLate);
        }
        arrives.then(|| inner.rng.usize(0..waiting))
    }

    fn replicates(&self) -> bool {
        self.clock.monotonic() >= self.guard().replicas_until
    }
}
