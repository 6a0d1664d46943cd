//! How much memory a process may use, and how that is divided.
//!
//! Every part has a limit of its own that somebody else keeps: the caches, what waits for a commit, the input buffers, the
//! log's clients, the state's backend. This module only decides how large they are, and says it. Without a budget they
//! have their defaults. With one, sizes that the user has set stay, and the others share what is left: if that is less than
//! their defaults, all shrink alike; if it is more, the rest goes to where rows are found again, caches and stores, since
//! more records on their way would make nothing faster.
//!
//! It does not know what is kept by the user's code, by stores in memory, or by an embedded log.

use std::fmt;

use super::{AppError, Settings};
use crate::config::show_size;
use crate::log::Log;
use crate::state::StateBackend;

/// The smallest part of its default to which a size may shrink. A thirty-second of the smallest one is 1 MiB.
const SHRINK_MAX: usize = 32;

const MIB: usize = 1 << 20;

/// What handlers' records may take, where there is no budget.
const IN_FLIGHT_BYTES: usize = 64 * MIB;

/// Each worker reads input and restores.
const CONSUMERS_OF_A_WORKER: usize = 2;

/// A batch of changes is a copy of what waits for a commit.
const COPIES_OF_UNCOMMITTED: usize = 2;

/// The sizes of all parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemoryPlan {
    /// How much each consumer fetches ahead; `None` leaves it to the log.
    pub(crate) prefetch_bytes: Option<usize>,
    /// How much each producer holds; `None` leaves it to the log.
    pub(crate) queue_bytes: Option<usize>,
    /// How much the records of handlers may take together, of those that have no limit of their own.
    pub(crate) in_flight_bytes: usize,
    state_bytes: Option<usize>,
    parts: [Part; 7],
}

/// What there is of some parts depends on the topology.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Holders {
    pub(super) has_global_tables: bool,
    /// Whether there are handlers without a limit of their own.
    pub(super) has_handlers: bool,
}

/// What several holders of one kind may hold together.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    what: &'static str,
    /// The limit of each holder.
    each: usize,
    holders: usize,
    is_set: bool,
    grows: bool,
}

impl Part {
    const fn bytes(&self) -> usize {
        self.each.saturating_mul(self.holders)
    }
}

impl MemoryPlan {
    /// Divides `memory.max.bytes`, if it is set. Changes the sizes in the settings, which are those of the whole process.
    pub(super) fn divide(
        settings: &mut Settings,
        log: &dyn Log,
        backend: &dyn StateBackend,
        holders: Holders,
    ) -> Result<Self, AppError> {
        let defaults = Settings::default();
        let clients = log.client_memory();
        let state = backend.memory().unwrap_or_default();
        let workers = settings.workers.max(1);
        let part = |what, each, holders, is_set, grows| Part { what, each, holders, is_set, grows };
        let own = |what, size: usize, default: usize, holders, grows| part(what, size, holders, size != default, grows);
        let mut parts = [
            part(backend.name(), state.bytes, 1, state.is_set || state.bytes == 0, true),
            own("caches", settings.cache_bytes, defaults.cache_bytes, 1, true),
            own(
                "what waits for a commit",
                settings.uncommitted_bytes,
                defaults.uncommitted_bytes,
                COPIES_OF_UNCOMMITTED,
                false,
            ),
            own("input buffers", settings.input_buffer_bytes, defaults.input_buffer_bytes, 1, false),
            part("handlers' records", IN_FLIGHT_BYTES, usize::from(holders.has_handlers), false, false),
            part(
                "fetched ahead",
                clients.prefetch_bytes,
                CONSUMERS_OF_A_WORKER * workers + usize::from(holders.has_global_tables),
                clients.prefetch_is_set,
                false,
            ),
            part("to be sent", clients.queue_bytes, workers, clients.queue_is_set, false),
        ];
        if let Some(budget) = settings.memory_bytes {
            fit(&mut parts, budget)?;
        }
        let [of_state, caches, uncommitted, buffers, in_flight, prefetch, queue] = &parts;
        settings.cache_bytes = caches.each;
        settings.uncommitted_bytes = uncommitted.each;
        settings.input_buffer_bytes = buffers.each;
        let decided = |part: &Part| (settings.memory_bytes.is_some() && !part.is_set).then_some(part.each);
        Ok(Self {
            prefetch_bytes: decided(prefetch).filter(|bytes| *bytes > 0),
            queue_bytes: decided(queue).filter(|bytes| *bytes > 0),
            in_flight_bytes: in_flight.each,
            state_bytes: decided(of_state),
            parts,
        })
    }

    /// Limits what the state's backend keeps in memory.
    pub(super) fn limit(&self, backend: &dyn StateBackend) {
        if let Some(bytes) = self.state_bytes {
            backend.limit_memory(bytes);
        }
    }

    /// All parts together.
    pub(crate) fn bytes(&self) -> usize {
        sum(&self.parts)
    }

