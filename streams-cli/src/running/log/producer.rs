//! Writes records into a running application's log. They are sent some at a time, and acknowledged when that is answered.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::Poll;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};
use streams_core::log::{
    CommitOutcome, GroupMetadata, LogError, LogErrorKind, OffsetToCommit, OutgoingRecord, Producer, SendError,
    TopicHandle,
};
use streams_core::record::{Headers, Offset, Partition};

use crate::running::{Caller, escaped};

/// A request has at most one megabyte; a record of that size is refused by most topics.
const BYTES_MAX: usize = 700 << 10;

pub(super) struct ProducerOfRunning {
    caller: Arc<Caller>,
    topics: Vec<String>,
    /// What has not been sent yet: records of one topic.
    queue: Vec<Json>,
    bytes: usize,
    queue_topic: TopicHandle,
    acknowledged: HashMap<(TopicHandle, Partition), Offset>,
}

impl ProducerOfRunning {
    pub(super) fn new(caller: Arc<Caller>) -> Self {
        Self {
            caller,
            topics: Vec::new(),
            queue: Vec::new(),
            bytes: 0,
            queue_topic: TopicHandle(0),
            acknowledged: HashMap::new(),
        }
    }

    fn name(&self, topic: TopicHandle) -> &str {
        usize::try_from(topic.0).ok().and_then(|index| self.topics.get(index)).map_or("", String::as_str)
    }

    /// Sends what is queued.
    fn send_queue(&mut self) -> Result<(), LogError> {
        let mut records = std::mem::take(&mut self.queue);
        self.bytes = 0;
        let is_single = records.len() == 1;
        let body = match records.pop() {
            None => return Ok(()),
            Some(record) if is_single => record,
            Some(last) => {
                records.push(last);
                Json::Array(records)
            }
        };
        let path = format!("/api/topics/{}/records", escaped(self.name(self.queue_topic)));
        let answer = self.caller.post(&path, Some(&body))?;
        let number = |name: &str| answer.get(name).and_then(Json::as_i64);
        if let (Some(partition), Some(offset)) = (number("partition"), number("offset")) {
            let partition = Partition(i32::try_from(partition).unwrap_or(0));
            self.acknowledged.insert((self.queue_topic, partition), Offset(offset).next());
        }
        Ok(())
    }
}

fn in_json(partition: Partition, record: OutgoingRecord<'_>) -> Json {
    let OutgoingRecord { key, value, timestamp, headers } = record;
    let mut json = Map::new();
    json.insert("partition".to_owned(), partition.0.into());
    json.insert("timestamp".to_owned(), timestamp.0.into());
    for (name, bytes) in [("key_base64", key), ("value_base64", value)] {
        json.insert(name.to_owned(), bytes.map_or(Json::Null, |bytes| STANDARD.encode(bytes).into()));
    }
    json.insert("raw".to_owned(), true.into());
    json.insert("headers".to_owned(), in_object(headers));
    Json::Object(json)
}

fn in_object(headers: &Headers) -> Json {
    let mut json = Map::new();
    for header in headers.iter() {
        let value = header.value.as_deref().map_or(Json::Null, |bytes| json!({ "base64": STANDARD.encode(bytes) }));
        if let Json::Array(values) = json.entry(&*header.name).or_insert_with(|| Json::Array(Vec::new())) {
            values.push(value);
        }
    }
    Json::Object(json)
}

impl Producer for ProducerOfRunning {
    fn topic(&mut self, name: &str) -> TopicHandle {
        let index = self.topics.iter().position(|known| known == name).unwrap_or_else(|| {
            self.topics.push(name.to_owned());
            self.topics.len() - 1
        });
        TopicHandle(u32::try_from(index).unwrap_or(u32::MAX))
    }

    fn send(&mut self, topic: TopicHandle, partition: Partition, record: OutgoingRecord<'_>) -> Result<(), SendError> {
        let json = in_json(partition, record);
        let bytes = json.to_string().len() + 1;
        if topic != self.queue_topic || self.bytes + bytes > BYTES_MAX {
            self.send_queue()?;
        }
        self.queue_topic = topic;
        self.bytes += bytes;
        self.queue.push(json);
        Ok(())
    }

    fn poll(&mut self) -> Result<(), LogError> {
        Ok(())
    }

    fn flush(&mut self) -> Poll<Result<(), LogError>> {
        Poll::Ready(self.send_queue())
    }

    fn in_flight(&self) -> usize {
        self.queue.len()
    }

    fn acknowledged(&self, topic: TopicHandle, partition: Partition) -> Option<Offset> {
        self.acknowledged.get(&(topic, partition)).copied()
    }

    fn init_transactions(&mut self) -> Poll<CommitOutcome> {
        Poll::Ready(CommitOutcome::Fatal(no_transactions()))
    }

    fn begin_transaction(&mut self) -> Result<(), LogError> {
        Err(no_transactions())
    }

    fn send_offsets(&mut self, _: &[OffsetToCommit], _: &GroupMetadata) -> Poll<CommitOutcome> {
        Poll::Ready(CommitOutcome::Fatal(no_transactions()))
    }

    fn commit_transaction(&mut self) -> Poll<CommitOutcome> {
        Poll::Ready(CommitOutcome::Fatal(no_transactions()))
    }

    fn abort_transaction(&mut self) -> Poll<CommitOutcome> {
        Poll::Ready(CommitOutcome::Fatal(no_transactions()))
    }
}

fn no_transactions() -> LogError {
    LogError::new(LogErrorKind::Invalid, "the log of a running application has no transactions for others")
}
