//! Follows topics into a store.
//!
//! Restoring a task's stores and keeping a global table up to date are the same job for different owners. Reading
//! continues at the position stored with the data, records become rows, and rows are written together with the
//! position after them. A [`Follower`] knows where to read each partition, how far it has been followed, and when it
//! has reached its initial end. The owner has the store, reads the topics, and turns records into rows.

use std::path::Path;

use super::AppError;
use super::bounds::Extent;
use super::notes::to_i64;
use crate::record::{Offset, TopicPartition};
use crate::state::kinds::StoreRow;
use crate::state::{GlobalStore, META, Store, StoreBatch, StoreError, StoreIndex};

/// The store that topics are followed into: a task's or a global table's.
pub(crate) trait Target {
    /// Reads a metadata entry.
    fn note(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    fn write(&mut self, batch: StoreBatch) -> Result<(), StoreError>;
}

impl Target for Box<dyn Store> {
    fn note(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.get(META, key)
    }

    fn write(&mut self, batch: StoreBatch) -> Result<(), StoreError> {
        (**self).write(batch)
    }
}

impl Target for &GlobalStore {
    fn note(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.get_in(META, key)
    }

    fn write(&mut self, batch: StoreBatch) -> Result<(), StoreError> {
        GlobalStore::write(self, batch)
    }
}

/// The partitions that are followed into a store.
pub(crate) struct Follower(Vec<Followed>);

/// One partition, and how far it has been followed.
struct Followed {
    partition: TopicPartition,
    store: StoreIndex,
    /// The metadata key of the position after the stored rows.
    note: Vec<u8>,
    /// Where reading continues.
    position: Option<Offset>,
    /// How far the partition could be read when following started.
    end: Offset,
}

/// Why a partition cannot be followed.
pub(crate) enum CannotFollow {
    /// The store failed.
    Store(StoreError),
    /// The store is ahead of the partition: the topic was truncated, or is a different one.
    Lost { partition: TopicPartition, stored: Offset, end: Offset },
}

impl From<StoreError> for CannotFollow {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl CannotFollow {
    /// The error for the application's user; `store` adds whose store it is.
    pub(crate) fn into_error(self, folder: &Path, store: impl FnOnce(StoreError) -> AppError) -> AppError {
        match self {
            Self::Store(error) => store(error),
            Self::Lost { partition, stored, end } => {
                AppError::TableTopicTruncated { partition, end: end.0, stored: stored.0, folder: folder.to_owned() }
            }
        }
    }
}

impl Follower {
    /// Follows each partition into a store, from the position stored under its metadata key.
    pub(crate) fn new(
        target: &impl Target,
        partitions: impl IntoIterator<Item = (TopicPartition, StoreIndex, Vec<u8>)>,
        folder: &Path,
    ) -> Result<Self, StoreError> {
        let followed = partitions.into_iter().map(|(partition, store, note)| {
            let position = target.note(&note)?.map(|bytes| to_i64(&bytes, &note, folder)).transpose()?.map(Offset);
            Ok(Followed { partition, store, note, position, end: Offset(0) })
        });
        followed.collect::<Result<_, _>>().map(Self)
    }

    /// The partitions, in the order given to [`Follower::new`].
    pub(crate) fn partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        self.0.iter().map(|followed| &followed.partition)
    }

    pub(crate) fn follows(&self, partition: &TopicPartition) -> bool {
        self.partitions().any(|followed| followed == partition)
    }

    /// Where to continue reading a partition, if that is known.
    pub(crate) fn position(&self, partition: &TopicPartition) -> Option<Offset> {
        self.0.iter().find(|followed| followed.partition == *partition)?.position
    }

    /// How far a partition could be read when following started.
    pub(crate) fn end(&self, partition: &TopicPartition) -> Option<Offset> {
        self.0.iter().find(|followed| followed.partition == *partition).map(|followed| followed.end)
    }

    /// Empties a store and forgets its positions in one batch; otherwise, after a crash, a partly filled store could
    /// be taken for a complete one.
    pub(crate) fn clear(&mut self, target: &mut impl Target, store: StoreIndex) -> Result<(), StoreError> {
        let mut batch = StoreBatch::default();
        batch.clear(store);
        for followed in self.0.iter_mut().filter(|followed| followed.store == store) {
            batch.delete(META, followed.note.as_slice());
            followed.position = None;
        }
        target.write(batch)
    }

