//! The embedded log: a log inside your program, with no broker.
//!
//! It drives the [model](super::model) behind one lock. All handles of an [`Embedded`] see the same log, so several
//! applications in a process can share one, and rebalance among themselves.

use std::path::Path;
use std::sync::Arc;

use super::model::{Model, Now};
use super::{
    Admin, Consumer, ConsumerOptions, Doorbell, Log, LogError, Member, MemberOptions, Producer, ProducerOptions,
};
use crate::clock::{SharedClock, SystemClock};
use crate::random::{Random, SystemRandom};

mod admin;
mod consumer;
mod delivery;
mod folder;
mod member;
mod producer;
mod shared;
mod storage;
mod store;
mod stored;
mod syncer;
mod typed;

pub(crate) use delivery::Delivery;

use admin::EmbeddedAdmin;
use consumer::EmbeddedConsumer;
use delivery::AtOnce;
use folder::Folder;
use member::EmbeddedMember;
use producer::EmbeddedProducer;
use shared::{Disk, SharedLog};
use storage::Storage;
use syncer::Syncer;

/// A log inside your program. It is cheap to clone, and clones are handles of the same log.
#[derive(Clone)]
pub struct Embedded {
    shared: Arc<SharedLog>,
}

impl Embedded {
    /// A log in memory, which is gone with its last handle.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::with_clock(SystemClock::shared())
    }

    /// A log in memory that uses `clock`.
    #[must_use]
    pub fn with_clock(clock: SharedClock) -> Self {
        Self::simulated(clock, &SystemRandom, Arc::new(AtOnce))
    }

    /// A log in memory with ids from `random`, in which `delivery` decides when things arrive.
    pub(crate) fn simulated(clock: SharedClock, random: &dyn Random, delivery: Arc<dyn Delivery>) -> Self {
        let model = Model::new(random.number());
        let shared = SharedLog::new("an embedded log in memory".to_owned(), clock, delivery, model, None);
        Self { shared: Arc::new(shared) }
    }

    /// A log in a folder, which is created if necessary. What has been written survives the end of the process, however
    /// it ends. What has been flushed ([`Producer::flush`]) or committed, and what was there when the log was opened,
    /// also survives a power cut. [`Embedded::send`] does not flush. Transactions that a dead process left open are
    /// aborted; groups have no members, but keep their positions.
    ///
    /// Several applications in one process share clones of one `Embedded`. No other process can open the folder until the
    /// last clone, and everything created from it, has been dropped. That closes the log, and a log that was closed opens
    /// at once, whatever its size. If the process ends without it (it is killed, or calls `std::process::exit`), the next
    /// one reads back what was written last, at most about 80 MB. That takes seconds in a debug build, unless the crates
    /// that do it are optimised. These lines in your workspace's `Cargo.toml` do that:
    ///
    /// ```toml
    /// [profile.dev.package]
    /// fjall.opt-level = 3
    /// lsm-tree.opt-level = 3
    /// byteview.opt-level = 3
    /// xxhash-rust.opt-level = 3
    /// lz4_flex.opt-level = 3
    /// ```
    ///
    /// By default, records are kept for ever; a topic's `retention.ms` or `retention.bytes`, or compaction, deletes them
    /// earlier. For `retention.ms`, a record's age is measured from the newest record of its partition, or from now if
    /// that is earlier, so that programs can replay old records into the log.
    ///
    /// # Errors
    /// [`LogErrorKind::InUse`](super::LogErrorKind::InUse) when the folder is already open,
    /// [`LogErrorKind::Corrupt`](super::LogErrorKind::Corrupt) when its files are damaged, and
    /// [`LogErrorKind::Invalid`](super::LogErrorKind::Invalid) when a later version wrote them.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LogError> {
        Self::open_with_clock(path, SystemClock::shared())
    }

    /// As [`Embedded::open`], but uses `clock`.
    ///
    /// # Errors
    /// As [`Embedded::open`].
    pub fn open_with_clock(path: impl AsRef<Path>, clock: SharedClock) -> Result<Self, LogError> {
        let folder = Folder::lock(path.as_ref())?;
        let place = format!("an embedded log in {}", folder.path.display());
        let storage = Arc::new(Storage::open(folder)?);
        let now = Now { wall: clock.now(), monotonic: clock.monotonic() };
        let mut model = storage.restore(now, SystemRandom.number())?;
        model.set_session(SystemRandom.number());
        model.abort_orphans(now);
        let disk = Disk { syncer: Syncer::start(Arc::clone(&storage))?, storage: Arc::clone(&storage) };
        let shared = SharedLog::new(place, clock, Arc::new(AtOnce), model, Some(disk));
        // Writes down that transactions without a producer are aborted.
        shared.run(|_, _| ())?;
        // A process that was killed may have left records that are not synced. Somebody who reads them now may record a
        // position after them, and must find them again after a power cut.
        storage.sync()?;
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Creates a topic with Kafka's default settings.
    ///
    /// ```
    /// let log = millstream::log::Embedded::in_memory();
    /// log.create_topic("clicks", 4)?;
    /// let error = log.create_topic("clicks", 4).unwrap_err();
    /// assert_eq!(error.to_string(), "topic `clicks` already exists");
    /// # Ok::<_, millstream::log::LogError>(())
    /// ```
    ///
    /// # Errors
    /// When the topic already exists or its name is not valid.
    pub fn create_topic(&self, name: &str, partitions: u32) -> Result<(), LogError> {
        self.shared.ask(|model, now| model.create_topic(now, name, partitions, &[])).map(drop)
    }

    /// Gives a topic more partitions; `total` is how many it has then. Records that are there stay where they are, so from
    /// now on a key's records may go to another partition than before.
    ///
    /// ```
    /// let log = millstream::log::Embedded::in_memory();
    /// log.create_topic("clicks", 2)?;
    /// log.add_partitions("clicks", 4)?;
    /// let error = log.add_partitions("clicks", 3).unwrap_err();
    /// assert!(error.to_string().contains("it has 4 partitions and can only get more, up to 10000, not 3"), "{error}");
    /// # Ok::<_, millstream::log::LogError>(())
    /// ```
    ///
    /// # Errors
    /// When there is no such topic, or it has as many partitions already.
    pub fn add_partitions(&self, name: &str, total: u32) -> Result<(), LogError> {
        self.shared.ask(|model, now| model.add_partitions(now, name, total))
    }

    fn new_consumer(&self, options: &ConsumerOptions, doorbell: Doorbell) -> Result<EmbeddedConsumer, LogError> {
        EmbeddedConsumer::new(Arc::clone(&self.shared), options, doorbell)
    }
}

