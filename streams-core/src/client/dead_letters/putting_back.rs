//! Puts one letter's record back where it came from.

use super::{DeadLetter, DeadLetters, Stays, WayBack};
use crate::client::ClientError;
use crate::record::{Offset, Partition, Record, TopicPartition};

/// Why a record was not put back.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PutBackError {
    /// It should not go back.
    #[error("dead letter {partition}@{offset} stays: {why}")]
    Stays {
        /// The letter's partition.
        partition: Partition,
        /// Its place there.
        offset: Offset,
        /// Why.
        why: Stays,
    },
    /// The topic that it came from cannot be found or written. If the log did not answer, it may have been written.
    #[error("dead letter {partition}@{offset} was not put back: {error}")]
    Client {
        /// The letter's partition.
        partition: Partition,
        /// Its place there.
        offset: Offset,
        /// Why.
        error: ClientError,
    },
}

crate::debug_says_what_display_says!(PutBackError);

impl DeadLetters {
    /// Puts a letter's record back into the topic and partition that it came from, with its own key, value, headers and time,
    /// and returns where it is now. One that has been put back `at_most` times before, by this or by a
    /// [`Replay`](crate::dead_letters::Replay), stays.
    ///
    /// The letter stays in its topic, too, and nothing remembers that its record was put back: whoever calls this twice
    /// puts it back twice, and so does a `Replay` that has not come by.
    ///
    /// # Errors
    /// When it should stay, or the topic cannot be written.
    pub fn put_back(&self, letter: &DeadLetter, at_most: u32) -> Result<(TopicPartition, Offset), PutBackError> {
        let DeadLetter { partition, offset, record } = letter;
        let (partition, offset) = (*partition, *offset);
        let way = WayBack::of(&record.headers, record.timestamp, at_most);
        let way = way.map_err(|why| PutBackError::Stays { partition, offset, why })?;
        self.write(way, record).map_err(|error| PutBackError::Client { partition, offset, error })
    }

    fn write(
        &self,
        way: WayBack,
        record: &Record<super::Field, super::Field>,
    ) -> Result<(TopicPartition, Offset), ClientError> {
        let WayBack { topic, partition, timestamp, headers } = way;
        // An embedded log would create one that was deleted, and nobody would read it.
        let found = self.client.topic(&topic)?;
        let partition = partition.filter(|partition| i64::from(partition.0) < i64::from(found.partitions));
        let Record { key, value, .. } = record.clone();
        self.client.send_record(&self.client.raw(&topic)?, Record { key, value, timestamp, headers }, partition)
    }
}
