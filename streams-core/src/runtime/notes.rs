//! The metadata kept with a task's stores: the layout's version, changelog offsets, stream times, and topic ids.
//!
//! Metadata is written in the same batches as the data it describes. An unreadable entry is an error that names it:
//! continuing without it would mean guessing where the state stands.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::AppError;
use crate::record::Offset;
use crate::state::{META, Store, StoreBatch, StoreError, StoreErrorKind};

/// The version of the layout of a task's state. Newer versions are refused.
const FORMAT: u32 = 1;

/// The key of the changelog offset up to which a store is filled.
pub(crate) fn changelog_key(store: &str) -> Vec<u8> {
    format!("changelog/{store}").into_bytes()
}

/// The key of a node's stream time.
pub(crate) fn time_key(node: &str) -> Vec<u8> {
    format!("time/{node}").into_bytes()
}

/// The key of the position in an input that was committed together with the state.
pub(crate) fn position_key(topic: &str) -> Vec<u8> {
    format!("position/{topic}").into_bytes()
}

/// Adds the position in an input to the batch that holds the state of that moment.
pub(crate) fn note_position(batch: &mut StoreBatch, topic: &str, position: Offset) {
    batch.put(META, position_key(topic), position.0.to_be_bytes());
}

/// The position in an input that was committed together with the state, as far as that is known here.
pub(crate) fn noted_position(store: &dyn Store, topic: &str, folder: &Path) -> Result<Option<Offset>, StoreError> {
    Ok(read_i64(store, &position_key(topic), folder)?.map(Offset))
}

/// The key of the id of the topic that the state was built from.
fn topic_id_key(topic: &str) -> Vec<u8> {
    format!("topic-id/{topic}").into_bytes()
}

/// The id of the topic that the state was built from, if one is recorded.
pub(crate) fn noted_topic(store: &dyn Store, topic: &str) -> Result<Option<String>, StoreError> {
    let noted = store.get(META, &topic_id_key(topic))?;
    Ok(noted.map(|id| String::from_utf8_lossy(&id).into_owned()))
}

/// Records the id of a topic, unless the log has none, or it is recorded already.
pub(crate) fn note_topic(store: &mut dyn Store, topic: &str, id: &str) -> Result<(), StoreError> {
    if id.is_empty() || noted_topic(store, topic)?.as_deref() == Some(id) {
        return Ok(());
    }
    let mut batch = StoreBatch::default();
    batch.put(META, topic_id_key(topic), id.as_bytes());
    store.write(batch)
}

/// Compares the ids of the topics with those that the state was built from, and records the ids of new ones. A topic
/// that was deleted and created again starts at offset 0, so positions stored elsewhere no longer mean anything.
pub(crate) fn check_topics<'a>(
    store: &mut dyn Store,
    topics: impl IntoIterator<Item = &'a Arc<str>>,
    ids: &BTreeMap<Arc<str>, String>,
    folder: &Path,
) -> Result<(), NoteTrouble> {
    let mut batch = StoreBatch::default();
    for topic in topics {
        // If the log has no topic ids, nothing can be checked.
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

/// Why metadata was refused. The caller adds whose store it is.
pub(crate) enum NoteTrouble {
    Store(StoreError),
    App(AppError),
}

impl From<StoreError> for NoteTrouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Reads a metadata entry that is a number.
pub(crate) fn read_i64(store: &dyn Store, key: &[u8], folder: &Path) -> Result<Option<i64>, StoreError> {
    store.get(META, key)?.map(|bytes| to_i64(&bytes, key, folder)).transpose()
}

/// Decodes a number.
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

/// Refuses state with a newer layout, and writes the version to a new store.
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