impl Log for Embedded {
    fn describe(&self) -> String {
        self.shared.place.clone()
    }

    fn consumer(&self, options: ConsumerOptions, doorbell: Doorbell) -> Result<Box<dyn Consumer>, LogError> {
        Ok(Box::new(self.new_consumer(&options, doorbell)?))
    }

    fn producer(&self, options: ProducerOptions, doorbell: Doorbell) -> Result<Box<dyn Producer>, LogError> {
        Ok(Box::new(EmbeddedProducer::new(Arc::clone(&self.shared), options, doorbell)))
    }

    fn member(&self, options: MemberOptions, doorbell: Doorbell) -> Result<Box<dyn Member>, LogError> {
        Ok(Box::new(EmbeddedMember::new(Arc::clone(&self.shared), options, doorbell)))
    }

    fn admin(&self, doorbell: Doorbell) -> Result<Arc<dyn Admin>, LogError> {
        Ok(Arc::new(EmbeddedAdmin { shared: Arc::clone(&self.shared), doorbell }))
    }

    fn creates_output_topics(&self) -> bool {
        true
    }

    /// Looking costs next to nothing.
    fn topic_interval(&self) -> std::time::Duration {
        std::time::Duration::from_secs(1)
    }

    fn is_exactly_once_by_default(&self) -> bool {
        true
    }

    fn commits_at_once(&self) -> bool {
        self.shared.delivery.is_immediate()
    }

    fn clock(&self) -> SharedClock {
        Arc::clone(&self.shared.clock)
    }
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Embedded({})", self.shared.place)
    }
}
