//! What a changelog's records mean for a store: the changes of its rows.

use super::TaskStore;
use crate::log::{RecordBatch, RecordRef};
use crate::record::{Offset, TopicPartition};
use crate::state::kinds::{ChangelogRecord, StoreRow};
use crate::state::{Restoring, Store, StoreError, StoreErrorKind};

/// Turns a changelog's records into changes of the store's rows.
pub(super) fn rows_of(
    state: &dyn Store,
    store: &TaskStore,
    changelog: &TopicPartition,
    batch: &RecordBatch,
) -> Result<Vec<StoreRow>, StoreError> {
    let malformed = |offset: Offset| {
        let reason = format!("changelog {changelog} holds a malformed record at offset {offset}");
        StoreError::new(StoreErrorKind::Decode, reason)
    };
    // An input was checked when it was processed, and what could not be read was left out.
    let is_row = |record: &RecordRef<'_>| {
        store.is_readable.is_none_or(|is_readable| {
            (store.takes_negative || record.timestamp.0 >= 0) && is_readable(record.key, record.value)
        })
    };
    let logged = batch.iter().filter(is_row).filter_map(|record| {
        let logged = ChangelogRecord { key: record.key?, value: record.value, timestamp: record.timestamp };
        Some((record.offset, logged))
    });
    if !store.kind.reads_to_restore() {
        let row = |(offset, logged)| store.kind.to_store(logged).ok_or_else(|| malformed(offset));
        return logged.map(row).collect();
    }
    let mut rows = Restoring::new(state, store.index);
    for (offset, logged) in logged {
        if !store.kind.restore(logged, &mut rows)? {
            return Err(malformed(offset));
        }
    }
    Ok(rows.into_changes().collect())
}
