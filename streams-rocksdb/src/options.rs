//! RocksDB's options, with reasons.
//!
//! Column families have their own options: an option that is not set for a family silently has RocksDB's default. So
//! every family is opened with [`family_options`].

use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, DBCompressionType, LogLevel, Options, WriteBufferManager,
};

const STORE_WRITE_BUFFER_BYTES: usize = 16 << 20;
const NOTES_WRITE_BUFFER_BYTES: usize = 1 << 20;

/// The options of the database as a whole.
pub(crate) fn database_options(write_buffers: &WriteBufferManager, write_buffer_bytes: usize) -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_write_buffer_manager(write_buffers);
    // The log is kept until every family has written its part of it to a sorted file. Without this limit, a family that
    // is rarely written would keep all of it, and opening would replay all of it.
    options.set_max_total_wal_size(write_buffer_bytes as u64);
    // If a write-ahead log that was synced is missing, that is damage, not an older state.
    options.set_track_and_verify_wals_in_manifest(true);
    // Sorted files are written to the disk steadily, not in one burst that delays all reads.
    options.set_bytes_per_sync(1 << 20);
    // All databases of the process share the threads; the worker threads need the cores, too.
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    options.set_max_background_jobs(i32::try_from(cores.clamp(2, 8)).unwrap_or(2));
    // By default, the number of open files is unlimited: tasks times stores times files, of 64 MiB each.
    options.set_max_open_files(512);
    // RocksDB's own log is for people who examine a single database; keep it short.
    options.set_log_level(LogLevel::Warn);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(1 << 20);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options
}

/// The options of one column family: a store's, or one with little data.
pub(crate) fn family_options(cache: &Cache, write_buffer_bytes: usize, is_store: bool) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    blocks.set_block_size(4 << 10);
    // Ten bits per key: of a hundred lookups of absent keys, one reads a block.
    blocks.set_bloom_filter(10.0, false);
    blocks.set_optimize_filters_for_memory(true);
    // Indexes and filters count against the cache. They are divided into blocks, because a whole filter that does not fit
    // would be read again and again, at twenty times the cost of a lookup.
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
    // Levelled compaction, RocksDB's default: it needs about a tenth more space than the data, whereas universal
    // compaction temporarily needs twice the space, and a full disk stops an application.
    options.set_level_compaction_dynamic_level_bytes(true);
    let write_buffer = if is_store { STORE_WRITE_BUFFER_BYTES } else { NOTES_WRITE_BUFFER_BYTES };
    options.set_write_buffer_size(write_buffer.min(write_buffer_bytes));
    options.set_max_write_buffer_number(3);
    // The minimum that a family takes from the shared buffers once it is written. RocksDB's default of 1 MiB would be too
    // much for a hundred tasks with five stores each.
    options.set_arena_block_size(if is_store { 128 << 10 } else { 16 << 10 });
    options
}