    /// Decides where reading starts, given where the partitions begin and end. A store is emptied if a partition no
    /// longer has the records after its rows: rows deleted in the gap would stay for ever.
    pub(crate) fn begin(&mut self, target: &mut impl Target, bounds: &[Extent]) -> Result<(), CannotFollow> {
        let mut gaps = Vec::new();
        for (followed, Extent { start, end, readable }) in self.0.iter_mut().zip(bounds) {
            let (partition, stored) = (&followed.partition, followed.position);
            if let Some(stored) = stored.filter(|stored| stored > end) {
                return Err(CannotFollow::Lost { partition: partition.clone(), stored, end: *end });
            }
            if let Some(stored) = stored.filter(|stored| stored < start) {
                tracing::warn!(%partition, stored = stored.0, start = start.0,
                    "the topic no longer holds what follows the local state; rebuilding the store from what is left");
                gaps.push(followed.store);
            }
            followed.end = *readable;
        }
        for store in gaps {
            self.clear(target, store)?;
        }
        for (followed, extent) in self.0.iter_mut().zip(bounds) {
            followed.position.get_or_insert(extent.start);
        }
        Ok(())
    }

    /// The partitions that are not read to the end, each with the position to read from.
    pub(crate) fn left(&self) -> impl Iterator<Item = (&TopicPartition, Offset)> {
        self.0.iter().filter_map(|followed| {
            let position = followed.position?;
            (position < followed.end).then_some((&followed.partition, position))
        })
    }

    /// How many offsets are left up to the partitions' initial ends.
    pub(crate) fn remaining(&self) -> u64 {
        let remaining = |followed: &Followed| followed.end.0 - followed.position.unwrap_or_default().0;
        self.0.iter().map(|followed| u64::try_from(remaining(followed)).unwrap_or(0)).sum()
    }

    /// Writes a partition's rows and the position after them in one batch, so that a crash neither loses nor repeats
    /// any.
    pub(crate) fn apply(
        &mut self,
        target: &mut impl Target,
        partition: &TopicPartition,
        rows: impl IntoIterator<Item = StoreRow>,
        next: Offset,
    ) -> Result<(), StoreError> {
        let Some(followed) = self.0.iter().find(|followed| followed.partition == *partition) else {
            return Ok(());
        };
        let mut changes = StoreBatch::default();
        for (key, value) in rows {
            match value {
                Some(value) => changes.put(followed.store, key, value),
                None => changes.delete(followed.store, key),
            }
        }
        self.apply_batch(target, partition, changes, next)
    }

    /// As [`Follower::apply`], for changes of any sort.
    pub(crate) fn apply_batch(
        &mut self,
        target: &mut impl Target,
        partition: &TopicPartition,
        mut changes: StoreBatch,
        next: Offset,
    ) -> Result<(), StoreError> {
        let Some(followed) = self.0.iter_mut().find(|followed| followed.partition == *partition) else {
            return Ok(());
        };
        changes.put(META, followed.note.as_slice(), next.0.to_be_bytes());
        target.write(changes)?;
        followed.position = Some(next);
        Ok(())
    }

    /// Call this when a partition was read to its end. Unlike the last record's offset, the end is also after markers
    /// and compacted records.
    pub(crate) fn reached(&mut self, partition: &TopicPartition, position: Offset) {
        if let Some(followed) = self.0.iter_mut().find(|followed| followed.partition == *partition) {
            followed.position = followed.position.max(Some(position));
        }
    }

