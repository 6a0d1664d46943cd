//! The Processor API: the types for writing your own processors.
//!
//! If a closure is enough, pass one to [`KStream::process`](super::KStream::process): it gets a [`Forward`] to send
//! records with, and a [`StoreRef`] for each of its stores. A [`Processor`] is a type of your own that has fields, and a
//! [`Schedule`] for being called as time passes.
//!
//! | a store of | constant | what the code gets |
//! | --- | --- | --- |
//! | values by key | [`KeyValueStore<K, V>`](crate::state::KeyValueStore) | [`StoreRef`] |
//! | values with timestamps by key | [`KeyValueStore<K, Timestamped<V>>`](Timestamped) | [`StoreRef`] |
//! | values by key and window, also several of the same | [`ProcessorWindowStore`] | [`WindowStoreRef`] |
//! | values by key and session | [`ProcessorSessionStore`] | [`SessionStoreRef`] |
//! | values by key, and what they were | [`VersionedStore`](crate::state::VersionedStore) | [`VersionedStoreRef`] |
//! | a data structure of your own, made of rows | [`CustomStore`] | [`CustomStoreRef`] |
//! | a table's rows, to read | [`KeyValueStore::read_only`](crate::state::KeyValueStore::read_only) | [`TableRef`] |
//! | a table's rows and what they were, to read | [`VersionedStore::read_only`](crate::state::VersionedStore::read_only) | [`VersionedTableRef`] |
//! | a windowed table's rows, to read | [`WindowStore::read_only`](crate::state::WindowStore::read_only), [`SessionStore::read_only`](crate::state::SessionStore::read_only) | [`WindowTableRef`], [`SessionTableRef`] |
//!
//! [`StreamsBuilder::global_store`](super::StreamsBuilder::global_store) fills a store that every task can read. The code
//! that fills one of values by key gets a [`GlobalStoreRef`]; for the others it gets what processors get. Window and session
//! stores are read with their `.read_only()`, which gives a [`ReadOnlyRef`].
//!
//! [`Topology::around_processors`](crate::topology::Topology::around_processors) puts a closure around all processors, which
//! gets a [`ProcessorCall`] for each of their records.
//!
//! The names have a separate module, because programs with processors need most of them and other programs need none.

pub use crate::operators::process::{Forward, ForwardValues, Processor, PunctuationId, Schedule, ValueProcessor};
pub use crate::operators::processor_stores::{
    CustomStoreRef, FilledStore, GlobalStoreRef, ProcessorStore, ReadOnly, ReadOnlyRef, Refs, SessionStoreRef,
    SessionTableRef, StoreOrigin, StoreRef, StoreSpec, StoreTuple, TableRef, VersionedStoreRef, VersionedTableRef,
    WindowStoreRef, WindowTableRef,
};
pub use crate::operators::wrapping::ProcessorCall;
pub use crate::operators::{PunctuationTime, RecordPosition};
pub use crate::state::{
    CustomStore, ProcessorSessionStore, ProcessorWindowStore, StoreValue, Structure, Timestamped, Version, Written,
};
