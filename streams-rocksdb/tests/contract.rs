//! RocksDB passes the contract of state backends.

use streams_rocksdb::RocksDb;

streams_core::store_contract!(
    RocksDb::default().with_cache_bytes(1 << 20).with_write_buffer_bytes(1 << 20),
    tempfile::tempdir().expect("a temporary folder")
);
