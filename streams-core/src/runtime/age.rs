//! The age of local state.
//!
//! Changelogs are compacted: a tombstone disappears `delete.retention.ms` after it was written. State that has not
//! followed its changelog for longer may contain deleted rows whose tombstones it can no longer read, even though its
//! offset still exists, and they would stay for ever (KIP-1259). So state records when it last followed, and is
//! rebuilt once it has been idle for more than half of that time.

use std::path::Path;
use std::time::Duration;

use super::notes::to_i64;
use super::plan::Plan;
use crate::record::Timestamp;
use crate::state::{META, StoreBatch, StoreError};

/// The metadata key of the time until which the state has followed.
pub(super) const KEY: &[u8] = b"followed-until";

/// How often the time is recorded while state is up to date.
pub(super) const NOTE_INTERVAL: Duration = Duration::from_secs(60);

/// The brokers' default, for topics without the setting.
const DELETE_RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

/// Records that the state has followed its topics until now.
pub(super) fn note(batch: &mut StoreBatch, now: Timestamp) {
    batch.put(META, KEY, now.0.to_be_bytes());
}

/// Whether state with that record may have missed deletions. State without a record is new.
pub(super) fn is_too_old(
    noted: Option<Vec<u8>>,
    now: Timestamp,
    delete_retention: Duration,
    folder: &Path,
) -> Result<bool, StoreError> {
    let Some(noted) = noted.map(|bytes| to_i64(&bytes, KEY, folder)).transpose()? else { return Ok(false) };
    let age = u64::try_from(now.0.saturating_sub(noted)).unwrap_or(0);
    Ok(is_too_long(Duration::from_millis(age), delete_retention))
}

/// Whether state that has been idle for that long may have missed deletions.
pub(super) fn is_too_long(idle: Duration, delete_retention: Duration) -> bool {
    idle > delete_retention / 2
}

/// How long tombstones stay in a changelog, according to the application's own settings, including those for all
/// internal topics (`for_all`).
pub(super) fn delete_retention(plan: &Plan, changelog: &str, for_all: &[(String, String)]) -> Duration {
    let topics = plan.internal_topics(None, for_all);
    let settings = topics.iter().find(|topic| topic.name == changelog).map(|topic| &topic.configs);
    let set = settings.into_iter().flatten().find(|(name, _)| name == "delete.retention.ms");
    set.and_then(|(_, value)| value.parse().ok()).map_or(DELETE_RETENTION, Duration::from_millis)
}
