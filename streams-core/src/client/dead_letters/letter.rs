//! A dead letter, and what its headers say.

use std::fmt;

use bytes::Bytes;

use super::Field;
use crate::client::Received;
use crate::letter_headers::{ATTEMPTS, EXCEPTION, MESSAGE, NODE, OFFSET, PARTITION, REASON, REPLAYS, TOPIC};
use crate::record::{Headers, Offset, Partition, Record};

/// A record that an application has left out, as it was, with headers that say why. What they do not say is empty or `None`:
/// anybody can write a record into a topic of dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Where the letter is.
    pub partition: Partition,
    /// Its place there.
    pub offset: Offset,
    /// The record that was left out, with the headers of both.
    pub record: Record<Option<Bytes>, Option<Bytes>>,
}

/// Where a record was, or could not be written to. `prices/0@42`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Origin {
    /// The topic.
    pub topic: String,
    /// `None` if the record could not be written to the topic.
    pub partition: Option<Partition>,
    /// `None` likewise.
    pub offset: Option<Offset>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |number: Option<i64>| number.unwrap_or(-1);
        let (partition, offset) =
            (self.partition.map(|partition| partition.0.into()), self.offset.map(|offset| offset.0));
        write!(f, "{}/{}@{}", self.topic, number(partition), number(offset))
    }
}

impl From<Received<Field, Field>> for DeadLetter {
    fn from(received: Received<Field, Field>) -> Self {
        let Received { record, partition, offset } = received;
        Self { partition: partition.partition, offset, record }
    }
}

impl DeadLetter {
    /// Where the record came from; `None` if it is not made of one record.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        let headers = &self.record.headers;
        let topic = Some(text(headers, TOPIC)).filter(|topic| !topic.is_empty())?;
        let partition = number(headers, PARTITION).and_then(|partition| i32::try_from(partition).ok());
        Some(Origin {
            topic: topic.to_owned(),
            partition: partition.filter(|partition| *partition >= 0).map(Partition),
            offset: number(headers, OFFSET).filter(|offset| *offset >= 0).map(Offset),
        })
    }

    /// Why it was left out, as in the metrics: `undecodable`, `failed`, `late` and others.
    #[must_use]
    pub fn reason(&self) -> &str {
        text(&self.record.headers, REASON)
    }

    /// The node that has failed with it, or dropped it.
    #[must_use]
    pub fn node(&self) -> &str {
        text(&self.record.headers, NODE)
    }

    /// The kind of error.
    #[must_use]
    pub fn exception(&self) -> &str {
        text(&self.record.headers, EXCEPTION)
    }

    /// The error's sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        text(&self.record.headers, MESSAGE)
    }

    /// How often a handler has failed with it.
    #[must_use]
    pub fn attempts(&self) -> Option<u64> {
        number(&self.record.headers, ATTEMPTS).and_then(|attempts| u64::try_from(attempts).ok())
    }

    /// How often it has been put back before it has become this letter.
    #[must_use]
    pub fn replays(&self) -> u32 {
        replays(&self.record.headers)
    }
}

/// A header's text, or nothing.
pub(super) fn text<'a>(headers: &'a Headers, name: &str) -> &'a str {
    headers.get(name).and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default()
}

/// A header's number, if it has one.
pub(super) fn number(headers: &Headers, name: &str) -> Option<i64> {
    text(headers, name).parse().ok()
}

/// How often a record with these headers has been put back.
pub(super) fn replays(headers: &Headers) -> u32 {
    text(headers, REPLAYS).parse().unwrap_or(0)
}
