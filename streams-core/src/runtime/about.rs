//! What an application is and what it runs on, for those who look at it from outside, such as `streams-http`.
//!
//! It is fixed when the application starts; what changes is in the [`Status`](super::control::Status).

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::app::Handle;
use super::control::InstanceParts;
use super::settings::Guarantee;
use super::timings::WorkerTimings;
use super::voice::{LastingVoice, Voice};
use super::{Settings, StoreMetrics};
use crate::clock::SharedClock;
use crate::config::{EffectiveSetting, RecordingLevel, StreamsConfig, effective};
use crate::log::{Isolation, Log};
use crate::state::{GlobalStore, StateBackend, StoreProperty};
use crate::topology::Topology;

/// What a running application is: its id, topology and settings, and the log that it runs on.
///
/// ```
/// use millstream::prelude::*;
///
/// const IN: Topic<String, String> = Topic::new("in");
/// const OUT: Topic<String, String> = Topic::new("out");
///
/// let builder = StreamsBuilder::new();
/// builder.stream(IN).to(OUT);
/// let running = App::new("copy", builder.build()?).workers(2).start(Embedded::in_memory())?;
/// let about = running.about();
/// assert_eq!(about.application_id(), "copy");
/// let workers = about.settings().into_iter().find(|setting| setting.name == "num.stream.threads");
/// assert_eq!(workers.map(|setting| (setting.value, setting.origin)), Some(("2".to_owned(), "code".to_owned())));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct About {
    id: Arc<str>,
    topology: Arc<Topology>,
    settings: Arc<Settings>,
    asked: Arc<StreamsConfig>,
    /// A handle that is kept must not keep an embedded log open.
    log: Weak<dyn Log>,
    /// The same for what a backend holds in memory.
    backend: Weak<dyn StateBackend>,
    clock: SharedClock,
    started: Duration,
    voice: LastingVoice,
}

impl About {
    pub(super) fn new(parts: &InstanceParts, voice: &Voice) -> Arc<Self> {
        Arc::new(Self {
            id: Arc::clone(&parts.application_id),
            topology: Arc::clone(&parts.topology),
            settings: Arc::clone(&parts.settings),
            asked: Arc::clone(&parts.asked),
            log: Arc::downgrade(&parts.log),
            backend: Arc::downgrade(&parts.backend),
            clock: Arc::clone(&parts.clock),
            started: parts.clock.monotonic(),
            voice: voice.lasting(),
        })
    }

    /// The application's id.
    #[must_use]
    pub fn application_id(&self) -> &str {
        &self.id
    }

    /// What it runs.
    #[must_use]
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The guarantee under which it runs, also where that was left to the log.
    #[must_use]
    pub fn guarantee(&self) -> Guarantee {
        self.settings.guarantee()
    }

    /// Every setting that it runs with, and where each comes from. Values that may be secret are hidden. Settings that the
    /// program gave to the log itself are the log's own and not among them.
    #[must_use]
    pub fn settings(&self) -> Vec<EffectiveSetting> {
        effective(&self.asked, &self.settings.as_config(&self.asked))
    }

    /// What the program has configured, with the settings that are for others than the runtime.
    #[must_use]
    pub fn config(&self) -> &StreamsConfig {
        &self.asked
    }

    /// How long its loops may take for a turn before it counts as dead (`max.poll.interval.ms`).
    #[must_use]
    pub fn max_poll_interval(&self) -> Duration {
        self.settings.rebalance_timeout
    }

    /// Which records it reads from its inputs, and so what their ends are.
    #[must_use]
    pub fn input_isolation(&self) -> Isolation {
        self.settings.input_isolation()
    }

    /// How much detail metrics have (`metrics.recording.level`).
    #[must_use]
    pub fn recording_level(&self) -> RecordingLevel {
        self.settings.recording_level
    }

    /// The log that it runs on; `None` once the application has ended.
    #[must_use]
    pub fn log(&self) -> Option<Arc<dyn Log>> {
        self.log.upgrade()
    }

    /// What the backend of its state knows about itself, for all stores together; nothing once the application has ended.
    #[must_use]
    pub fn backend_properties(&self) -> Vec<StoreProperty> {
        self.backend.upgrade().map_or_else(Vec::new, |backend| backend.properties())
    }

    /// The clock that it runs by.
    #[must_use]
    pub fn clock(&self) -> SharedClock {
        Arc::clone(&self.clock)
    }

    /// Says what people must know as the application itself would: on standard error, if nobody else listens and it is not
    /// [quiet](super::App::quiet).
    #[doc(hidden)]
    pub fn heard<T>(&self, say: impl FnOnce() -> T) -> T {
        self.voice.heard(say)
    }
}

impl std::fmt::Debug for About {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("About").field("application_id", &self.id).finish_non_exhaustive()
    }
}

/// How long ago an application's loops have turned, and how many have failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Turns {
    /// The time since the control's last turn, which is a fraction of a second while it is alive.
    pub control: Duration,
    /// For each worker, how long the step lasts that it is in; zero between two steps.
    pub workers: Vec<Duration>,
    /// How many workers could not go on because of an error, since the application was started.
    pub failed: u64,
}

impl Handle {
    /// How long ago its loops have turned. Of an application that has ended it means nothing.
    #[must_use]
    pub fn turns(&self) -> Turns {
        let (status, about) = (self.status(), self.about());
        let now = about.clock.monotonic();
        let turned = status.turns.control().unwrap_or(about.started);
        let lasting = |began: Option<Duration>| began.map_or(Duration::ZERO, |began| now.saturating_sub(began));
        Turns {
            control: now.saturating_sub(turned),
            workers: status.turns.workers().into_iter().map(lasting).collect(),
            failed: status.turns.failed(),
        }
    }

    /// What the backend says about the stores of global tables, by their names. Those of tasks are in
    /// [`TaskMetrics::stores`](super::TaskMetrics::stores).
    #[must_use]
    pub fn global_stores(&self) -> BTreeMap<Arc<str>, StoreMetrics> {
        let Some(floor) = self.status().desk.floor() else { return BTreeMap::new() };
        let stores = floor.globals.values();
        // One that cannot be measured has other troubles, which are told elsewhere.
        let size = |store: &GlobalStore| store.size().unwrap_or_default();
        stores.map(|store| (store.name().into(), StoreMetrics::new(size(store), store.properties()))).collect()
    }

    /// How long the steps of each worker took so far, at most about 100 ms old.
    #[must_use]
    pub fn timings(&self) -> Vec<WorkerTimings> {
        self.status().metrics.timings()
    }
}
