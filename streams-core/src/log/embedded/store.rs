//! The store behind a durable log: a fjall database that opens quickly, because it is closed with an empty journal.
//!
//! fjall writes each change to a journal, and moves what has gathered in memory to table files later. When a database is
//! opened, its whole journal is read, even the part that is in tables; and a journal is deleted only once it has grown
//! to 64 MB. So [`Store`] moves everything to tables when it is closed, and then empties the journal. A process that is
//! killed cannot do that, so opening makes up for it: otherwise everybody who opens the log until the next clean stop
//! would read the same journal again.
//!
//! This file owns the files' lifecycle. What is in them is up to `storage.rs`.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use fjall::{
    AbstractTree, Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, OwnedWriteBatch, PersistMode,
};

mod folders;
#[cfg(test)]
mod kills;

/// The store's memory for batches that are not in a table file yet, and for blocks that were read.
const MEMTABLE_BYTES: u64 = 16 * 1024 * 1024;
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// Journals that are full are deleted as soon as possible once they exceed this. It is the least that fjall allows.
const JOURNALS_BYTES: u64 = 64 * 1024 * 1024;

/// A shorter journal is read in no time, and not worth more table files.
const SHORT_JOURNAL_BYTES: u64 = 1024 * 1024;

/// What fjall writes into the journal for an item apart from its key and value, roughly.
const ITEM_BYTES: usize = 24;

/// An open database. Dropping it closes it.
pub(super) struct Store {
    pub(super) records: Keyspace,
    pub(super) index: Keyspace,
    pub(super) meta: Keyspace,
    database: Database,
    // Behind the database, which is closed before its journal is emptied.
    journal: Journal,
}

impl Store {
    /// Opens the store in a folder that nobody else uses, and creates it if necessary.
    pub(super) fn open(folder: &Path) -> fjall::Result<Self> {
        let store = Self::open_as_it_is(folder)?;
        if store.journal.is_short() {
            return Ok(store);
        }
        // A process that was killed left it.
        drop(store);
        Self::open_as_it_is(folder)
    }

    fn open_as_it_is(folder: &Path) -> fjall::Result<Self> {
        folders::remove_unfinished(folder)?;
        let is_new = !folder.try_exists()?;
        let database = Database::builder(folder).cache_size(CACHE_BYTES).max_journaling_size(JOURNALS_BYTES).open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        // Batches are large, written once and deleted in bulk, so compaction need not copy them.
        let separated = || options().with_kv_separation(Some(KvSeparationOptions::default()));
        let records = database.keyspace("records", separated)?;
        let index = database.keyspace("index", options)?;
        let meta = database.keyspace("meta", options)?;
        let mut journal = Journal { folder: folder.to_owned(), bytes: AtomicU64::new(0), is_in_tables: false };
        // A new journal gets its space in advance. Of one that is read, fjall cuts off what is not used.
        if is_new {
            folders::sync_names(folder)?;
        } else {
            *journal.bytes.get_mut() = journal.length()?;
        }
        Ok(Self { records, index, meta, database, journal })
    }

    /// Starts to gather changes that are written atomically.
    pub(super) fn begin(&self, durability: PersistMode) -> Changes<'_> {
        Changes { store: self, batch: self.database.batch().durability(Some(durability)), bytes: 0 }
    }

    /// Ensures that everything written so far survives a power cut.
    pub(super) fn sync(&self) -> fjall::Result<()> {
        self.database.persist(PersistMode::SyncData)
    }

    /// Moves everything to tables, which are synced. Nobody may be writing.
    fn move_to_tables(&self) -> fjall::Result<()> {
        // Fails if an earlier write or sync has failed: then only the journal tells what was written.
        self.database.persist(PersistMode::SyncAll)?;
        for keyspace in [&self.records, &self.index, &self.meta] {
            let tree = &keyspace.tree;
            let lock = tree.get_flush_lock();
            tree.rotate_memtable();
            // Nobody reads older versions of a row.
            tree.flush(&lock, self.database.seqno())?;
            if tree.sealed_memtable_count() > 0 || tree.active_memtable().size() > 0 {
                return Err(fjall::Error::Io(io::Error::other("some of it is still in memory")));
            }
        }
        Ok(())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if self.journal.is_short() {
            return;
        }
        match self.move_to_tables() {
            Ok(()) => self.journal.is_in_tables = true,
            Err(error) => tracing::warn!(
                %error,
                folder = %self.journal.folder.display(),
                "the embedded log's journal cannot be moved to its tables; the next start reads it again"
            ),
        }
    }
}

/// Changes that are written atomically.
pub(super) struct Changes<'a> {
    store: &'a Store,
    batch: OwnedWriteBatch,
    bytes: usize,
}

impl Changes<'_> {
    pub(super) fn insert(&mut self, keyspace: &Keyspace, key: &[u8], value: Vec<u8>) {
        self.bytes += ITEM_BYTES + key.len() + value.len();
        self.batch.insert(keyspace, key, value);
    }

    pub(super) fn remove(&mut self, keyspace: &Keyspace, key: &[u8]) {
        self.bytes += ITEM_BYTES + key.len();
        self.batch.remove(keyspace, key);
    }

    pub(super) fn commit(self) -> fjall::Result<()> {
        // Counted even if it fails: then some of it may have been written.
        self.store.journal.bytes.fetch_add(self.bytes as u64, Ordering::Relaxed);
        self.batch.commit()
    }
}

/// The journal's files.
struct Journal {
    folder: PathBuf,
    /// About how much is in them.
    bytes: AtomicU64,
    /// Whether everything in them is in tables too, and nothing will be added.
    is_in_tables: bool,
}

impl Journal {
    fn is_short(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) <= SHORT_JOURNAL_BYTES
    }

    /// The files, starting with the oldest.
    fn files(&self) -> io::Result<Vec<PathBuf>> {
        let number = |path: &Path| path.file_stem()?.to_str()?.parse::<u64>().ok();
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "jnl")
                && let Some(number) = number(&path)
            {
                files.push((number, path));
            }
        }
        files.sort();
        Ok(files.into_iter().map(|(_, path)| path).collect())
    }

    fn length(&self) -> io::Result<u64> {
        let lengths = self.files()?.into_iter().map(|path| match path.metadata() {
            Ok(metadata) => Ok(metadata.len()),
            // Its last record has just come into a table.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        });
        lengths.sum()
    }

    /// Leaves the files empty, as they are after a start with nothing in them.
    fn empty(&self) -> io::Result<()> {
        folders::sync_names(&self.folder)?;
        for path in self.files()? {
            let file = OpenOptions::new().write(true).open(path)?;
            file.set_len(0)?;
            file.sync_all()?;
        }
        Ok(())
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if !self.is_in_tables {
            return;
        }
        if let Err(error) = self.empty() {
            tracing::warn!(
                %error,
                folder = %self.folder.display(),
                "the embedded log's journal cannot be emptied; the next start reads it again"
            );
        }
    }
}
