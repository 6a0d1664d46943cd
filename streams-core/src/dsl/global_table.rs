//! Tables of which every instance has a full copy.

use std::marker::PhantomData;
use std::panic::Location;

use super::{StreamsBuilder, handle};
use crate::state::StoreFor;
use crate::topology::program::{CallId, StoreOption};

/// A table of which every instance has a full copy, so that streams can be joined with it by any key, whatever their
/// partitions; created by [`StreamsBuilder::global_table`].
///
/// It is read to its end before records are processed, and independently of them from then on: there is no order in
/// time between a stream's records and a global table's changes.
pub struct GlobalKTable<'t, K, V> {
    pub(super) builder: &'t StreamsBuilder,
    pub(super) step: CallId,
    types: PhantomData<fn() -> (K, V)>,
}

handle::step!(GlobalKTable);

impl<'t, K, V> GlobalKTable<'t, K, V> {
    /// Names the table's nodes.
    #[must_use = "a global table does nothing until it is joined, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.builder.name(self.step, name.into(), Location::caller());
        self
    }

    /// Names the table's store, so that it can be asked while the application runs (`Handle::query`), and tests can read it with
    /// [`TestDriver::get`](crate::testing::TestDriver::get).
    #[track_caller]
    pub fn stored_as(self, store: impl StoreFor<K, V>) -> Self {
        self.builder.stored_as(self.step, StoreOption::of(&store, Location::caller()));
        self
    }

    /// Keeps the copies in memory, even if the application keeps its state on disk: the topic is read in full at each start.
    pub fn in_memory(self) -> Self {
        self.builder.options(self.step, |options| options.keeping.in_memory = true);
        self
    }
}
