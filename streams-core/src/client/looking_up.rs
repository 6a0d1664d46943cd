//! What is there: topics, their partitions' bounds and settings, and how far a group has come.

use super::{Client, ClientError, StartAt};
use crate::log::TopicInfo;
use crate::record::{Offset, TopicPartition};

impl Client {
    /// All topics.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const CLICKS: Topic<String, i64> = Topic::new("clicks");
    ///
    /// let client = Client::new(Embedded::in_memory())?;
    /// client.create_topic(&CLICKS).partitions(2).create()?;
    /// client.send(&CLICKS, "ada", 1)?;
    /// assert_eq!(client.topics()?[0].partitions, 2);
    ///
    /// let partitions = client.partitions("clicks")?;
    /// let records: i64 = client.bounds(&partitions)?.iter().map(|(start, end)| end.0 - start.0).sum();
    /// assert_eq!(records, 1);
    /// assert_eq!(client.committed("nobody", &partitions)?, [None, None]);
    /// # Ok::<_, millstream::client::ClientError>(())
    /// ```
    ///
    /// # Errors
    /// When the log does not answer.
    pub fn topics(&self) -> Result<Vec<TopicInfo>, ClientError> {
        self.ask("looking up topics", |admin| admin.topics(None))
    }

    /// The settings of a topic, by their names in Kafka.
    ///
    /// # Errors
    /// When there is no such topic, or the log does not answer.
    pub fn topic_settings(&self, topic: &str) -> Result<Vec<(String, String)>, ClientError> {
        self.ask(format!("looking up settings of topic `{topic}`"), |admin| admin.topic_configs(topic))
    }

    /// The first offset of each partition, and the one behind its last committed record.
    ///
    /// # Errors
    /// When there is no such partition, or the log does not answer.
    pub fn bounds(&self, partitions: &[TopicPartition]) -> Result<Vec<(Offset, Offset)>, ClientError> {
        let (starts, ends) = (self.first_offsets(partitions)?, self.committed_ends(partitions)?);
        Ok(starts.into_iter().zip(ends).collect())
    }

    /// Where reading each partition of a topic would start.
    ///
    /// # Errors
    /// When there is no such topic, a partition does not have the offset, or the log does not answer.
    pub fn positions(
        &self,
        topic: &str,
        start: impl Into<StartAt>,
    ) -> Result<Vec<(TopicPartition, Offset)>, ClientError> {
        let partitions = self.partitions(topic)?;
        let starts = self.starts(&partitions, &start.into())?;
        Ok(partitions.into_iter().zip(starts).collect())
    }

    /// The positions that a group has committed; `None` where it has not committed any.
    ///
    /// # Errors
    /// When the log does not answer.
    pub fn committed(&self, group: &str, partitions: &[TopicPartition]) -> Result<Vec<Option<Offset>>, ClientError> {
        let doing = format!("looking up the positions of the group {group}");
        let committed = self.ask(doing, |admin| admin.committed(group, partitions.to_vec()))?;
        Ok(committed.into_iter().map(|committed| committed.map(|committed| committed.offset)).collect())
    }
}
