//! What brokers have refused because of its size.
//!
//! A topic's `max.message.bytes` may be smaller than what a producer sends. A broker says so long after the record was
//! processed, and of a whole batch: librdkafka gives all its records the same code. So what is found out is remembered here,
//! for all producers of one cluster, and the refusal counts as one that a retry may mend. When the work is done again,
//!
//! * batches are smaller, until a refused one has a single record, or none is refused any more;
//! * a record as large as one that was refused by itself is refused before it is sent, where it is known what it was made of.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a refusal is remembered: somebody may raise the topic's limit.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);

/// What a batch of one record has beside key, value and headers, at most.
const FRAMING: usize = 128;

/// What is known about a cluster's limits.
#[derive(Debug, Default)]
pub(crate) struct SizeLimits {
    known: Mutex<Known>,
    /// Whether a topic has refused anything, for those who ask for every record.
    has_refusals: AtomicBool,
}

#[derive(Debug, Default)]
struct Known {
    /// By topic, the smallest record that was refused by itself.
    refused: HashMap<String, Refused>,
    /// How large the batches of new producers may be, if that is less than usual.
    batch_bytes: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Refused {
    bytes: usize,
    until: Instant,
}

/// The records of one partition that were refused because of their size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TooLarge {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    records: usize,
    bytes: usize,
    largest: usize,
}

impl TooLarge {
    pub(crate) fn new(topic: &str, partition: i32, bytes: usize) -> Self {
        Self { topic: topic.to_owned(), partition, records: 1, bytes, largest: bytes }
    }

    /// Another record of the same partition.
    pub(crate) fn add(&mut self, bytes: usize) {
        self.records += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        self.largest = self.largest.max(bytes);
    }
}

impl SizeLimits {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How large batches may be (`batch.size`), if that is less than usual.
    pub(crate) fn batch_bytes(&self) -> Option<usize> {
        self.lock().batch_bytes
    }

    /// The size that a topic has refused, if it is not larger than that of a record. If brokers compress, or producers do, a
    /// larger one might fit; nobody knows before it is sent.
    pub(crate) fn refuses(&self, topic: &str, bytes: impl FnOnce() -> usize) -> Option<usize> {
        if !self.has_refusals.load(Ordering::Relaxed) {
            return None;
        }
        let mut known = self.lock();
        let refused = *known.refused.get(topic)?;
        if refused.until < Instant::now() {
            known.refused.remove(topic);
            return None;
        }
        (bytes() >= refused.bytes).then_some(refused.bytes)
    }

    /// Learns from records that were refused, and says what is done about it.
    pub(crate) fn learn(&self, too_large: &TooLarge) -> &'static str {
        let mut known = self.lock();
        let alone = too_large.largest.saturating_add(FRAMING);
        if too_large.records == 1 || known.batch_bytes.is_some_and(|bytes| bytes <= alone) {
            let until = Instant::now() + REMEMBERED;
            let bytes = too_large.largest;
            let refused = known.refused.entry(too_large.topic.clone()).or_insert(Refused { bytes, until });
            *refused = Refused { bytes: refused.bytes.min(bytes), until };
            self.has_refusals.store(true, Ordering::Relaxed);
            return "the work is done again without sending it";
        }
        known.batch_bytes = Some(alone.max(too_large.bytes / 2));
        "it was in a batch with others, so the work is done again with smaller ones"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(sizes: &[usize]) -> TooLarge {
        let mut too_large = TooLarge::new("t", 0, sizes[0]);
        sizes.iter().skip(1).for_each(|size| too_large.add(*size));
        too_large
    }

    #[test]
    fn a_record_that_was_refused_by_itself_is_not_sent_again_and_smaller_ones_are() {
        let limits = SizeLimits::default();
        let refuses = |topic, bytes| limits.refuses(topic, || bytes);
        assert_eq!(refuses("t", 9_000), None);
        limits.learn(&refused(&[5_000]));
        assert_eq!([refuses("t", 4_999), refuses("t", 5_000), refuses("t", 9_000)], [None, Some(5_000), Some(5_000)]);
        assert_eq!((refuses("other", 9_000), limits.batch_bytes()), (None, None));
        limits.learn(&refused(&[3_000]));
        limits.learn(&refused(&[7_000]));
        assert_eq!(refuses("t", 3_000), Some(3_000));
    }

    /// Ten records of 300 bytes are more than a topic takes at once that takes 1 000 bytes.
    #[test]
    fn batches_become_smaller_until_a_record_is_alone() {
        let limits = SizeLimits::default();
        let known = || (limits.batch_bytes(), limits.refuses("t", || 300));
        limits.learn(&refused(&[300; 10]));
        assert_eq!(known(), (Some(1_500), None), "none is blamed");
        limits.learn(&refused(&[300; 4]));
        assert_eq!(known(), (Some(600), None));
        limits.learn(&refused(&[300, 300]));
        assert_eq!(known(), (Some(300 + FRAMING), None));
        limits.learn(&refused(&[300, 300]));
        assert_eq!(known().1, Some(300), "two batches of one record each");
    }
}