    /// Whether every partition has been followed to its initial end.
    pub(crate) fn is_complete(&self) -> bool {
        self.0.iter().all(|followed| followed.position.is_some_and(|position| position >= followed.end))
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Bound;

    use super::*;
    use crate::state::{Memory, StateBackend};
    use crate::testing::KeptState;

    const ROWS: StoreIndex = StoreIndex(1);

    fn store() -> Box<dyn Store> {
        Memory.open(Path::new("unused"), &["rows".to_owned()]).expect("memory always opens")
    }

    fn follower(store: &impl Target) -> Follower {
        let partitions = [0, 1].map(|number| {
            let partition = TopicPartition::new("t", number);
            (partition, ROWS, format!("position/{number}").into_bytes())
        });
        Follower::new(store, partitions, Path::new("unused")).expect("notes")
    }

    /// A partition without open transactions.
    fn extent(start: i64, end: i64) -> Extent {
        Extent { start: Offset(start), end: Offset(end), readable: Offset(end) }
    }

    fn row(key: &str) -> StoreRow {
        (key.into(), Some(b"v".to_vec()))
    }

    fn keys(store: &dyn Store) -> Vec<String> {
        let rows = store.range(ROWS, Bound::Unbounded, Bound::Unbounded);
        rows.map(|row| String::from_utf8(row.expect("readable").0.into_vec()).expect("text")).collect()
    }

    #[test]
    fn rows_and_positions_are_found_again() {
        let (mut store, t0, t1) = (store(), TopicPartition::new("t", 0), TopicPartition::new("t", 1));
        let mut first = follower(&store);
        first.begin(&mut store, &[extent(0, 4), extent(2, 3)]).ok().expect("no trouble");
        let left = |follower: &Follower| follower.left().map(|(_, position)| position.0).collect::<Vec<_>>();
        assert_eq!((left(&first), first.remaining(), first.is_complete()), (vec![0, 2], 5, false));
        first.apply(&mut store, &t0, [row("a"), ("b".into(), None)], Offset(3)).expect("written");
        first.reached(&t1, Offset(3));
        assert_eq!((left(&first), first.remaining(), first.is_complete()), (vec![3], 1, false));

        let mut second = follower(&store);
        assert_eq!((second.position(&t0), second.position(&t1)), (Some(Offset(3)), None));
        second.begin(&mut store, &[extent(0, 3), extent(3, 3)]).ok().expect("no trouble");
        assert!(second.is_complete(), "there is nothing new");
        assert_eq!(keys(&*store), ["a"]);
    }

    #[test]
    fn a_gap_in_one_partition_empties_the_whole_store() {
        let (mut store, t0, t1) = (store(), TopicPartition::new("t", 0), TopicPartition::new("t", 1));
        let mut first = follower(&store);
        let bounds = [extent(0, 9), extent(0, 9)];
        first.begin(&mut store, &bounds).ok().expect("no trouble");
        for (partition, key) in [(&t0, "a"), (&t1, "b")] {
            first.apply(&mut store, partition, [row(key)], Offset(5)).expect("written");
        }
        let mut second = follower(&store);
        second.begin(&mut store, &[extent(0, 9), extent(6, 9)]).ok().expect("no trouble");
        assert_eq!((second.position(&t0), second.position(&t1)), (Some(Offset(0)), Some(Offset(6))));
        assert_eq!(keys(&*store), [""; 0]);
        assert_eq!(follower(&store).position(&t0), None, "its note is gone, too");
    }

    #[test]
    fn a_topic_that_ends_before_what_is_stored_is_another_one() {
        let (mut store, t0) = (store(), TopicPartition::new("t", 0));
        let mut first = follower(&store);
        first.apply(&mut store, &t0, [row("a")], Offset(5)).expect("written");
        let outcome = follower(&store).begin(&mut store, &[extent(0, 4), extent(0, 0)]);
        let Err(CannotFollow::Lost { partition, stored, end }) = outcome else { panic!("it is not lost") };
        assert_eq!((partition, stored, end), (t0, Offset(5), Offset(4)));
    }

    #[test]
    fn a_store_is_emptied_by_one_change_however_many_rows_it_has() {
        let state = KeptState::default();
        let mut store = state.open(Path::new("rows"), &["rows".to_owned()]).expect("it opens");
        let mut rows = StoreBatch::default();
        (0..1_000_u16).for_each(|number| rows.put(ROWS, number.to_be_bytes(), "a row"));
        rows.put(META, "position/0", 7_i64.to_be_bytes());
        rows.put(META, "format", "1");
        state.write("rows", rows).expect("written");
        let mut follower = follower(&store);
        assert_eq!(follower.position(&TopicPartition::new("t", 0)), Some(Offset(7)));
        follower.clear(&mut store, ROWS).expect("cleared");
        assert_eq!((state.rows("rows", ROWS), state.largest_batch()), (Ok(0), 3));
        assert_eq!(state.get("rows", META, b"position/0"), Ok(None));
        assert_eq!(state.get("rows", META, b"format"), Ok(Some(b"1".to_vec())));
    }
}
