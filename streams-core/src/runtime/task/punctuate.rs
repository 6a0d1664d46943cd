//! When punctuators fire.
//!
//! Stream-time punctuators fire as soon as stream time is known and then at multiples of their interval;
//! wall-clock ones first one interval after they were scheduled. Missed times are skipped, not replayed
//! (Kafka Streams' `PunctuationSchedule`).

use std::time::Duration;

use crate::operators::{Context, OperatorError, Punctuation, PunctuationTime};
use crate::record::Timestamp;

/// A task's punctuators with the time each fires next.
pub(crate) struct Punctuations(Vec<(Punctuation, Timestamp)>);

impl Punctuations {
    /// Schedules them; wall-clock ones count from `wall_clock`.
    pub(crate) fn new(punctuations: Vec<Punctuation>, wall_clock: Timestamp) -> Self {
        let schedule = |punctuation: Punctuation| {
            let first = match punctuation.time {
                PunctuationTime::Stream => Timestamp(0),
                PunctuationTime::WallClock => Timestamp(wall_clock.0.saturating_add(interval_ms(punctuation.interval))),
            };
            (punctuation, first)
        };
        Self(punctuations.into_iter().map(schedule).collect())
    }

    /// Fires those of one kind that are due at `now`; whether any fired.
    pub(crate) fn fire(
        &mut self,
        time: PunctuationTime,
        now: Timestamp,
        context: &mut Context,
    ) -> Result<bool, OperatorError> {
        let mut fired = false;
        for (punctuation, next) in &mut self.0 {
            if punctuation.time == time && now >= *next && now != Timestamp::UNKNOWN {
                *next = following(*next, now, interval_ms(punctuation.interval));
                punctuation.target.borrow_mut().punctuate(context, now)?;
                fired = true;
            }
        }
        Ok(fired)
    }

    /// Whether there are none at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When the next wall-clock punctuator is due.
    pub(crate) fn next_wall_clock(&self) -> Option<Timestamp> {
        self.0
            .iter()
            .filter(|(punctuation, _)| punctuation.time == PunctuationTime::WallClock)
            .map(|(_, next)| *next)
            .min()
    }
}

impl Punctuations {
    /// The shortest interval of the wall-clock punctuators.
    pub(crate) fn wall_clock_interval(&self) -> Option<Duration> {
        let wall_clock = self.0.iter().filter(|(punctuation, _)| punctuation.time == PunctuationTime::WallClock);
        wall_clock.map(|(punctuation, _)| punctuation.interval).min()
    }
}

fn interval_ms(interval: Duration) -> i64 {
    i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1)
}

/// The first time after `now` that lies whole intervals behind `fired`.
fn following(fired: Timestamp, now: Timestamp, interval_ms: i64) -> Timestamp {
    let missed = (now.0 - fired.0) / interval_ms;
    Timestamp(fired.0.saturating_add((missed + 1).saturating_mul(interval_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_times_are_skipped_and_the_grid_is_kept() {
        for (fired, now, interval, expected) in
            [(0, 0, 10, 10), (0, 7, 10, 10), (0, 10, 10, 20), (10, 57, 10, 60), (3, 3, 1, 4)]
        {
            assert_eq!(
                following(Timestamp(fired), Timestamp(now), interval),
                Timestamp(expected),
                "{fired} {now} {interval}"
            );
        }
    }
}
