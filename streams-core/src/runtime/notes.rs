//! What is noted beside a task's stores: the layout's version, changelog offsets, stream times, topics' ids.
//!
//! Notes are written in the same batches as the data they speak of. One that cannot be read is an error that
//! names it: to go on without it would be to guess where the state stands.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::AppError;
use crate::state::{META, Store, StoreBatch, StoreError, StoreErrorKind};

/// Version of the layout of a task's state; a newer one is refused.
const FORMAT: u32 = 1;

/// Where a store's changelog goes on behind what the store holds.
pub(crate) fn changelog_key(store: &str) -> Vec<u8> {
    format!("changelog/{store}").into_bytes()
}

/// A node's stream time.
pub(crate) fn time_key(node: &str) -> Vec<u8> {
    format!("time/{node}").into_bytes()
}

/// Which incarnation of a topic the state was made from.
fn topic_id_key(topic: &str) -> Vec<u8> {
    format!("topic-id/{topic}").into_bytes()
}

/// Compares the topics that state is made from with those it was made from, and notes those that are new to it.
/// A topic that was deleted and created again begins at offset 0, so that positions kept elsewhere lie.
pub(crate) fn check_topics<'a>(
    store: &mut dyn Store,
    topics: impl IntoIterator<Item = &'a Arc<str>>,
    ids: &BTreeMap<Arc<str>, String>,
    folder: &Path,
) -> Result<(), NoteTrouble> {
    let mut batch = StoreBatch::default();
    for topic in topics {
        // A log that cannot tell is believed.
        let Some(found) = ids.get(topic).filter(|id| !id.is_empty()) else { continue };
        let key = topic_id_key(topic);
        match store.get(META, &key)? {
            Some(noted) if noted == found.as_bytes() => {}
            Some(noted) => {
                return Err(NoteTrouble::App(AppError::TopicReplaced {
                    topic: topic.to_string(),
                    noted: String::from_utf8_lossy(&noted).into_owned(),
                    found: found.clone(),
                    folder: folder.to_owned(),
                }));
            }
            None => batch.put(META, key, found.as_bytes()),
        }
    }
    if batch.is_empty() { Ok(()) } else { Ok(store.write(batch)?) }
}

/// What a look at notes may end with: the caller knows whose store it is.
pub(crate) enum NoteTrouble {
    Store(StoreError),
    App(AppError),
}

impl From<StoreError> for NoteTrouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Reads a note that is a number.
pub(crate) fn read_i64(store: &dyn Store, key: &[u8], folder: &Path) -> Result<Option<i64>, StoreError> {
    store.get(META, key)?.map(|bytes| to_i64(&bytes, key, folder)).transpose()
}

/// The number in a note.
pub(crate) fn to_i64(bytes: &[u8], key: &[u8], folder: &Path) -> Result<i64, StoreError> {
    bytes.try_into().map(i64::from_be_bytes).map_err(|_| {
        let reason = format!(
            "the note `{}` beside the state in {} has {} bytes instead of 8: it is damaged; delete the state folder to \
             rebuild the state from its topics",
            String::from_utf8_lossy(key),
            folder.display(),
            bytes.len()
        );
        StoreError::new(StoreErrorKind::Corrupt, reason)
    })
}

/// Refuses state of a newer layout; marks a new store as ours.
pub(crate) fn check_format(store: &mut dyn Store, folder: &Path) -> Result<(), StoreError> {
    const KEY: &[u8] = b"format";
    match store.get(META, KEY)?.map(<[u8; 4]>::try_from) {
        None => {
            let mut batch = StoreBatch::default();
            batch.put(META, KEY, FORMAT.to_be_bytes());
            store.write(batch)
        }
        Some(Ok(bytes)) if u32::from_be_bytes(bytes) == FORMAT => Ok(()),
        Some(found) => {
            let found = found.map_or_else(
                |_| "an unknown format".to_owned(),
                |bytes| format!("format {}", u32::from_be_bytes(bytes)),
            );
            let reason = format!(
                "the state in {} was written in {found}, this version reads format {FORMAT}; upgrade the application, or \
                 delete the state folder to rebuild the state from its topics",
                folder.display()
            );
            Err(StoreError::new(StoreErrorKind::Format, reason))
        }
    }
}
