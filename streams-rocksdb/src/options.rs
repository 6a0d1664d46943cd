//! How RocksDB is set up, and why.
//!
//! Options belong to a column family: what is not set on each family's own options is silently RocksDB's
//! default, so every family is opened with [`family_options`].

use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, DBCompressionType, LogLevel, Options, WriteBufferManager,
};

const STORE_WRITE_BUFFER_BYTES: usize = 16 << 20;
const NOTES_WRITE_BUFFER_BYTES: usize = 1 << 20;

/// What concerns the database as a whole.
pub(crate) fn database_options(write_buffers: &WriteBufferManager, write_buffer_bytes: usize) -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_write_buffer_manager(write_buffers);
    // The log is kept until every family has written its part of it to a sorted file. Without this bound a
    // family that is seldom written would keep all of it, and opening would replay all of it.
    options.set_max_total_wal_size(write_buffer_bytes as u64);
    // A write-ahead log that was synced and is gone is damage, not an older state.
    options.set_track_and_verify_wals_in_manifest(true);
    // Sorted files reach the disk steadily, not in one burst that delays everybody's reads.
    options.set_bytes_per_sync(1 << 20);
    // Threads are shared by all databases of the process; the worker threads want the cores, too.
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    options.set_max_background_jobs(i32::try_from(cores.clamp(2, 8)).unwrap_or(2));
    // With the default, open files are without limit: tasks times stores times files. 64 MiB each.
    options.set_max_open_files(512);
    // RocksDB's own log is for people who look into one database; keep it short.
    options.set_log_level(LogLevel::Warn);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(1 << 20);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options
}

/// What concerns one column family: a store's, or one that holds little.
pub(crate) fn family_options(cache: &Cache, write_buffer_bytes: usize, is_store: bool) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    blocks.set_block_size(4 << 10);
    // Ten bits per key: one lookup in a hundred of an absent key reads a block.
    blocks.set_bloom_filter(10.0, false);
    blocks.set_optimize_filters_for_memory(true);
    // Indexes and filters count against the cache. They are cut into blocks: a whole filter that does not
    // fit would be read again and again, at twenty times the price of a lookup.
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_cache_index_and_filter_blocks_with_high_priority(true);
    blocks.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    blocks.set_partition_filters(true);
    blocks.set_pin_top_level_index_and_filter(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
    blocks.set_format_version(6);

    let mut options = Options::default();
    options.set_block_based_table_factory(&blocks);
    options.set_compression_type(DBCompressionType::Lz4);
    // Levelled compaction, RocksDB's default: it needs about a tenth more space than the data, where universal
    // compaction needs twice the data for a while, and a full disk stops an application.
    options.set_level_compaction_dynamic_level_bytes(true);
    let write_buffer = if is_store { STORE_WRITE_BUFFER_BYTES } else { NOTES_WRITE_BUFFER_BYTES };
    options.set_write_buffer_size(write_buffer.min(write_buffer_bytes));
    options.set_max_write_buffer_number(3);
    // The least a family takes from the shared buffers once it is written: RocksDB would take 1 MiB, which
    // a hundred tasks of five stores cannot.
    options.set_arena_block_size(if is_store { 128 << 10 } else { 16 << 10 });
    options
}
