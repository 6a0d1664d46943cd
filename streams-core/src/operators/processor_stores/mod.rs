//! How a program's own code accesses stores: it passes constants and gets borrowed handles.
//!
//! `(SEEN, TOTALS)` names two stores; while a record is processed, the code has a [`StoreRef`] to each. Its methods
//! return no errors. After a first failure they do nothing more, and the record fails when the code returns.
//!
//! Each kind of store is one file here.

use std::any::TypeId;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

use super::{BuildError, Context, DropReason, NodeBuilder, OperatorError, StoreId};
use crate::record::Timestamp;
use crate::state::StoreKind;
use crate::state::rows::RowError;
use crate::windows::WindowSizes;
use crate::wire::Shapes;

mod custom;
mod filled;
mod global;
mod key_value;
mod late;
mod reading;
mod sessions;
mod tables;
mod tuples;
mod versions;
mod windowed_tables;
mod windows;

pub use custom::CustomStoreRef;
pub use filled::FilledStore;
pub use global::GlobalStoreRef;
pub use key_value::StoreRef;
pub use reading::ReadOnlyRef;
pub use sessions::SessionStoreRef;
pub use tables::{ReadOnly, TableRef};
pub use versions::{VersionedStoreRef, VersionedTableRef};
pub use windowed_tables::{SessionTableRef, WindowTableRef};
pub use windows::WindowStoreRef;

/// A store that a processor asks for.
#[derive(Debug, Clone)]
pub struct StoreSpec {
    /// The store's name.
    pub name: String,
    /// The store's Rust types. All processors that use the store must agree on them.
    pub types: TypeId,
    /// The types' names, for error messages.
    pub type_names: String,
    /// What its keys and values look like to people.
    pub shapes: Shapes,
    /// How many windows a key contains.
    pub windows_in_keys: usize,
    /// The sizes of those windows, as far as the constant sets them.
    pub windows: WindowSizes,
    /// Where it comes from.
    pub origin: StoreOrigin,
}

/// Where a store comes from that a processor asks for.
#[derive(Debug, Clone)]
pub enum StoreOrigin {
    /// The first processor that names it: it is created with rows of this kind.
    Processor(Arc<dyn StoreKind>),
    /// A table, whose rows are of such a kind.
    Table(Arc<dyn StoreKind>),
}

/// A store constant that a processor can use.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a store that a processor can use",
    label = "not a store for processors",
    note = "declare one with `const NAME: KeyValueStore<Key, Value> = KeyValueStore::new(\"name\")`, or a \
            `ProcessorWindowStore`, `ProcessorSessionStore`, `VersionedStore` or `CustomStore`; a table's store can be \
            read with `NAME.read_only()`"
)]
pub trait ProcessorStore: Clone + Send + Sync + 'static {
    /// The handle that the code gets.
    type Ref<'a>;
    /// The store in a task.
    #[doc(hidden)]
    type Open: 'static;

    /// Describes the store to the topology.
    fn spec(&self) -> StoreSpec;

    /// Opens the store for a task.
    #[doc(hidden)]
    fn open(builder: &mut NodeBuilder<'_>, store: StoreId) -> Result<Self::Open, BuildError>;

    /// Lends the store while a record is processed.
    #[doc(hidden)]
    fn lend<'a>(open: &'a Self::Open, use_: &'a StoreUse) -> Self::Ref<'a>;
}

/// The stores a processor uses: none (`()`), one constant, or a tuple of up to six.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name stores that a processor can use",
    label = "expected store constants",
    note = "pass `()`, one `KeyValueStore`, `ProcessorWindowStore`, `ProcessorSessionStore`, `VersionedStore` or \
            `CustomStore` constant, or a tuple of up to six of them; a table's store can be read with `NAME.read_only()`"
)]
pub trait StoreTuple: Clone + Send + Sync + 'static {
    /// The handles that the code gets: for a tuple, a tuple of [`StoreRef`]s.
    type Refs<'a>;
    /// The stores in a task.
    #[doc(hidden)]
    type Open: 'static;

    /// Describes the stores to the topology, in order.
    fn specs(&self) -> Vec<StoreSpec>;

    /// Opens the stores for a task; `stores` are those of [`StoreTuple::specs`], in order.
    #[doc(hidden)]
    fn open(builder: &mut NodeBuilder<'_>, stores: &[StoreId]) -> Result<Self::Open, BuildError>;

    /// Lends the stores while a record is processed.
    #[doc(hidden)]
    fn lend<'a>(open: &'a Self::Open, use_: &'a StoreUse) -> Self::Refs<'a>;
}

/// The handles for a processor's stores.
pub type Refs<'a, S> = <S as StoreTuple>::Refs<'a>;

/// One run of a processor's code: the time of its writes, and what has failed. After a failure it does nothing more.
#[doc(hidden)]
pub struct StoreUse {
    timestamp: Timestamp,
    stream_time: Timestamp,
    failed: Cell<bool>,
    failure: RefCell<Option<Failure>>,
    /// How many rows were refused because their time was over.
    expired: Cell<u64>,
}

enum Failure {
    Rows(RowError),
    Sending(OperatorError),
}

impl StoreUse {
    pub(super) const fn new(timestamp: Timestamp, stream_time: Timestamp) -> Self {
        Self { timestamp, stream_time, failed: Cell::new(false), failure: RefCell::new(None), expired: Cell::new(0) }
    }

    pub(super) const fn has_failed(&self) -> bool {
        self.failed.get()
    }

    /// Keeps the failure of something that the code has sent or asked for.
    pub(super) fn fail_with(&self, error: OperatorError) {
        self.fail(Failure::Sending(error));
    }

    /// Reports the first failure, if there was one, and counts what was dropped.
    pub(super) fn finish(self, node: &str, context: &mut Context) -> Result<(), OperatorError> {
        for _ in 0..self.expired.get() {
            context.drop_record(node, DropReason::Expired);
        }
        self.result(node)
    }

    /// Reports the first failure, if there was one.
    pub(super) fn result(self, node: &str) -> Result<(), OperatorError> {
        match self.failure.into_inner() {
            None => Ok(()),
            Some(Failure::Rows(error)) => Err(OperatorError::rows(node, error)),
            Some(Failure::Sending(error)) => Err(error),
        }
    }

    fn fail(&self, failure: Failure) {
        if !self.failed.replace(true) {
            *self.failure.borrow_mut() = Some(failure);
        }
    }

    /// Uses a store, unless something has failed before.
    fn attempt<S, R>(&self, store: &RefCell<S>, action: impl FnOnce(&mut S) -> Result<R, RowError>) -> Option<R> {
        if self.failed.get() {
            return None;
        }
        match action(&mut store.borrow_mut()) {
            Ok(result) => Some(result),
            Err(error) => {
                self.fail(Failure::Rows(error));
                None
            }
        }
    }

    /// Counts a row that was refused.
    fn count_expired(&self, accepted: Option<bool>) {
        if accepted == Some(false) {
            self.expired.set(self.expired.get() + 1);
        }
    }
}
