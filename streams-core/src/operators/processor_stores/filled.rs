//! Stores that the program's own code fills from a topic, outside of tasks.
//!
//! Values by key are collected as rows of a table. All others are written through the views that tasks have of such stores,
//! whose uncommitted writes become the batch that the store's owner writes.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::global::{Changed, GlobalRows};
use super::{
    GlobalStoreRef, ProcessorStore, SessionStoreRef, StoreOrigin, StoreUse, VersionedStoreRef, WindowStoreRef,
};
use crate::operators::{BuildError, NodeBuilder, StoreId};
use crate::state::kinds::Table;
use crate::state::processor_sessions::SessionsOf;
use crate::state::processor_windows::WindowsOf;
use crate::state::versioned_rows::VersionedRows;
use crate::state::{KeyValueStore, ProcessorSessionStore, ProcessorWindowStore, StoreKind, StoreValue, VersionedStore};
use crate::wire::{Key, Shape, Shapes, Value, refuse_windows};

/// A store constant that [`StreamsBuilder::global_store`](crate::dsl::StreamsBuilder::global_store) can fill.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a store that every instance can have",
    label = "not a store that code can fill from a topic",
    note = "declare one with `const NAME: KeyValueStore<Key, Value> = KeyValueStore::new(\"name\")`, or a \
            `ProcessorWindowStore`, `ProcessorSessionStore` or `VersionedStore`"
)]
pub trait FilledStore: Clone + Send + Sync + 'static {
    /// The handle that the code gets.
    type Filled<'a>;
    /// The open store.
    #[doc(hidden)]
    type OpenFilled: 'static;

    /// The store's name and what its rows are.
    #[doc(hidden)]
    fn filled(&self) -> (String, Arc<dyn StoreKind>);

    /// What its keys and values look like to people.
    #[doc(hidden)]
    fn shapes() -> Shapes;

    /// Opens the store for a batch of records.
    #[doc(hidden)]
    fn open_filled(builder: &mut NodeBuilder<'_>, store: StoreId) -> Result<Self::OpenFilled, BuildError>;

    /// Lends the store while a record is processed.
    #[doc(hidden)]
    fn lend_filled<'a>(open: &'a Self::OpenFilled, use_: &'a StoreUse) -> Self::Filled<'a>;

    /// The rows that were written since the last call, if they are not among uncommitted writes.
    #[doc(hidden)]
    fn take_written(_open: &Self::OpenFilled) -> Vec<(Vec<u8>, Changed)> {
        Vec::new()
    }
}

impl<K: Key, V: Value> FilledStore for KeyValueStore<K, V> {
    type Filled<'a> = GlobalStoreRef<'a, K, V>;
    type OpenFilled = RefCell<GlobalRows>;

    fn filled(&self) -> (String, Arc<dyn StoreKind>) {
        const {
            refuse_windows::<V>();
            assert!(K::WINDOWS == 0, "the keys of a global store cannot contain windows");
        }
        (self.name().to_owned(), Arc::new(Table))
    }

    fn shapes() -> Shapes {
        Shapes::of::<K, V>()
    }

    fn open_filled(builder: &mut NodeBuilder<'_>, store: StoreId) -> Result<Self::OpenFilled, BuildError> {
        Ok(RefCell::new(GlobalRows::new(builder.global_store(store)?)))
    }

    fn lend_filled<'a>(open: &'a Self::OpenFilled, use_: &'a StoreUse) -> GlobalStoreRef<'a, K, V> {
        GlobalStoreRef::new(open, use_)
    }

    fn take_written(open: &Self::OpenFilled) -> Vec<(Vec<u8>, Changed)> {
        open.borrow_mut().take_written()
    }
}

/// The stores that are filled as a task's are.
macro_rules! as_in_tasks {
    ($($store:ident<$key:ident: $keys:path, $value:ident: $values:path>, $handle:ident, $open:ident;)*) => {$(
        impl<$key: $keys, $value: $values> FilledStore for $store<$key, $value> {
            type Filled<'a> = $handle<'a, $key, $value>;
            type OpenFilled = Rc<RefCell<$open<$key, $value>>>;

            fn filled(&self) -> (String, Arc<dyn StoreKind>) {
                let spec = self.spec();
                let (StoreOrigin::Processor(kind) | StoreOrigin::Table(kind)) = spec.origin;
                (spec.name, kind)
            }

            fn shapes() -> Shapes {
                Shapes { key: Shape::of::<$key>(), value: <$value as StoreValue>::shape() }
            }

            fn open_filled(builder: &mut NodeBuilder<'_>, store: StoreId) -> Result<Self::OpenFilled, BuildError> {
                <Self as ProcessorStore>::open(builder, store)
            }

            fn lend_filled<'a>(open: &'a Self::OpenFilled, use_: &'a StoreUse) -> Self::Filled<'a> {
                <Self as ProcessorStore>::lend(open, use_)
            }
        }
    )*};
}

as_in_tasks! {
    ProcessorWindowStore<K: Value, V: StoreValue>, WindowStoreRef, WindowsOf;
    ProcessorSessionStore<K: Value, V: Value>, SessionStoreRef, SessionsOf;
    VersionedStore<K: Value, V: Value>, VersionedStoreRef, VersionedRows;
}
