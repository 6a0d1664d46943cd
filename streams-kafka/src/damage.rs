//! Records that arrive damaged: how often they are fetched again, and what is said about it.
//!
//! librdkafka checks every batch's checksum and reports a batch that fails, but goes on behind it. It may even take the
//! batch's own bytes for further ones (2.12.1, `rd_kafka_msgset_reader_v2` skips to a length as if it were a place), and then
//! asks for an offset that it has found there, or fails an assertion and ends the process, which costs no record. The consumer
//! therefore takes nothing more of that fetch, begins again at its own position, and believes of no other offset that it is out
//! of range. Damage on the way is over by then. Damage on a broker's disk is not, so reading stops with an error after some
//! attempts.

use std::fmt;
use std::time::Duration;

use streams_core::log::{Doorbell, LogError, LogErrorKind};
use streams_core::record::{Offset, TopicPartition};

use crate::errors::Code;

/// How often the records at an offset are fetched, with pauses that add up to about ten seconds.
const ATTEMPTS_MAX: u32 = 10;

/// The first pause, which doubles each time, and the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Attempts to read on from an offset whose records arrive damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damage {
    position: Offset,
    attempts: u32,
}

impl Damage {
    /// What arrived at this position was damaged, after what is known of earlier attempts.
    pub(crate) fn again(before: Option<Self>, partition: &TopicPartition, position: Offset) -> Self {
        match before.filter(|before| before.position == position) {
            Some(before) => Self { attempts: before.attempts + 1, ..before },
            None => {
                tracing::warn!(
                    %partition, offset = position.0,
                    "records of {partition} have arrived damaged, at offset {position} or later: they are fetched again"
                );
                Self { position, attempts: 1 }
            }
        }
    }

    /// How long to wait before the next attempt; `None` if there were enough.
    pub(crate) fn pause(self) -> Option<Duration> {
        let doubled = 1_u32.checked_shl(self.attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        (self.attempts < ATTEMPTS_MAX).then(|| PAUSES.0.saturating_mul(doubled).min(PAUSES.1))
    }

    /// Whether all that was damaged has arrived whole, because the position is now there. Says so.
    pub(crate) fn is_over(self, partition: &TopicPartition, position: Offset) -> bool {
        let (is_over, offset, attempts) = (position > self.position, self.position, self.attempts);
        if is_over {
            tracing::warn!(
                %partition, offset = offset.0, attempts,
                "the records of {partition} at offset {offset} have arrived whole, after {attempts} damaged copies"
            );
        }
        is_over
    }

    /// The error that ends the attempts.
    pub(crate) fn error(self, code: Code, partition: &TopicPartition, reason: impl fmt::Display) -> LogError {
        let Self { position, attempts } = self;
        let message = format!(
            "reading {partition} at offset {position}: the records there have arrived damaged {attempts} times in a row, and \
             nothing was read beyond them: {reason} [{code}]; if the broker's copy is damaged, make another replica of the \
             partition its leader"
        );
        LogError::new(LogErrorKind::Corrupt, message)
    }
}

/// Rings once, that much later.
pub(crate) fn ring_after(pause: Duration, doorbell: &Doorbell) {
    let doorbell = doorbell.clone();
    let ring = move || {
        std::thread::sleep(pause);
        doorbell.ring();
    };
    if let Err(error) = std::thread::Builder::new().name("millstream-ring".to_owned()).spawn(ring) {
        // Whoever reads asks again now and then, whether it rings or not.
        tracing::debug!(%error, "no thread that rings");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_records_are_fetched_again_with_longer_and_longer_pauses_and_not_for_ever() {
        let partition = TopicPartition::new("clicks", 3);
        let mut damage = None;
        let pauses = std::iter::from_fn(|| {
            let again = Damage::again(damage, &partition, Offset(7));
            damage = Some(again);
            again.pause()
        });
        let pauses: Vec<_> = pauses.map(|pause| pause.as_millis()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000]);
        let error = damage.map(|damage| damage.error(Code(-199), &partition, "a checksum")).expect("attempts");
        assert_eq!(error.kind, LogErrorKind::Corrupt);
        for part in ["clicks-3 at offset 7", "10 times", "a checksum", "another replica"] {
            assert!(error.message.contains(part), "{part} in {error}");
        }
    }

    #[test]
    fn damage_elsewhere_begins_anew() {
        let partition = TopicPartition::new("clicks", 3);
        let first = Damage::again(None, &partition, Offset(7));
        let second = Damage::again(Some(first), &partition, Offset(7));
        let elsewhere = Damage::again(Some(second), &partition, Offset(9));
        assert_eq!([first, second, elsewhere].map(|damage| damage.attempts), [1, 2, 1]);
        assert!(!second.is_over(&partition, Offset(7)) && second.is_over(&partition, Offset(8)));
    }
}