    /// Whether what is kept here says anything about the memory of the process: neither the log nor the state are in it.
    pub(crate) fn is_limited(&self) -> bool {
        let [state, .., prefetch, _] = &self.parts;
        state.each > 0 && prefetch.each > 0
    }
}

fn sum<'a>(parts: impl IntoIterator<Item = &'a Part>) -> usize {
    parts.into_iter().map(Part::bytes).sum()
}

/// Changes the sizes that were not set, so that all fit into the budget.
fn fit(parts: &mut [Part], budget: usize) -> Result<(), AppError> {
    let refused = |reason| AppError::Setting { setting: "memory.max.bytes".to_owned(), reason };
    let set = sum(parts.iter().filter(|part| part.is_set));
    let defaults = sum(parts.iter().filter(|part| !part.is_set));
    let least = set + defaults.div_ceil(SHRINK_MAX);
    if budget < least {
        let least = rounded(least.next_multiple_of(MIB));
        let why = if set == 0 {
            String::new()
        } else {
            format!(", of which {} are for sizes that were set themselves", rounded(set))
        };
        return Err(refused(format!("this application needs at least {least}{why}")));
    }
    let left = budget - set;
    if left < defaults {
        for part in parts.iter_mut().filter(|part| !part.is_set) {
            part.each = scaled(part.each, left, defaults);
        }
        return Ok(());
    }
    let surplus = left - defaults;
    let growing = parts.iter().filter(|part| part.grows && !part.is_set).count();
    for part in parts.iter_mut().filter(|part| part.grows && !part.is_set) {
        part.each += surplus / growing.max(1);
    }
    Ok(())
}

/// `size * left / all` without overflow.
fn scaled(size: usize, left: usize, all: usize) -> usize {
    let scaled = size as u128 * left as u128 / (all.max(1)) as u128;
    usize::try_from(scaled).unwrap_or(size)
}

/// For people: `586MiB: rocksdb 256MiB, caches 10MiB, ..`.
impl fmt::Display for MemoryPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&rounded(self.bytes()))?;
        for (part, mark) in
            self.parts.iter().filter(|part| part.bytes() > 0).zip(std::iter::once(": ").chain(std::iter::repeat(", ")))
        {
            write!(f, "{mark}{} {}", part.what, rounded(part.bytes()))?;
        }
        Ok(())
    }
}

