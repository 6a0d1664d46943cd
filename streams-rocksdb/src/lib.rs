//! The state port over RocksDB: state that survives the process and need not fit in memory.
//!
//! Each task has a database with one column family per store, named after it, and one for the task's metadata; a commit
//! is one write batch over all of them. All databases of a [`RocksDb`] value share one block cache and one write-buffer
//! manager, so two numbers bound the memory, however many tasks there are.
//!
//! The write-ahead log is on but not synced: a killed process loses nothing that was committed, and what a power cut
//! loses is read again from the changelogs, starting at the offset that was committed with the data.
//!
//! This crate knows only bytes, folders and files. What keys and values mean, when to commit, and what to do about a
//! damaged folder is decided above [`streams_core::state::StateBackend`].
//!
//! ```
//! use millstream::prelude::*;
//! use millstream::state::{StateBackend, StoreBatch, StoreIndex};
//!
//! let folder = tempfile::tempdir().expect("a temporary folder");
//! let backend = RocksDb::default().with_cache_bytes(64 << 20);
//! let stores = ["totals".to_owned()];
//!
//! let mut store = backend.open(folder.path(), &stores)?;
//! let mut batch = StoreBatch::default();
//! batch.put(StoreIndex(1), "u1", "7");
//! store.write(batch)?;
//! drop(store);
//!
//! let store = backend.open(folder.path(), &stores)?;
//! assert_eq!(store.get(StoreIndex(1), b"u1")?, Some(b"7".to_vec()));
//! # Ok::<(), millstream::state::StoreError>(())
//! ```
#![forbid(unsafe_code)]

mod backend;
mod error;
mod folder;
mod options;
mod store;

pub use backend::RocksDb;
