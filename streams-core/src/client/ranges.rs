//! Reads parts of a topic, a little at a time.

use std::ops::Range;

use super::{Client, ClientError, Tail};
use crate::record::{Offset, TopicPartition};
use crate::topic::Topic;
use crate::wire::Field;

/// What is fetched ahead: whoever reads a part of a topic may read no more than a few records of it.
const PREFETCH_BYTES: usize = 1 << 20;

impl Client {
    /// The committed records of a topic in those ranges of offsets. They are fetched a few at a time.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::record::Offset;
    ///
    /// const CLICKS: Topic<(), i64> = Topic::new("clicks");
    ///
    /// let client = Client::new(Embedded::in_memory())?;
    /// client.send_all(&CLICKS, (0..10).map(|click| ((), click)))?;
    /// let range = client.partitions("clicks")?.into_iter().map(|partition| (partition, Offset(3)..Offset(5)));
    /// let clicks = client.records_in(&CLICKS, range)?.collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!(clicks.iter().map(|click| click.record.value).collect::<Vec<_>>(), [3, 4]);
    /// # Ok::<_, millstream::client::ClientError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::records`]; ranges that are not there are items of the iterator.
    pub fn records_in<K: Field, V: Field>(
        &self,
        topic: &Topic<K, V>,
        ranges: impl IntoIterator<Item = (TopicPartition, Range<Offset>)>,
    ) -> Result<Tail<K, V>, ClientError> {
        let (starts, ends): (Vec<_>, _) =
            ranges.into_iter().map(|(partition, range)| ((partition, range.start), range.end)).unzip();
        Tail::fetching(self, topic, starts, Some(ends), Some(PREFETCH_BYTES))
    }

    /// The committed records of some partitions from those offsets on, and then those that are still to come. They are fetched
    /// a few at a time.
    ///
    /// # Errors
    /// As [`Client::tail`].
    pub fn tail_of<K: Field, V: Field>(
        &self,
        topic: &Topic<K, V>,
        positions: impl IntoIterator<Item = (TopicPartition, Offset)>,
    ) -> Result<Tail<K, V>, ClientError> {
        Tail::fetching(self, topic, positions, None, Some(PREFETCH_BYTES))
    }
}
