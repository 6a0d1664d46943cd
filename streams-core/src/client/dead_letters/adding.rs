//! Adds a letter for somebody who is no application, such as a sink.

use bytes::Bytes;

use super::DeadLetters;
use crate::client::ClientError;
use crate::letter_headers::{EXCEPTION, MESSAGE, NODE, OFFSET, PARTITION, REASON, STACK_TRACE, TIMESTAMP, TOPIC};
use crate::log::RecordRef;
use crate::record::{Offset, Record, TopicPartition};

impl DeadLetters {
    /// Writes a record of `partition` that `node` could not deal with, and returns where the letter is. It has the record's
    /// key, value and headers, and those of KIP-1034 behind them; an application's own letters look the same, so all tools
    /// read it and can put it back. The topic must be there, except on an embedded log.
    ///
    /// ```
    /// use millstream::client::Newest;
    /// use millstream::log::BatchBuilder;
    /// use millstream::prelude::*;
    /// use millstream::record::{Offset, TopicPartition};
    ///
    /// let mut batch = BatchBuilder::default();
    /// batch.push(Offset(7), Timestamp(1), Some(b"ada"), Some(b"not a number"), &Headers::new());
    /// let batch = batch.finish(Offset(8));
    ///
    /// let letters = Client::new(Embedded::in_memory())?.dead_letters("dead-letters")?;
    /// letters.add(&batch.get(0).unwrap(), &TopicPartition::new("cents", 2), "cents-to-sql", "`amount` is no number")?;
    ///
    /// let page = letters.newest(&Newest { limit: 10, ..Newest::default() })?;
    /// let letter = &page.records[0];
    /// assert_eq!((letter.node(), letter.reason()), ("cents-to-sql", "refused"));
    /// assert_eq!(letter.origin().map(|origin| origin.to_string()), Some("cents/2@7".to_owned()));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the topic cannot be written; if the log did not answer, the letter may have been written.
    pub fn add(
        &self,
        record: &RecordRef<'_>,
        partition: &TopicPartition,
        node: &str,
        why: &str,
    ) -> Result<(TopicPartition, Offset), ClientError> {
        let mut headers = record.headers();
        headers.push(EXCEPTION, "millstream::Refused");
        headers.push(MESSAGE, why.to_owned());
        headers.push(STACK_TRACE, format!("at {node}\n"));
        headers.push(TOPIC, partition.topic.to_string());
        headers.push(PARTITION, partition.partition.0.to_string());
        headers.push(OFFSET, record.offset.0.to_string());
        headers.push(NODE, node.to_owned());
        headers.push(REASON, "refused");
        let timestamp = match record.timestamp.0 {
            0.. => record.timestamp,
            odd => {
                headers.push(TIMESTAMP, odd.to_string());
                self.client.inner.clock.now()
            }
        };
        let bytes = |bytes: Option<&[u8]>| bytes.map(Bytes::copy_from_slice);
        let letter = Record { key: bytes(record.key), value: bytes(record.value), timestamp, headers };
        self.client.send_record(&self.topic, letter, None)
    }
}
