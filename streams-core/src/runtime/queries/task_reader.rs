//! Reads a task's committed rows beside its worker: all of them where the backend can do that without slowing the worker down,
//! and single ones anywhere. While everything is committed, those are also the latest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Look, Position};
use crate::record::{Offset, TopicPartition};
use crate::runtime::notes::position_key;
use crate::state::rows::RowError;
use crate::state::{FreshRows, KeyOrder, KeyRange, META, StoreIndex, StoreKind, StoreReader, StoreSnapshot};

/// A task's committed state, and what lies where in it.
pub(crate) struct TaskReader {
    reader: Arc<dyn StoreReader>,
    stores: BTreeMap<Arc<str>, (StoreIndex, Arc<dyn StoreKind>)>,
    inputs: Vec<Input>,
    /// Whether more than a single row may be read.
    reads_pages: bool,
    /// Whether the task is this instance's: not while it is suspended.
    is_current: AtomicBool,
    /// Whether everything that the task has done is committed.
    is_clean: AtomicBool,
}

/// What a task reads, and where in its state it is noted how far. A question needs the key each time.
struct Input {
    partition: TopicPartition,
    position_key: Vec<u8>,
}

impl TaskReader {
    pub(crate) fn new(
        reader: Arc<dyn StoreReader>,
        stores: impl Iterator<Item = (Arc<str>, StoreIndex, Arc<dyn StoreKind>)>,
        inputs: impl Iterator<Item = TopicPartition>,
        reads_pages: bool,
    ) -> Self {
        Self {
            reader,
            stores: stores.map(|(name, index, kind)| (name, (index, kind))).collect(),
            inputs: inputs.map(|partition| Input { position_key: position_key(&partition.topic), partition }).collect(),
            reads_pages,
            is_current: AtomicBool::new(true),
            is_clean: AtomicBool::new(false),
        }
    }

    /// Whether it may be asked for more than a single row.
    pub(crate) const fn reads_pages(&self) -> bool {
        self.reads_pages
    }

    /// Tells whether everything that the task has done is committed. Whoever has been told a row by the worker must not be
    /// told an older one from here.
    pub(crate) fn set_clean(&self, is_clean: bool) {
        self.is_clean.store(is_clean, Ordering::SeqCst);
    }

    /// Whether what is committed is the latest.
    pub(crate) fn is_clean(&self) -> bool {
        self.is_clean.load(Ordering::SeqCst)
    }

    /// Tells whether the task is this instance's.
    pub(crate) fn set_current(&self, is_current: bool) {
        self.is_current.store(is_current, Ordering::Relaxed);
    }

    /// Lets a question look at a store, for a single row if it `is_glance`, if the store has got as far as is wanted; otherwise
    /// the worker has to be asked.
    pub(crate) fn look<T>(
        &self,
        store: &Arc<str>,
        at_least: &Position,
        is_glance: bool,
        look: impl FnOnce(Look<'_>) -> T,
    ) -> Option<T> {
        let (index, kind) = self.stores.get(store).filter(|_| self.is_current.load(Ordering::Relaxed))?;
        let (mut look, mut answer) = (Some(look), None);
        let mut see = |snapshot: &dyn StoreSnapshot| {
            let Some(position) = self.position(snapshot).filter(|position| position.includes(at_least)) else { return };
            let mut rows = SnapshotRows { name: store, index: *index, snapshot };
            if let Some(look) = look.take() {
                answer = Some(look(Look { rows: &mut rows, kind: &**kind, newest: None, position, estimate: None }));
            }
        };
        let looked = if is_glance { self.reader.glance(&mut see) } else { self.reader.look(&mut see) };
        // A store that was closed in between has an owner who knows more.
        looked.ok().and(answer)
    }

    /// How far the state is, as far as that is noted beside it.
    fn position(&self, snapshot: &dyn StoreSnapshot) -> Option<Position> {
        let offset = |input: &Input| {
            let noted = snapshot.get(META, &input.position_key).ok()??;
            Some((input.partition.clone(), Offset(i64::from_be_bytes(noted.try_into().ok()?))))
        };
        self.inputs.iter().map(offset).collect()
    }
}

/// A store in a snapshot.
struct SnapshotRows<'a> {
    name: &'a Arc<str>,
    index: StoreIndex,
    snapshot: &'a dyn StoreSnapshot,
}

impl FreshRows for SnapshotRows<'_> {
    fn name(&self) -> &Arc<str> {
        self.name
    }

    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, RowError> {
        Ok(self.snapshot.get(self.index, key)?)
    }

    fn scan(&mut self, range: KeyRange<'_>, each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), RowError> {
        let (from, to) = (range.from, range.to);
        let pairs = match range.order {
            KeyOrder::Ascending => self.snapshot.range(self.index, from, to),
            KeyOrder::Descending => self.snapshot.range_reverse(self.index, from, to),
        };
        for pair in pairs {
            let (key, row) = pair?;
            if !each(&key, &row) {
                break;
            }
        }
        Ok(())
    }
}
