//! How long questions about stores take that come over HTTP.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use streams_core::clock::SharedClock;
use streams_core::runtime::Histogram;

type Histograms = BTreeMap<(Arc<str>, &'static str), Histogram>;

/// Counts answers by store and route. Only stores that the topology has may be named.
pub(crate) struct AskedStores {
    clock: SharedClock,
    took: Mutex<Histograms>,
}

impl AskedStores {
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self { clock, took: Mutex::default() }
    }

    /// A store is asked. It is counted when what is returned is dropped, with or without an answer.
    pub(crate) fn ask(&self, store: &Arc<str>, route: &'static str) -> Asked<'_> {
        Asked { of: self, store: Arc::clone(store), route, began: self.clock.monotonic() }
    }

    /// All that was counted.
    pub(crate) fn all(&self) -> Histograms {
        self.took.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A question that is being answered.
pub(crate) struct Asked<'a> {
    of: &'a AskedStores,
    store: Arc<str>,
    route: &'static str,
    began: Duration,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let took = self.of.clock.monotonic().saturating_sub(self.began);
        let mut all = self.of.took.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry((Arc::clone(&self.store), self.route)).or_default().note(took);
    }
}
