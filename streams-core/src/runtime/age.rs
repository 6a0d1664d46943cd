//! How old local state is.
//!
//! A changelog is compacted: a deletion disappears from it `delete.retention.ms` after it was written. State that
//! has not followed for longer may hold rows whose deletion it can no longer read, although its offset is still
//! there, and they would live for ever (KIP-1259). So state says when it last followed, and what is older than
//! half of that time is built anew (rule F11).

use std::path::Path;
use std::time::Duration;

use super::notes::to_i64;
use super::plan::Plan;
use crate::record::Timestamp;
use crate::state::{META, StoreBatch, StoreError};

/// Where the time is noted.
pub(super) const KEY: &[u8] = b"followed-until";

/// How often it is noted that state is up to date.
pub(super) const NOTE_INTERVAL: Duration = Duration::from_secs(60);

/// What brokers have unless a topic says otherwise.
const DELETE_RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

/// Notes that the state has followed its topics until now.
pub(super) fn note(batch: &mut StoreBatch, now: Timestamp) {
    batch.put(META, KEY, now.0.to_be_bytes());
}

/// Whether state with that note may have missed deletions. State without a note is new.
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

/// Whether state that has not followed for that long may have missed deletions.
pub(super) fn is_too_long(idle: Duration, delete_retention: Duration) -> bool {
    idle > delete_retention / 2
}

/// For how long deletions stay in a changelog, as far as the application's own settings (`for_all` among them) say.
pub(super) fn delete_retention(plan: &Plan, changelog: &str, for_all: &[(String, String)]) -> Duration {
    let topics = plan.internal_topics(None, for_all);
    let settings = topics.iter().find(|topic| topic.name == changelog).map(|topic| &topic.configs);
    let set = settings.into_iter().flatten().find(|(name, _)| name == "delete.retention.ms");
    set.and_then(|(_, value)| value.parse().ok()).map_or(DELETE_RETENTION, Duration::from_millis)
}
