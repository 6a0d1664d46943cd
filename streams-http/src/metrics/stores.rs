//! What is measured of stores, by their names: how large they are, what their backend knows of them, and those who ask them.
//!
//! A backend's numbers have its own names. Those that are shown are listed here; others, and other backends' numbers, are not.

use prometheus::proto::MetricType;
use streams_core::runtime::StoreMetrics;

use super::Family;
use super::sample::{Labels, Sample, Value, number, summed};
use super::snapshot::Snapshot;

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "kstream_store_entries",
        help: "Committed entries of the tasks that this instance has: exact in memory, an estimate elsewhere.",
        kind: MetricType::GAUGE,
        samples: |snapshot| of_stores(snapshot, |store| store.size.rows),
    },
    Family {
        name: "kstream_store_bytes",
        help: "Bytes that stores take: of keys and rows in memory, or of files and write buffers.",
        kind: MetricType::GAUGE,
        samples: |snapshot| of_stores(snapshot, |store| store.size.bytes),
    },
    Family {
        name: "kstream_iq_requests_seconds",
        help: "Time in seconds to answer questions about stores over HTTP, by the route: a row, rows, or for other instances.",
        kind: MetricType::HISTOGRAM,
        samples: |snapshot| {
            let asked = snapshot.asked.iter().map(|((store, route), took)| Sample {
                labels: vec![("store", store.to_string()), ("route", (*route).to_owned())],
                value: Value::Steps(*took),
            });
            asked.collect()
        },
    },
    Family {
        name: "kstream_rocksdb_block_cache_usage_bytes",
        help: "Bytes in RocksDB's block cache, which all stores share.",
        kind: MetricType::GAUGE,
        samples: |snapshot| of_backend(snapshot, "rocksdb.block-cache-usage"),
    },
    Family {
        name: "kstream_rocksdb_block_cache_pinned_usage_bytes",
        help: "Bytes of RocksDB's block cache that are in use and cannot be evicted.",
        kind: MetricType::GAUGE,
        samples: |snapshot| of_backend(snapshot, "rocksdb.block-cache-pinned-usage"),
    },
    Family {
        name: "kstream_rocksdb_block_cache_capacity_bytes",
        help: "Bytes that RocksDB's block cache may have.",
        kind: MetricType::GAUGE,
        samples: |snapshot| of_backend(snapshot, "rocksdb.block-cache-capacity"),
    },
    Family {
        name: "kstream_rocksdb_write_buffer_usage_bytes",
        help: "Bytes in RocksDB's write buffers, which all stores share.",
        kind: MetricType::GAUGE,
        samples: |snapshot| of_backend(snapshot, "rocksdb.write-buffer-usage"),
    },
    Family {
        name: "kstream_rocksdb_write_buffer_capacity_bytes",
        help: "Bytes that RocksDB's write buffers are to have together; more than that is written to files.",
        kind: MetricType::GAUGE,
        samples: |snapshot| of_backend(snapshot, "rocksdb.write-buffer-capacity"),
    },
    Family {
        name: "kstream_rocksdb_size_all_mem_tables_bytes",
        help: "Bytes in a store's write buffers, also those that are being written to files.",
        kind: MetricType::GAUGE,
        samples: |snapshot| of_stores(snapshot, |store| property(store, "rocksdb.size-all-mem-tables")),
    },
    Family {
        name: "kstream_rocksdb_live_sst_files_size_bytes",
        help: "Bytes in a store's files.",
        kind: MetricType::GAUGE,
        samples: |snapshot| of_stores(snapshot, |store| property(store, "rocksdb.live-sst-files-size")),
    },
    Family {
        name: "kstream_rocksdb_estimate_live_data_size_bytes",
        help: "Bytes in a store's files that are not deleted or replaced, as an estimate.",
        kind: MetricType::GAUGE,
        samples: |snapshot| of_stores(snapshot, |store| property(store, "rocksdb.estimate-live-data-size")),
    },
    Family {
        name: "kstream_rocksdb_estimate_pending_compaction_bytes",
        help: "Bytes that compactions have to rewrite to get a store's levels down to their sizes, as an estimate.",
        kind: MetricType::GAUGE,
        samples: |snapshot| of_stores(snapshot, |store| property(store, "rocksdb.estimate-pending-compaction-bytes")),
    },
    Family {
        name: "kstream_rocksdb_num_files_at_level0",
        help: "Files of a store that no compaction has merged yet. Many of them slow reads down, and then writes.",
        kind: MetricType::GAUGE,
        samples: |snapshot| of_stores(snapshot, |store| property(store, "rocksdb.num-files-at-level0")),
    },
    Family {
        name: "kstream_rocksdb_num_immutable_mem_table",
        help: "Full write buffers of a store that are not in files yet.",
        kind: MetricType::GAUGE,
        samples: |snapshot| of_stores(snapshot, |store| property(store, "rocksdb.num-immutable-mem-table")),
    },
    Family {
        name: "kstream_rocksdb_num_running_flushes",
        help: "Write buffers of the databases with the store that are being written to files.",
        kind: MetricType::GAUGE,
        samples: |snapshot| of_stores(snapshot, |store| property(store, "rocksdb.num-running-flushes")),
    },
    Family {
        name: "kstream_rocksdb_num_running_compactions",
        help: "Compactions that are running in the databases with the store.",
        kind: MetricType::GAUGE,
        samples: |snapshot| of_stores(snapshot, |store| property(store, "rocksdb.num-running-compactions")),
    },
    Family {
        name: "kstream_rocksdb_is_write_stopped",
        help: "Databases with the store in which writes are stopped because compactions do not keep up.",
        kind: MetricType::GAUGE,
        samples: |snapshot| of_stores(snapshot, |store| property(store, "rocksdb.is-write-stopped")),
    },
    Family {
        name: "kstream_rocksdb_background_errors",
        help: "Errors of flushes and compactions in the databases with the store, since these were opened.",
        kind: MetricType::GAUGE,
        samples: |snapshot| of_stores(snapshot, |store| property(store, "rocksdb.background-errors")),
    },
];

fn property(store: &StoreMetrics, name: &str) -> Option<u64> {
    store.properties.iter().find(|property| property.name == name).map(|property| property.value)
}

/// What `of` knows of each store, all its tasks together. What is not known is not shown.
fn of_stores(snapshot: &Snapshot, of: fn(&StoreMetrics) -> Option<u64>) -> Vec<Sample> {
    let labels = |store: &str| -> Labels { vec![("store", store.to_owned())] };
    let of_tasks = snapshot.assigned.iter().flat_map(|(id, task)| {
        task.stores.iter().filter_map(move |(name, store)| {
            let mut labels = labels(name);
            labels.extend(snapshot.partition(id.partition));
            Some((labels, of(store)?))
        })
    });
    let of_globals = snapshot.globals.iter().filter_map(|(name, store)| Some((labels(name), of(store)?)));
    summed(of_tasks.chain(of_globals))
}

fn of_backend(snapshot: &Snapshot, name: &str) -> Vec<Sample> {
    let known = snapshot.backend.iter().filter(|property| property.name == name);
    known.map(|property| Sample::new(Vec::new(), number(property.value))).collect()
}
