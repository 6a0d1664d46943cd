//! A task's state.
//!
//! [`Store`] is the port: an ordered map of bytes with atomic batches, one per task, holding several named stores.
//! Key-value, window and session stores are key encodings on top of it, so caching, change logging and reading
//! uncommitted writes are each implemented once.
//!
//! This module deals in keys and bytes. It knows nothing about the lifecycle of tasks, positions in topics, or its
//! callers.

mod access;
mod batch;
mod cache_budget;
mod cached_row;
mod cached_rows;
mod changelog;
mod committed_rows;
mod definition;
mod dirty_order;
mod dirty_rows;
pub(crate) mod expiring_rows;
mod expiry_index;
pub(crate) mod fresh_rows;
mod global;
pub(crate) mod grace_rows;
pub(crate) mod held_record;
pub(crate) mod in_flight;
pub(crate) mod join_rows;
pub(crate) mod key_range;
pub(crate) mod key_value;
pub mod kinds;
pub(crate) mod late_changelog;
mod layered;
mod memory;
pub(crate) mod open_windows;
mod opening;
#[cfg(test)]
mod ordered_reads;
mod partly_in_memory;
mod place;
pub(crate) mod processor_sessions;
pub(crate) mod processor_windows;
mod reader;
mod restoring;
mod row_cache;
mod row_key;
pub(crate) mod rows;
pub(crate) mod runs;
pub(crate) mod selection;
pub(crate) mod session_rows;
mod size;
pub(crate) mod sliding_rows;
mod small_bytes;
pub(crate) mod spanned_rows;
pub(crate) mod spans;
mod store;
mod store_value;
pub(crate) mod subscriptions;
pub(crate) mod suppression_buffer;
pub(crate) mod table_store;
mod task_state;
pub(crate) mod timestamped;
pub(crate) mod unmatched_rows;
pub(crate) mod versioned_rows;
pub(crate) mod versions;
pub(crate) mod watches;
pub(crate) mod window_fetch;
pub(crate) mod window_key;
pub(crate) mod window_store;
pub(crate) mod write_back;

pub(crate) use access::StoreAccess;
pub use batch::{StoreBatch, StoreChange};
pub(crate) use cache_budget::CacheBudget;
pub(crate) use changelog::Changelog;
pub(crate) use committed_rows::CommittedRows;
pub use definition::StoreFor;
pub(crate) use fresh_rows::{FreshRows, StoreView};
pub(crate) use global::GlobalStore;
pub(crate) use key_range::{KeyOrder, KeyRange};
pub use kinds::{CustomStore, KeyValueStore, SessionStore, StoreKind, Structure, VersionedStore, WindowStore};
pub use memory::Memory;
pub use opening::{Opened, OpeningStore};
pub(crate) use partly_in_memory::PartlyInMemory;
pub use place::StatePlace;
pub use processor_sessions::ProcessorSessionStore;
pub use processor_windows::ProcessorWindowStore;
pub use reader::{ReaderGate, StoreReader, StoreSnapshot};
pub(crate) use restoring::Restoring;
pub use size::{StoreProperty, StoreSize};
pub use store::{
    META, StateBackend, StateMemory, Store, StoreError, StoreErrorKind, StoreIndex, StorePairs, bounds_cross,
};
pub use store_value::{StoreValue, Timestamped};
pub(crate) use task_state::TaskState;
pub(crate) use versions::History;
pub use versions::{KeyAndRow, Version, VersionRows, Written};
