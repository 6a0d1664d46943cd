//! How far somebody is behind in time, who has come to some offset of a partition.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::{Client, ClientError};
use crate::record::{Offset, Timestamp, TopicPartition};

/// How many offsets are looked at for the next record: markers of transactions and deleted records have some, too.
const OFFSETS_MAX: i64 = 100;

/// How old the next record is, if there is one: zero if there is none, `None` if it is not known. Records from the future are
/// new.
///
/// ```
/// use millstream::client::time_lag;
/// use millstream::record::Timestamp;
/// use std::time::Duration;
///
/// let (next, now) = (Timestamp(9_500), Timestamp(10_000));
/// assert_eq!(time_lag(Some(next), false, now), Some(Duration::from_millis(500)));
/// assert_eq!(time_lag(None, true, now), Some(Duration::ZERO));
/// assert_eq!(time_lag(None, false, now), None);
/// ```
#[must_use]
pub fn time_lag(next: Option<Timestamp>, is_caught_up: bool, now: Timestamp) -> Option<Duration> {
    let age = next.filter(|next| next.0 >= 0).map(|next| now.0.saturating_sub(next.0));
    let age = age.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
    // A record that is there is there, whatever the log said of its end a moment ago.
    age.or_else(|| is_caught_up.then_some(Duration::ZERO))
}

impl Client {
    /// The times of the first committed records of a topic in those ranges of offsets. No more than a few records are read of
    /// each partition; where there is none among them, none is told.
    ///
    /// # Errors
    /// As [`Client::records`].
    pub fn first_times(
        &self,
        topic: &str,
        ranges: impl IntoIterator<Item = (TopicPartition, Range<Offset>)>,
    ) -> Result<BTreeMap<TopicPartition, Timestamp>, ClientError> {
        let topic = self.raw(topic)?;
        let first = |(partition, range): (_, Range<Offset>)| {
            let end = range.end.min(Offset(range.start.0.saturating_add(OFFSETS_MAX)));
            (partition, range.start..end)
        };
        let ranges: Vec<_> = ranges.into_iter().map(first).filter(|(_, range)| !range.is_empty()).collect();
        let mut times = BTreeMap::new();
        if ranges.is_empty() {
            return Ok(times);
        }
        for received in self.records_in(&topic, ranges)? {
            let received = received?;
            times.entry(received.partition).or_insert(received.record.timestamp);
        }
        Ok(times)
    }
}
