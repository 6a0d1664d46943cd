//! What a handler gets.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::executor::SharedExecutor;
use crate::record::{Headers, RecordPosition, Timestamp};
use crate::state::in_flight::Accepted;

/// A record that a handler works on.
pub struct Job<K, V> {
    pub(super) key: K,
    pub(super) value: V,
    pub(super) timestamp: Timestamp,
    pub(super) headers: Headers,
    pub(super) id: JobId,
    pub(super) attempt: u32,
    pub(super) executor: SharedExecutor,
}

impl<K, V> Job<K, V> {
    /// The record's key.
    #[must_use]
    pub const fn key(&self) -> &K {
        &self.key
    }

    /// The record's value.
    #[must_use]
    pub const fn value(&self) -> &V {
        &self.value
    }

    /// The record's key and value, to keep.
    #[must_use]
    pub fn into_pair(self) -> (K, V) {
        (self.key, self.value)
    }

    /// The record's timestamp.
    #[must_use]
    pub const fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// The record's headers.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The same for every attempt with this record, whenever and wherever it is made, and different for every other record
    /// of the application: an idempotency key for whoever is called.
    ///
    /// A handler is called at least once with each record, and after a crash perhaps once more although it had succeeded.
    /// Whoever is called with an id for the second time should answer as the first time, and do nothing.
    #[must_use]
    pub const fn id(&self) -> &JobId {
        &self.id
    }

    /// The number of this attempt, counted from 1. An attempt that was cut off by a crash is not counted.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Waits by the application's clock. In a test that is the [`TestDriver`](crate::testing::TestDriver)'s, where
    /// `tokio::time` does not work, because nothing runs there but the driver itself.
    pub fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send + use<K, V> {
        self.executor.sleep(time)
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Job<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, id, attempt, .. } = self;
        f.debug_struct("Job")
            .field("id", &format_args!("{id}"))
            .field("attempt", attempt)
            .field("key", key)
            .field("value", value)
            .finish_non_exhaustive()
    }
}

/// Tells one record of a handler from all others. As a text: `orders-3@17` for the record with offset 17 of partition 3 of
/// the topic `orders`, and `orders-3@17+1` for the second record that an operator before the handler has made of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId {
    source: Source,
    ordinal: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Source {
    Record {
        topic: Arc<str>,
        partition: i32,
        offset: i64,
    },
    /// A cache or a punctuation has made it, so it has the handler's own number.
    Number {
        store: Arc<str>,
        partition: i32,
        number: i64,
    },
}

impl JobId {
    pub(super) fn of(accepted: &Accepted, store: &Arc<str>, partition: i32, number: i64) -> Self {
        match &accepted.position {
            Some(RecordPosition { topic, partition, offset }) => {
                let source = Source::Record { topic: Arc::clone(topic), partition: partition.0, offset: offset.0 };
                Self { source, ordinal: accepted.ordinal }
            }
            None => {
                let (partition, number) =
                    accepted.first.map_or((partition, number), |(partition, number)| (partition.0, number));
                Self { source: Source::Number { store: Arc::clone(store), partition, number }, ordinal: 0 }
            }
        }
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Record { topic, partition, offset } => write!(f, "{topic}-{partition}@{offset}")?,
            // No topic's name has such a sign, so it differs from all of these.
            Source::Number { store, partition, number } => write!(f, "{store}-{partition}#{number}")?,
        }
        match self.ordinal {
            0 => Ok(()),
            ordinal => write!(f, "+{ordinal}"),
        }
    }
}
