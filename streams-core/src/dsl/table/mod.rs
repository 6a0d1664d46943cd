//! Tables of rows: one operation per file.

use std::panic::Location;
use std::time::Duration;

use super::attached::Attached;
use super::{StreamsBuilder, handle};
use crate::operators::{
    StoreId, TableViewRecipe, session_aggregate, sliding_aggregate, stored_table, window_aggregate,
};
use crate::state::StoreFor;
use crate::topology::program::{Call, CallId, StoreOption};
use crate::windows::{Session, Windowed};
use crate::wire::{Key, Value, refuse_windows};

mod filter;
mod group;
mod join;
mod join_on;
mod live;
mod lookup;
mod map_values;
mod partitioned;
mod suppress;
mod to_stream;
mod transform_values;
mod with_grace;

pub use group::GroupedRow;
pub use join::OtherTable;
pub use join_on::ForeignKey;
use lookup::Lookup;
pub(super) use lookup::ViewOfStore;
pub use partitioned::{ForeignTable, PartitionedTable};
pub use with_grace::TableWithGrace;

/// A table: the latest row `V` of each key `K`.
///
/// A table is a `Copy` handle, followed by options. For instance, [`KTable::stored_as`] names its store, which a test
/// can then read, and whose changelog is `<application>-<store>-changelog`. A table is not kept at all if nothing needs
/// its rows.
pub struct KTable<'t, K, V> {
    pub(super) builder: &'t StreamsBuilder,
    pub(super) step: CallId,
    lookup: Attached<Lookup<K, V>>,
}

handle::copy!(KTable);
handle::debug!(KTable);

impl<'t, K, V> KTable<'t, K, V> {
    /// Names the node that this table comes from, instead of a generated name such as `KTABLE-FILTER-0000000003`. The
    /// store is named separately, with [`KTable::stored_as`].
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.builder.name(self.step, name.into(), Location::caller());
        self
    }

    /// Keeps the table in the store with this name, so that its changelog keeps its name when the program changes, it can be
    /// asked while the application runs (`Handle::query`), and tests can read it with
    /// [`TestDriver::get`](crate::testing::TestDriver::get).
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const VIEWS: Topic<String, String> = Topic::new("views");
    /// const PER_USER: KeyValueStore<String, i64> = KeyValueStore::new("views-per-user");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(VIEWS).group_by_key().count().stored_as(PER_USER);
    /// assert!(builder.build()?.describe().contains("(stores: [views-per-user])"));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias("Materialized", "materialized_as"))]
    #[track_caller]
    pub fn stored_as(self, store: impl StoreFor<K, V>) -> Self {
        self.builder.stored_as(self.step, StoreOption::of(&store, Location::caller()));
        self
    }

    /// Writes and forwards every update at once. By default, updates of the same key between two commits may be combined.
    /// A table that is not kept holds nothing back anyway.
    #[doc(alias = "with_caching_disabled")]
    pub fn not_cached(self) -> Self {
        self.builder.options(self.step, |options| options.not_cached = true);
        self
    }

    /// Deletes a row when it was not updated for some time: when stream time is that much after the row's timestamp. A
    /// deletion is forwarded, and a tombstone goes to the changelog, both with the time when the row has expired. Kafka
    /// Streams has nothing like it.
    ///
    /// Stream time is the largest timestamp that the task has seen, of any key in any of its topics; if no records come,
    /// nothing expires. Rows expire before the record is processed that has advanced stream time, the oldest first, so
    /// joins and aggregations find none that is too old, and an aggregation of a row that has expired starts anew. A record
    /// that would make a row that has expired already is dropped and counted.
    ///
    /// Only for tables of a topic or a stream, and for aggregations of streams without windows. (Windows have a retention.)
    /// Such a table is kept in a store and has no cache, so what it forwards does not depend on when commits are. Where its
    /// records come from another table's cache, they come late; use [`KTable::not_cached`] there.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const LOGINS: Topic<String, String> = Topic::new("logins");
    /// const OPEN: Topic<String, Option<i64>> = Topic::new("logins-of-those-online");
    ///
    /// let builder = StreamsBuilder::new();
    /// let logins = builder.stream(LOGINS).group_by_key().count();
    /// logins.expire_after(Duration::from_secs(60)).to_stream().to(OPEN);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for (second, user) in [(0, "ada"), (30, "ada"), (45, "bob"), (90, "bob"), (95, "ada")] {
    ///     driver.pipe_at(&LOGINS, user, "ok", Timestamp(second * 1_000));
    /// }
    /// let counts: Vec<_> = driver.read_records(&OPEN).into_iter().map(|r| (r.key, r.value, r.timestamp.0 / 1_000)).collect();
    /// let expected = [
    ///     ("ada", Some(1), 0),
    ///     ("ada", Some(2), 30),
    ///     ("bob", Some(1), 45),
    ///     ("ada", None, 90),
    ///     ("bob", Some(2), 90),
    ///     ("ada", Some(1), 95),
    /// ];
    /// assert_eq!(counts, expected.map(|(user, count, second)| (user.to_owned(), count, second)));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias = "ttl")]
    #[track_caller]
    pub fn expire_after(self, ttl: Duration) -> Self {
        let site = Location::caller();
        self.builder.options(self.step, |options| options.expiry = Some((ttl, site)));
        self
    }

    /// Keeps the rows in memory, even if the application keeps its state on disk
    /// ([`App::state_in`](crate::runtime::App::state_in)). They are faster to read and change, and are restored from the
    /// changelog in full at each start. Without a changelog they begin empty. A later version of the program may keep them
    /// elsewhere; they are then restored once.
    ///
    /// Only for tables that are kept; otherwise it is an error of `build()`.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::{KeptState, TestDriver};
    ///
    /// const VIEWS: Topic<String, String> = Topic::new("views");
    /// const PER_USER: KeyValueStore<String, i64> = KeyValueStore::new("per-user");
    /// const PER_PAGE: KeyValueStore<String, i64> = KeyValueStore::new("per-page");
    ///
    /// let builder = StreamsBuilder::new();
    /// let views = builder.stream(VIEWS);
    /// views.group_by_key().count().stored_as(PER_USER);
    /// views.group_by(|_, page| page.clone()).count().stored_as(PER_PAGE).in_memory();
    ///
    /// // A stand-in for a folder on disk.
    /// let mut driver = TestDriver::configure(builder.build()?).state_in(KeptState::default()).start();
    /// driver.pipe(&VIEWS, "ada", "/cart");
    /// driver.pipe(&VIEWS, "bob", "/cart");
    /// driver.restart();
    /// assert_eq!((driver.get(&PER_USER, "ada"), driver.get(&PER_PAGE, "/cart")), (Some(1), Some(2)));
    /// let restored: u64 = driver.tasks().values().map(|task| task.restored).sum();
    /// assert_eq!(restored, 2, "both changes of a page's count; those per user were still there");
    /// # Ok::<(), TopologyError>(())
    /// ```
    pub fn in_memory(self) -> Self {
        self.builder.options(self.step, |options| options.keeping.in_memory = true);
        self
    }

    /// Keeps no changelog: the rows are lost with the machine, and an instance that takes over a task starts with what is
    /// on its own disk, perhaps nothing. Under exactly-once, the rows are also lost if the process ends between the
    /// commit of a transaction and the writing of its state; a warning then names the store.
    ///
    /// Only for tables that are kept; otherwise it is an error of `build()`.
    #[doc(alias = "with_logging_disabled")]
    pub fn not_logged(self) -> Self {
        self.builder.options(self.step, |options| options.keeping.not_logged = true);
        self
    }

    /// A topic setting for the changelog, such as `("segment.bytes", "1048576")`. Only for tables that are kept and
    /// logged. A name that looks like a typo is an error of `build()`; the broker checks other unknown names.
    #[doc(alias = "with_logging_enabled")]
    pub fn changelog_config(self, setting: impl Into<String>, value: impl Into<String>) -> Self {
        let config = (setting.into(), value.into());
        self.builder.options(self.step, |options| options.keeping.configs.push(config));
        self
    }
}

