//! The first record of a retry topic's partition waits in front of its task until it is due.
//!
//! Those behind it wait with it: all records of a topic wait equally long, so they are due in their order. Only the first
//! few are ever fetched, since nothing more is read of a partition whose first record waits.

use std::time::Duration;

use crate::log::RecordRef;
use crate::operators::handler::retry_topics;
use crate::record::{Offset, Timestamp};

/// What is known of a retry topic's next record.
#[derive(Debug)]
pub(super) struct Parking {
    /// How long the topic's records wait at most.
    delay: Timestamp,
    /// The next record's offset, and when it is due.
    head: Option<(Offset, Timestamp)>,
}

impl Parking {
    pub(super) fn of(delay: Duration) -> Self {
        let delay = Timestamp(i64::try_from(delay.as_millis()).unwrap_or(i64::MAX));
        Self { delay, head: None }
    }

    /// Whether the next record has to wait.
    pub(super) fn waits(&mut self, record: &RecordRef<'_>, now: Timestamp) -> bool {
        let due = match self.head {
            Some((offset, due)) if offset == record.offset => due,
            _ => retry_topics::due(record).unwrap_or(Timestamp::UNKNOWN),
        };
        // The clock may have been set back since it was written, or since somebody looked.
        let due = due.min(Timestamp(now.0.saturating_add(self.delay.0)));
        self.head = Some((record.offset, due));
        due > now
    }

    /// When the next record is due, as far as is known.
    pub(super) fn due(&self, record: &RecordRef<'_>) -> Option<Timestamp> {
        self.head.filter(|(offset, _)| *offset == record.offset).map(|(_, due)| due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::BatchBuilder;
    use crate::operators::testing::headers;
    use crate::record::Headers;

    #[test]
    fn a_record_waits_until_it_is_due_and_not_longer_than_its_topic_says() {
        let mut parking = Parking::of(Duration::from_millis(100));
        let mut builder = BatchBuilder::default();
        let due = |due: &'static str| headers("millstream.retry.due", due);
        for (offset, headers) in (0..).zip([
            due("1100"),
            due("1050"),
            due("9999"),
            due("-5"),
            due("soon"),
            Headers::new(),
            headers("x", "y"),
        ]) {
            builder.push(Offset(offset), Timestamp(0), None, None, &headers);
        }
        let batch = builder.finish(Offset(7));
        for (index, now, expected) in [
            (0, 1_000, Some(1_100)),
            (0, 1_099, Some(1_100)),
            // The clock is set back.
            (0, 500, Some(600)),
            (0, 599, Some(600)),
            (0, 600, None),
            (1, 1_049, Some(1_050)),
            (1, 1_050, None),
            // Another clock has written it.
            (2, 1_050, Some(1_150)),
            (2, 1_149, Some(1_150)),
            (2, 1_150, None),
            // Somebody else has written them.
            (3, 1_150, None),
            (4, 1_150, None),
            (5, 1_150, None),
            (6, 1_150, None),
        ] {
            let record = batch.get(index).expect("a record");
            let waits = parking.waits(&record, Timestamp(now));
            let due = parking.due(&record).map(|due| due.0).filter(|_| waits);
            assert_eq!((waits, due), (expected.is_some(), expected), "{index} at {now}");
        }
    }
}
