//! The files of a durable log: keys and values in fjall, an embedded key-value store.
//!
//! | keyspace | key | value |
//! | --- | --- | --- |
//! | `records` | topic number, partition, base offset | the batch's bytes |
//! | `index` | the same | what the model must know of the batch without reading it |
//! | `meta` | a letter and what it is about | topics, bounds, positions, generations, producers |
//!
//! All changes of one step are one atomic batch, which is passed to the operating system before the step is
//! acknowledged, so `kill -9` loses nothing. [`Storage::sync`] makes the changes survive a power cut as well; commits and
//! flushes ask for it.

use std::sync::Arc;

use fjall::PersistMode;

use super::folder::Folder;
use super::store::{Changes, Store};
use super::stored::{self, MetaKey, StoredBounds, StoredOffset, StoredProducer};
use crate::log::model::{BatchSource, Model, ModelChange, Now, PartitionId, Payload, ProducerTag};
use crate::log::{CommittedOffset, LogError, LogErrorKind, RecordBatch};
use crate::record::{Offset, TopicPartition};

/// The version of the format, which is written into every log.
const FORMAT: u32 = 1;

pub(super) struct Storage {
    store: Store,
    // Last, so that the folder is released after the store is closed.
    folder: Folder,
}

impl Storage {
    /// Opens the store in a folder, and creates it if necessary.
    pub(super) fn open(folder: Folder) -> Result<Self, LogError> {
        match Store::open(&folder.data()) {
            Ok(store) => Ok(Self { store, folder }),
            Err(error) => {
                let message = format!(
                    "the embedded log in {} cannot be opened: {}; if its files are damaged, restore them from a \
                     backup or use another folder",
                    folder.path.display(),
                    reason(&error)
                );
                Err(LogError::new(open_error_kind(&error), message))
            }
        }
    }

    /// Restores an empty model from everything that is stored; `identity` is for a log that has none yet.
    pub(super) fn restore(&self, now: Now, identity: u64) -> Result<Model, LogError> {
        let identity = self.identity(identity)?;
        let mut model = Model::new(identity);
        self.restore_meta(now, &mut model)?;
        for stored in self.store.index.iter() {
            let (key, value) = stored.into_inner().map_err(|error| self.failed("read", &error))?;
            let entry = stored::read_entry(&key, &value);
            let (at, entry) = entry.ok_or_else(|| self.damaged("an index entry"))?;
            if !model.restore_entry(at, entry) {
                return Err(self.damaged("an index entry of an unknown topic"));
            }
        }
        model.track_residents();
        Ok(model)
    }

    /// This log's own number, which it gets when it is first opened.
    fn identity(&self, fresh: u64) -> Result<u64, LogError> {
        let get = |key: MetaKey| self.store.meta.get(key.to_bytes()).map_err(|error| self.failed("read", &error));
        match get(MetaKey::Format)? {
            None => {
                let mut batch = self.store.begin(PersistMode::SyncAll);
                batch.insert(&self.store.meta, &MetaKey::Format.to_bytes(), stored::to_json(&FORMAT));
                batch.insert(&self.store.meta, &MetaKey::Identity.to_bytes(), stored::to_json(&fresh));
                batch.commit().map_err(|error| self.failed("write", &error))?;
                Ok(fresh)
            }
            Some(format) if stored::from_json::<u32>(&format) == Some(FORMAT) => {
                let identity = get(MetaKey::Identity)?;
                identity.and_then(|identity| stored::from_json(&identity)).ok_or_else(|| self.damaged("its identity"))
            }
            Some(format) => {
                let message = format!(
                    "the embedded log in {} has format {}, but this program reads format {FORMAT}: use the program that \
                     wrote it, or another folder",
                    self.folder.path.display(),
                    String::from_utf8_lossy(&format)
                );
                Err(LogError::new(LogErrorKind::Invalid, message))
            }
        }
    }

    fn restore_meta(&self, now: Now, model: &mut Model) -> Result<(), LogError> {
        for stored in self.store.meta.iter() {
            let (key, value) = stored.into_inner().map_err(|error| self.failed("read", &error))?;
            let key = MetaKey::from_bytes(&key).ok_or_else(|| self.damaged("a key"))?;
            restore_one(now, model, &key, &value).ok_or_else(|| self.damaged(&format!("{key:?}")))?;
        }
        Ok(())
    }

    /// Writes changes atomically and passes them to the operating system.
    pub(super) fn write(&self, model: &Model, changes: &[ModelChange]) -> Result<(), LogError> {
        let mut batch = self.store.begin(PersistMode::Buffer);
        for change in changes {
            match change {
                ModelChange::Entry { at, base, payload } => {
                    let Some(entry) = model.partition(*at).and_then(|partition| partition.entry(*base)) else {
                        continue;
                    };
                    let key = stored::entry_key(*at, *base);
                    if let (true, Payload::Resident(records)) = (*payload, &entry.payload) {
                        batch.insert(&self.store.records, &key, records.to_bytes());
                    }
                    batch.insert(&self.store.index, &key, stored::entry_value(entry));
                }
                ModelChange::EntryRemoved { at, base } => {
                    let key = stored::entry_key(*at, *base);
                    batch.remove(&self.store.records, &key);
                    batch.remove(&self.store.index, &key);
                }
                ModelChange::TopicDeleted { number, partitions } => {
                    self.remove_topic(&mut batch, *number, *partitions)?
                }
                change => self.write_meta(&mut batch, model, change),
            }
        }
        batch.commit().map_err(|error| self.failed("write", &error))
    }