impl<'t, K: 'static, V: 'static> KTable<'t, K, V> {
    /// The table of a call, which gets a store as soon as its rows are needed.
    pub(super) fn stored(builder: &'t StreamsBuilder, step: CallId, view: ViewOfStore<K, V>) -> Self {
        Self { builder, step, lookup: builder.attach(Lookup::stored(step, view)) }
    }

    /// A table whose rows are computed from this one's, unless it is given a store.
    #[track_caller]
    fn computed<V2: Value>(
        self,
        call: Call,
        compute: impl Fn(TableViewRecipe<K, V>) -> TableViewRecipe<K, V2> + 'static,
    ) -> KTable<'t, K, V2>
    where
        K: Key,
    {
        let Self { builder, .. } = self;
        let step = builder.add(call);
        let lookup = Lookup::computed(step, view_of_rows, self.lookup(), compute);
        KTable { builder, step, lookup: builder.attach(lookup) }
    }

    /// The way for another operator to look up this table's rows.
    pub(super) fn lookup(self) -> Option<Lookup<K, V>> {
        self.builder.shared(self.lookup)
    }
}

impl<K, W, V> KTable<'_, Windowed<K, W>, V> {
    /// How long a window's row is kept, in stream time: at least the window's size and grace from the window's start, or the
    /// gap and grace from a session's end, which is also the default. Only directly after a windowed aggregation.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use std::time::Duration;
    ///
    /// const VIEWS: Topic<String, String> = Topic::new("views");
    ///
    /// let builder = StreamsBuilder::new();
    /// let minutes = Tumbling::of(Duration::from_secs(60)).no_grace();
    /// builder.stream(VIEWS).group_by_key().windowed_by(minutes).count().retention(Duration::from_secs(86_400));
    /// builder.build()?;
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias = "with_retention")]
    pub fn retention(self, retention: Duration) -> Self {
        self.builder.options(self.step, |options| options.retention = Some(retention));
        self
    }
}

/// Looks up the rows of a table in its key-value store.
pub(super) fn view_of_rows<K: Key, V: Value>(store: StoreId) -> TableViewRecipe<K, V> {
    const { refuse_windows::<V>() };
    stored_table::view(store)
}

/// Looks up the rows of a table in its window store.
pub(super) fn view_of_windows<K: Key, V: Value>(store: StoreId) -> TableViewRecipe<Windowed<K>, V> {
    const { refuse_windows::<V>() };
    window_aggregate::view(store)
}

/// Looks up the rows of a table in its store of sliding windows.
pub(super) fn view_of_sliding_windows<K: Key, V: Value>(store: StoreId) -> TableViewRecipe<Windowed<K>, V> {
    const { refuse_windows::<V>() };
    sliding_aggregate::view(store)
}

/// Looks up the rows of a table in its session store.
pub(super) fn view_of_sessions<K: Key, V: Value>(store: StoreId) -> TableViewRecipe<Windowed<K, Session>, V> {
    const { refuse_windows::<V>() };
    session_aggregate::view(store)
}
