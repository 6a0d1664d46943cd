//! The options of processors' stores.

use std::panic::Location;
use std::time::Duration;

use super::StreamsBuilder;
use crate::topology::program::CallId;

/// The options of a processors' store; created by [`StreamsBuilder::store`].
#[derive(Clone, Copy, Debug)]
pub struct ProcessorStoreOptions<'t> {
    pub(super) builder: &'t StreamsBuilder,
    pub(super) step: CallId,
}

impl ProcessorStoreOptions<'_> {
    /// Keeps the store in memory, even if the application keeps its state on disk; see
    /// [`KTable::in_memory`](super::KTable::in_memory).
    pub fn in_memory(self) -> Self {
        self.builder.options(self.step, |options| options.keeping.in_memory = true);
        self
    }

    /// Keeps no changelog: the store's contents are lost with the machine; see
    /// [`KTable::not_logged`](super::KTable::not_logged).
    pub fn not_logged(self) -> Self {
        self.builder.options(self.step, |options| options.keeping.not_logged = true);
        self
    }

    /// Lets changes of its rows wait in the application's cache
    /// ([`App::cache_bytes`](crate::runtime::App::cache_bytes)): a row that changes often is logged once per commit. What
    /// processors read is the same. Tables are cached unless they say otherwise, processors' stores only if they say so.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const TOTALS: KeyValueStore<String, i64> = KeyValueStore::new("totals");
    /// const AMOUNTS: Topic<String, i64> = Topic::new("amounts");
    /// const LARGE: Topic<String, i64> = Topic::new("large-totals");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.store(TOTALS).cached();
    /// builder
    ///     .stream(AMOUNTS)
    ///     .process(TOTALS, |mut totals, account, amount, out| {
    ///         let total = totals.get(account).unwrap_or(0) + amount;
    ///         totals.put(account, total);
    ///         if total > 100 {
    ///             out.send(account.clone(), total);
    ///         }
    ///     })
    ///     .to(LARGE);
    ///
    /// let mut driver = TestDriver::configure(builder.build()?).caching(1 << 20).start();
    /// for amount in [50, 40, 30, 20] {
    ///     driver.pipe(&AMOUNTS, "ada", amount);
    /// }
    /// driver.commit();
    /// assert_eq!(driver.read(&LARGE), [("ada".to_owned(), 120), ("ada".to_owned(), 140)]);
    /// let changelog = Topic::<String, i64>::new("test-totals-changelog");
    /// assert_eq!(driver.read(&changelog), [("ada".to_owned(), 140)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn cached(self) -> Self {
        let site = Location::caller();
        self.builder.options(self.step, |options| options.cached = Some(site));
        self
    }

    /// Deletes a row when it was not put for some time: when the task's stream time is that much after the time of the
    /// record with which it was put, or after its own timestamp if the store is one of `Timestamped` values. The changelog
    /// gets a tombstone. What is too old already is not put, but counted. Only for key-value stores; the others have a
    /// retention. See [`KTable::expire_after`](super::KTable::expire_after).
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const SEEN: KeyValueStore<String, i64> = KeyValueStore::new("seen");
    /// const VISITS: Topic<String, String> = Topic::new("visits");
    /// const RETURNED: Topic<String, i64> = Topic::new("returned");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.store(SEEN).expire_after(Duration::from_secs(60));
    /// builder
    ///     .stream(VISITS)
    ///     .process(SEEN, |mut seen, visitor, _page, out| {
    ///         if let Some(times) = seen.get(visitor) {
    ///             out.send(visitor.clone(), times);
    ///         }
    ///         let times = seen.get(visitor).unwrap_or(0);
    ///         seen.put(visitor, times + 1);
    ///     })
    ///     .to(RETURNED);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for second in [0, 50, 100, 160] {
    ///     driver.pipe_at(&VISITS, "ada", "/home", Timestamp(second * 1_000));
    /// }
    /// // The last visit is a minute after the one before: it is a first one again.
    /// assert_eq!(driver.read(&RETURNED), [("ada".to_owned(), 1), ("ada".to_owned(), 2)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn expire_after(self, ttl: Duration) -> Self {
        let site = Location::caller();
        self.builder.options(self.step, |options| options.expiry = Some((ttl, site)));
        self
    }

    /// A topic setting for the changelog, such as `("segment.bytes", "1048576")`.
    pub fn changelog_config(self, setting: impl Into<String>, value: impl Into<String>) -> Self {
        let config = (setting.into(), value.into());
        self.builder.options(self.step, |options| options.keeping.configs.push(config));
        self
    }
}