    fn write_meta(&self, batch: &mut Changes<'_>, model: &Model, change: &ModelChange) {
        let (key, value) = match change {
            ModelChange::Topic(number) => {
                let next = stored::to_json(&model.topics.next_number());
                batch.insert(&self.store.meta, &MetaKey::NextTopic.to_bytes(), next);
                (MetaKey::Topic(*number), model.stored_topic(*number).map(|topic| stored::topic_value(&topic)))
            }
            ModelChange::Bounds(at) => (MetaKey::Bounds(*at), model.partition(*at).map(stored::bounds_value)),
            ModelChange::Offset { group, partition } => {
                let offset = model.committed_offset(group, partition);
                let key = MetaKey::Offset { group: group.to_string(), partition: partition.clone() };
                (key, offset.map(stored::offset_value))
            }
            ModelChange::Generation(group) => {
                (MetaKey::Generation(group.to_string()), Some(stored::to_json(&model.generation(group))))
            }
            ModelChange::ProducerIds => (MetaKey::NextProducer, Some(stored::to_json(&model.next_producer()))),
            ModelChange::TransactionalId(id) => {
                (MetaKey::TransactionalId(id.to_string()), model.transactional_id(id).map(stored::producer_value))
            }
            // Written together with the records.
            ModelChange::Entry { .. } | ModelChange::EntryRemoved { .. } | ModelChange::TopicDeleted { .. } => return,
        };
        match value {
            Some(value) => batch.insert(&self.store.meta, &key.to_bytes(), value),
            None => batch.remove(&self.store.meta, &key.to_bytes()),
        }
    }

    fn remove_topic(&self, batch: &mut Changes<'_>, number: u32, partitions: u32) -> Result<(), LogError> {
        for stored in self.store.index.prefix(number.to_be_bytes()) {
            let key = stored.key().map_err(|error| self.failed("read", &error))?;
            batch.remove(&self.store.records, &key);
            batch.remove(&self.store.index, &key);
        }
        for partition in 0..partitions {
            let at = PartitionId { topic: number, partition };
            batch.remove(&self.store.meta, &MetaKey::Bounds(at).to_bytes());
        }
        batch.remove(&self.store.meta, &MetaKey::Topic(number).to_bytes());
        Ok(())
    }

    /// Ensures that everything written so far survives a power cut.
    pub(super) fn sync(&self) -> Result<(), LogError> {
        self.store.sync().map_err(|error| self.failed("sync", &error))
    }

    /// The records stored under an entry's base offset; `None` if they are gone.
    pub(super) fn read(&self, at: PartitionId, base: i64) -> Result<Option<RecordBatch>, LogError> {
        let Some(bytes) =
            self.store.records.get(stored::entry_key(at, base)).map_err(|error| self.failed("read", &error))?
        else {
            return Ok(None);
        };
        let batch = RecordBatch::from_bytes(&bytes).ok_or_else(|| self.damaged("a batch of records"))?;
        Ok(Some(batch))
    }

    fn failed(&self, what: &str, error: &fjall::Error) -> LogError {
        let message = format!(
            "the embedded log cannot {what} in {}: {}; check the disk and start again",
            self.folder.path.display(),
            reason(error)
        );
        LogError::new(LogErrorKind::Other, message)
    }

    fn damaged(&self, what: &str) -> LogError {
        let message = format!(
            "the embedded log in {} is damaged: {what} cannot be read; restore it from a backup or use another folder",
            self.folder.path.display()
        );
        LogError::new(LogErrorKind::Corrupt, message)
    }
}

impl BatchSource for Storage {
    fn load(&self, at: PartitionId, base: i64) -> Option<RecordBatch> {
        match self.read(at, base) {
            Ok(batch) => batch,
            Err(error) => {
                tracing::warn!(%error, "records cannot be compacted");
                None
            }
        }
    }
}

/// Restores one stored value; `None` if it is damaged.
fn restore_one(now: Now, model: &mut Model, key: &MetaKey, value: &[u8]) -> Option<()> {
    match key {
        MetaKey::Format | MetaKey::Identity => {}
        MetaKey::NextTopic => model.restore_next_topic(stored::from_json(value)?),
        MetaKey::Topic(number) => model.restore_topic(&stored::read_topic(*number, value)?).ok()?,
        MetaKey::Bounds(at) => {
            let StoredBounds { start, end, clean_to } = stored::from_json(value)?;
            model.restore_bounds(*at, start, end, clean_to);
        }
        MetaKey::Offset { group, partition } => {
            let StoredOffset { offset, metadata } = stored::from_json(value)?;
            let partition = TopicPartition::clone(partition);
            let committed = CommittedOffset { offset: Offset(offset), metadata };
            model.restore_offset(Arc::from(group.as_str()), partition, committed);
        }
        MetaKey::Generation(group) => model.restore_generation(group.as_str().into(), stored::from_json(value)?),
        MetaKey::NextProducer => model.restore_next_producer(stored::from_json(value)?),
        MetaKey::TransactionalId(id) => {
            let StoredProducer { producer, epoch } = stored::from_json(value)?;
            model.restore_transactional_id(id.as_str().into(), ProducerTag { producer, epoch }, now.wall.0);
        }
    }
    Some(())
}

/// The error's text, from the store or the operating system.
fn reason(error: &fjall::Error) -> String {
    match error {
        fjall::Error::Io(error) => error.to_string(),
        fjall::Error::Poisoned => "an earlier write failed".to_owned(),
        error => error.to_string(),
    }
}

fn open_error_kind(error: &fjall::Error) -> LogErrorKind {
    match error {
        fjall::Error::Locked => LogErrorKind::InUse,
        fjall::Error::Io(_) => LogErrorKind::Other,
        _ => LogErrorKind::Corrupt,
    }
}