/// A size that people read, to the nearest MiB.
fn rounded(bytes: usize) -> String {
    if bytes < MIB { show_size(bytes) } else { format!("{} MiB", (bytes + MIB / 2) / MIB) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::log::{Admin, ClientMemory, Consumer, ConsumerOptions, Doorbell, Embedded, LogError, Member};
    use crate::log::{MemberOptions, Producer, ProducerOptions};
    use crate::state::{StateMemory, Store, StoreError};
    use std::sync::Arc;

    /// Clients that hold as much as Kafka's.
    struct Clients(ClientMemory);

    const KAFKA: ClientMemory =
        ClientMemory { prefetch_bytes: 32 * MIB, prefetch_is_set: false, queue_bytes: 64 * MIB, queue_is_set: false };

    type Created<T> = Result<T, LogError>;

    impl Log for Clients {
        fn describe(&self) -> String {
            String::new()
        }

        fn consumer(&self, options: ConsumerOptions, doorbell: Doorbell) -> Created<Box<dyn Consumer>> {
            Embedded::in_memory().consumer(options, doorbell)
        }

        fn producer(&self, options: ProducerOptions, doorbell: Doorbell) -> Created<Box<dyn Producer>> {
            Embedded::in_memory().producer(options, doorbell)
        }

        fn member(&self, options: MemberOptions, doorbell: Doorbell) -> Created<Box<dyn Member>> {
            Embedded::in_memory().member(options, doorbell)
        }

        fn admin(&self, doorbell: Doorbell) -> Created<Arc<dyn Admin>> {
            Embedded::in_memory().admin(doorbell)
        }

        fn client_memory(&self) -> ClientMemory {
            self.0
        }
    }

    /// A database that holds as much as RocksDB's.
    struct Database {
        bytes: AtomicUsize,
        is_set: bool,
    }

    impl StateBackend for Database {
        fn name(&self) -> &'static str {
            "rocksdb"
        }

        fn is_persistent(&self) -> bool {
            true
        }

        fn memory(&self) -> Option<StateMemory> {
            Some(StateMemory { bytes: self.bytes.load(Ordering::Relaxed), is_set: self.is_set })
        }

        fn limit_memory(&self, bytes: usize) {
            self.bytes.store(bytes, Ordering::Relaxed);
        }

        fn open(&self, folder: &Path, stores: &[String]) -> Result<Box<dyn Store>, StoreError> {
            crate::state::Memory.open(folder, stores)
        }
    }

    fn rocksdb(is_set: bool) -> Database {
        Database { bytes: AtomicUsize::new(256 * MIB), is_set }
    }

    fn divided(settings: Settings, clients: ClientMemory, is_set: bool) -> Result<(String, Settings, usize), AppError> {
        let (mut settings, database) = (settings, rocksdb(is_set));
        let plan = MemoryPlan::divide(&mut settings, &Clients(clients), &database, Holders::default())?;
        plan.limit(&database);
        assert!(plan.is_limited());
        let state = database.bytes.load(Ordering::Relaxed);
        Ok((format!("{plan}"), settings, state))
    }

    #[test]
    fn without_a_budget_everything_has_its_default() {
        let (shown, settings, state) = divided(Settings::default(), KAFKA, false).expect("no budget");
        assert_eq!(
            shown,
            "586 MiB: rocksdb 256 MiB, caches 10 MiB, what waits for a commit 128 MiB, input buffers 64 MiB, \
             fetched ahead 64 MiB, to be sent 64 MiB"
        );
        let sizes = (settings.cache_bytes, settings.uncommitted_bytes, settings.input_buffer_bytes, state);
        assert_eq!(sizes, (10 * MIB, 64 * MIB, 64 * MIB, 256 * MIB));
    }

    #[test]
    fn with_less_all_shrink_alike_but_for_what_was_set() {
        // 256 and 20 are set; 40 are left for 320, an eighth.
        let settings = Settings { memory_bytes: Some(316 * MIB), cache_bytes: 20 * MIB, ..Settings::default() };
        let (shown, settings, state) = divided(settings, KAFKA, true).expect("it is enough");
        assert_eq!(
            shown,
            "316 MiB: rocksdb 256 MiB, caches 20 MiB, what waits for a commit 16 MiB, input buffers 8 MiB, \
             fetched ahead 8 MiB, to be sent 8 MiB"
        );
        let sizes = (settings.cache_bytes, settings.uncommitted_bytes, settings.input_buffer_bytes, state);
        assert_eq!(sizes, (20 * MIB, 8 * MIB, 8 * MIB, 256 * MIB));
    }

    #[test]
    fn with_more_caches_and_stores_grow() {
        let settings = Settings { memory_bytes: Some(1_586 * MIB), ..Settings::default() };
        let (_, settings, state) = divided(settings, KAFKA, false).expect("it is enough");
        let sizes = (settings.cache_bytes, settings.uncommitted_bytes, settings.input_buffer_bytes, state);
        assert_eq!(sizes, (510 * MIB, 64 * MIB, 64 * MIB, 756 * MIB));
    }

    #[test]
    fn each_worker_has_its_own_clients() {
        let settings = Settings { memory_bytes: Some(357 * MIB), workers: 2, ..Settings::default() };
        let (mut settings, database) = (settings, rocksdb(false));
        // 458 for the parts of the process, 2 * 128 for the workers' clients; half of all that is the budget.
        let plan =
            MemoryPlan::divide(&mut settings, &Clients(KAFKA), &database, Holders::default()).expect("it is enough");
        assert_eq!((plan.prefetch_bytes, plan.queue_bytes), (Some(16 * MIB), Some(32 * MIB)));
        // A global table is read by one more.
        let with_global = Holders { has_global_tables: true, ..Holders::default() };
        let mut settings = Settings { memory_bytes: Some(1_000 * MIB), workers: 2, ..Settings::default() };
        let plan = MemoryPlan::divide(&mut settings, &Clients(KAFKA), &database, with_global).expect("it is enough");
        assert!(plan.to_string().contains("fetched ahead 160 MiB"), "{plan}");
    }

    #[test]
    fn handlers_have_their_part_and_shrink_with_all_others() {
        // 586 without handlers, and 64 for them.
        for (budget, expected) in [(None, 64 * MIB), (Some(325 * MIB), 32 * MIB), (Some(10_000 * MIB), 64 * MIB)] {
            let mut settings = Settings { memory_bytes: budget, ..Settings::default() };
            let holders = Holders { has_handlers: true, ..Holders::default() };
            let plan =
                MemoryPlan::divide(&mut settings, &Clients(KAFKA), &rocksdb(false), holders).expect("it is enough");
            assert_eq!(plan.in_flight_bytes, expected);
            let shown = format!("handlers' records {} MiB", expected / MIB);
            assert!(plan.to_string().contains(&shown), "{plan}");
        }
    }

    #[test]
    fn too_little_is_refused_with_what_is_needed() {
        for (is_set, clients, expected) in [
            (false, KAFKA, "this application needs at least 19 MiB"),
            (
                true,
                ClientMemory { queue_is_set: true, ..KAFKA },
                "this application needs at least 329 MiB, of which 320 MiB are for sizes that were set themselves",
            ),
        ] {
            let settings = Settings { memory_bytes: Some(18 * MIB), ..Settings::default() };
            let error = divided(settings, clients, is_set).expect_err("it is too little").to_string();
            assert!(error.contains("memory.max.bytes") && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn what_is_in_memory_as_a_whole_is_not_limited() {
        let log = Embedded::in_memory();
        let mut settings = Settings::default();
        let plan =
            MemoryPlan::divide(&mut settings, &log, &crate::state::Memory, Holders::default()).expect("no budget");
        assert!(!plan.is_limited(), "{plan}");
    }
}
