//! The port that targets implement.

use streams_core::log::RecordRef;
use streams_core::record::{Offset, TopicPartition};

/// Where a sink carries records to.
///
/// All calls come from one thread and may take time: nobody waits for them but the sink. One that takes longer than the group
/// allows a member to be silent (minutes on Kafka) costs the sink its partitions, so let connections time out before that.
pub trait Target: Send {
    /// What it is, in a few words for people, such as `SQLite database read.db`.
    fn describe(&self) -> String;

    /// Prepares to be given a partition, and returns the offset to go on from. A target that keeps positions with its data
    /// returns its own, and sees to it that whoever had the partition before can write nothing any more; one that does not
    /// returns `begin`, the group's position or else the topic's first record.
    ///
    /// # Errors
    /// See [`TargetError`].
    fn take(&mut self, partition: &TopicPartition, begin: Offset) -> Result<Offset, TargetError>;

    /// Writes records of a partition, in order, and returns when they are safe. `from` is the offset that the last write to the
    /// partition, or [`Target::take`], has ended at; `next` is the one to go on from after this. There may be no records, when
    /// only the position advances.
    ///
    /// If it fails, nothing may be written; a target that cannot do that says so in its documentation.
    ///
    /// # Errors
    /// See [`TargetError`].
    fn write(
        &mut self,
        partition: &TopicPartition,
        from: Offset,
        records: &[RecordRef<'_>],
        next: Offset,
    ) -> Result<(), TargetError>;

    /// Somebody else may have the partition from now on. It is also called for partitions that were lost.
    fn release(&mut self, partition: &TopicPartition);
}

/// For programs that choose the target as they run.
impl<T: Target + ?Sized> Target for Box<T> {
    fn describe(&self) -> String {
        (**self).describe()
    }

    fn take(&mut self, partition: &TopicPartition, begin: Offset) -> Result<Offset, TargetError> {
        (**self).take(partition, begin)
    }

    fn write(
        &mut self,
        partition: &TopicPartition,
        from: Offset,
        records: &[RecordRef<'_>],
        next: Offset,
    ) -> Result<(), TargetError> {
        (**self).write(partition, from, records, next)
    }

    fn release(&mut self, partition: &TopicPartition) {
        (**self).release(partition);
    }
}

/// Why a target has not written. Each variant says what happens next.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// It cannot be reached, or is busy: the sink tries again, for as long as it takes.
    #[error("{0}")]
    Unavailable(String),
    /// It will never accept this record. What becomes of it, [`OnRefused`](super::OnRefused) says; the others are written.
    #[error("the record at offset {offset} is refused: {reason}")]
    Refused {
        /// Which record.
        offset: Offset,
        /// Why, with the value and the column or field that it is about.
        reason: String,
    },
    /// Somebody else has taken the partition over.
    #[error("{0}")]
    Fenced(String),
    /// It is pointless to go on: the sink ends.
    #[error("{0}")]
    Fatal(String),
}

streams_core::debug_says_what_display_says!(TargetError);
