//! Reads a topic: a blocking iterator and a stream over one and the same reader.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;

use super::reading::{Reading, Received};
use super::waiting::Wait;
use super::{Client, ClientError};
use crate::record::{Offset, TopicPartition};
use crate::topic::Topic;
use crate::wire::Field;

/// The longest time between two looks.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// After this many records without a wait, a stream lets other tasks of its executor run.
const YIELD_AFTER: usize = 1_000;

/// The records of a topic, as they come: an iterator that waits for the next one. See [`Client::tail`] and
/// [`Client::records`].
///
/// An item is an error where a record does not have the topic's types, and reading goes on behind it; or where a
/// partition cannot be read any further, and the others go on. The iterator ends when no partition is left. While the log
/// cannot be reached, it waits.
#[must_use = "records are read as the iterator is advanced"]
pub struct Tail<K, V> {
    reading: Reading<K, V>,
    client: Client,
    /// How long to wait for a record before it ends.
    idle: Option<Duration>,
    /// How long to wait for a record that is known to be there.
    patience: Option<Duration>,
}

impl<K: Field, V: Field> Tail<K, V> {
    pub(super) fn new(
        client: &Client,
        topic: &Topic<K, V>,
        partitions: impl IntoIterator<Item = (TopicPartition, Offset)>,
        ends: Option<Vec<Offset>>,
    ) -> Result<Self, ClientError> {
        Self::fetching(client, topic, partitions, ends, None)
    }

    /// With no more than so many bytes fetched ahead; `None` leaves that to the log.
    pub(super) fn fetching(
        client: &Client,
        topic: &Topic<K, V>,
        partitions: impl IntoIterator<Item = (TopicPartition, Offset)>,
        ends: Option<Vec<Offset>>,
        prefetch_bytes: Option<usize>,
    ) -> Result<Self, ClientError> {
        let patience = ends.is_some().then_some(client.patience);
        let reading = Reading::new(&*client.inner.log, topic, partitions, ends, prefetch_bytes)?;
        Ok(Self { reading, client: client.clone(), idle: None, patience })
    }

    /// Ends the iterator when no record has come for that long. If the log could not be reached meanwhile and still
    /// cannot, the last item says so, because nobody knows then whether there were any.
    pub const fn until_idle(mut self, time: Duration) -> Self {
        self.idle = Some(time);
        self
    }

    /// The same records as a stream, for an async executor. Nothing blocks while it waits, and no executor in particular
    /// is needed. (A time limit is up to the executor: [`Tail::until_idle`] does not apply.)
    pub fn stream(self) -> TailStream<K, V> {
        TailStream { reading: self.reading, ready: 0 }
    }
}

impl<K: Field, V: Field> Iterator for Tail<K, V> {
    type Item = Result<Received<K, V>, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut wait: Option<Wait> = None;
        loop {
            if let Some(item) = self.reading.next_ready() {
                return Some(item);
            }
            if self.reading.is_over() {
                return None;
            }
            if self.reading.fetch() {
                continue;
            }
            let doing = || format!("reading topic `{}`", self.reading.topic());
            let wait = wait.get_or_insert_with(|| Wait::new(&self.client.inner.place, doing(), self.patience));
            self.reading.take_trouble().into_iter().for_each(|error| wait.note(error));
            let mut slice = match wait.slice() {
                Ok(slice) => slice.min(LOOK_AGAIN_AFTER),
                Err(error) => {
                    self.reading.end();
                    return Some(Err(error));
                }
            };
            if let Some(idle) = self.idle {
                let left = idle.saturating_sub(wait.elapsed());
                if left.is_zero() && wait.has_trouble() {
                    // Silence says nothing if the log could not be reached.
                    match self.client.topic(self.reading.topic()) {
                        Ok(_) => wait.restart(),
                        Err(error) => {
                            self.reading.end();
                            return Some(Err(error));
                        }
                    }
                    continue;
                }
                if left.is_zero() {
                    return None;
                }
                slice = slice.min(left);
            }
            self.reading.doorbell().wait(slice);
        }
    }
}

impl<K, V> std::fmt::Debug for Tail<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tail({})", self.reading.topic())
    }
}

/// The records of a topic, as they come, for an async executor; see [`Tail::stream`].
///
/// Any number of them share a thread. One can be dropped at any time.
#[must_use = "records are read as the stream is polled"]
pub struct TailStream<K, V> {
    reading: Reading<K, V>,
    /// How many items were ready in a row.
    ready: usize,
}

impl<K: Field, V: Field> TailStream<K, V> {
    /// The next record, without a trait to import. It may be cancelled: no record is lost.
    pub async fn next(&mut self) -> Option<Result<Received<K, V>, ClientError>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl<K: Field, V: Field> Stream for TailStream<K, V> {
    type Item = Result<Received<K, V>, ClientError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ready >= YIELD_AFTER {
            self.ready = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            if let Some(item) = self.reading.next_ready() {
                self.ready += 1;
                return Poll::Ready(Some(item));
            }
            if self.reading.is_over() {
                return Poll::Ready(None);
            }
            // A ring between this fetch and the wait below makes that ready at once.
            if self.reading.fetch() {
                continue;
            }
            if self.reading.doorbell().poll_wait(context).is_pending() {
                self.ready = 0;
                return Poll::Pending;
            }
        }
    }
}

impl<K, V> std::fmt::Debug for TailStream<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TailStream({})", self.reading.topic())
    }
}
