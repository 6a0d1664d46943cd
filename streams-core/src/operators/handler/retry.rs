//! When a record with which a handler has failed is handled again.

use std::time::Duration;

use crate::random::Random;

/// When a record with which a handler has failed is handled again, and how often.
///
/// Meanwhile it stays where it is, in the handler's store, and other keys go on, or it waits in a [topic](Retry::in_topics).
/// Attempts and pauses survive restarts.
///
/// ```
/// use millstream::dsl::handler::Retry;
/// use std::time::Duration;
///
/// let secs = Duration::from_secs;
/// // After 1, 2, 4, 8 and 10 seconds; after that it is given up.
/// let _ = Retry::exponential(secs(1)).up_to(secs(10)).attempts(6);
/// // After a second and after a minute.
/// let _ = Retry::after([secs(1), secs(60)]);
/// // After a second in place, and then after a minute and after an hour, for which it waits in topics.
/// let _ = Retry::after([secs(1)]).then_in_topics([secs(60), secs(3_600)]);
/// let _ = Retry::never();
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use = "it is an argument of `.retry(..)`"]
pub struct Retry {
    pauses: Pauses,
    /// How often the handler is called at most; `None` if there is no end.
    attempts: Option<u32>,
    /// The part of a pause that may be left out.
    jitter: f64,
    /// After those attempts: how long the record waits in a topic, again and again.
    in_topics: Vec<Duration>,
}

/// How a record is handled again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// After a pause in the handler's store.
    InPlace(Duration),
    /// After a wait in the topic for those that wait so long.
    InTopic(Duration),
}

#[derive(Debug, Clone, PartialEq)]
enum Pauses {
    /// Each is twice as long as the one before.
    Doubled {
        first: Duration,
        max: Duration,
    },
    Listed(Vec<Duration>),
}

/// So that records that have failed together are not handled again together.
const JITTER: f64 = 0.1;

const ATTEMPTS: u32 = 10;

impl Retry {
    /// Pauses of which each is twice as long as the one before, up to an [hour](Retry::up_to), for ten
    /// [attempts](Retry::attempts) in all.
    pub const fn exponential(first: Duration) -> Self {
        let max = Duration::from_secs(3_600);
        let pauses = Pauses::Doubled { first, max };
        Self { pauses, attempts: Some(ATTEMPTS), jitter: JITTER, in_topics: Vec::new() }
    }

    /// These pauses, one after the other. After the last one, and one more attempt, the record is given up.
    pub fn after(pauses: impl Into<Vec<Duration>>) -> Self {
        let pauses = pauses.into();
        let attempts = u32::try_from(pauses.len()).unwrap_or(u32::MAX).saturating_add(1);
        Self { pauses: Pauses::Listed(pauses), attempts: Some(attempts), jitter: 0.0, in_topics: Vec::new() }
    }

    /// The first attempt is the only one.
    pub fn never() -> Self {
        Self::after([])
    }

    /// Each failure sends the record to a retry topic, where it waits that long, one delay after the other. After the last
    /// one, and one more attempt, it is given up. The handler must be [`unordered`](crate::dsl::Handled::unordered).
    ///
    /// That suits long delays and many failures, as when a service is down for an hour: what waits is in the log, and takes
    /// no memory and no room among the records that the handler [accepts](crate::dsl::Handled::max_records).
    ///
    /// The topics are the application's own, as those for repartitioning are, and created by it: for the application
    /// `billing` and the handler `charge`, `billing-charge.retry.1m`, `billing-charge.retry.10m` and so on, one for each
    /// different delay. A record keeps its key, value, timestamp and headers there. Behind those are headers that say where
    /// it came from, what has happened, and when it is due:
    ///
    /// | header | |
    /// |---|---|
    /// | `millstream.retry.topic`, `.partition`, `.offset`, `.ordinal` | what its [`Job::id`](crate::dsl::handler::Job::id) says |
    /// | `millstream.retry.attempts` | how many attempts have failed |
    /// | `millstream.retry.reason` | why the last one has |
    /// | `millstream.retry.due` | when it is handled again, in milliseconds since 1970 |
    ///
    /// All records of a topic wait equally long, so they are due in their order. Where that is not so, because a process with
    /// another clock had written some, those behind one that is not due wait for it. Nobody waits longer than the delay,
    /// even if the clock is set back. A record that somebody else has written there, without these headers, is handled at
    /// once. Before a delay is taken out of the list, its topic must be empty: it is not read any more.
    pub fn in_topics(delays: impl Into<Vec<Duration>>) -> Self {
        Self::never().then_in_topics(delays)
    }

    /// Instead of giving the record up, as [`Retry::in_topics`].
    pub fn then_in_topics(mut self, delays: impl Into<Vec<Duration>>) -> Self {
        self.in_topics = delays.into();
        self
    }

    /// The longest pause.
    pub const fn up_to(mut self, max: Duration) -> Self {
        if let Pauses::Doubled { max: longest, .. } = &mut self.pauses {
            *longest = max;
        }
        self
    }

    /// How often the handler is called at most, with the first time.
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// Again and again, until it succeeds. Behind the last pause of a list, it is that one each time.
    pub const fn for_ever(mut self) -> Self {
        self.attempts = None;
        self
    }

    /// The part of each pause, from 0 to 1, of which a random share is left out, so that records that have failed together
    /// are not handled again together. It is a tenth for [`Retry::exponential`], and nothing for [`Retry::after`].
    pub const fn jitter(mut self, part: f64) -> Self {
        self.jitter = part;
        self
    }

    /// Whether it makes sense.
    ///
    /// # Errors
    /// Says which number is wrong and which values are allowed.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.attempts == Some(0) {
            return Err(
                "with no attempts its records would never be handled; `Retry::never()` is one attempt".to_owned()
            );
        }
        if !(0.0..=1.0).contains(&self.jitter) {
            return Err(format!("the jitter is a part of each pause, from 0 to 1, and not {}", self.jitter));
        }
        if self.attempts.is_none() && self.longest().is_zero() {
            return Err("for ever without a pause would be an endless loop; give it a pause".to_owned());
        }
        if self.attempts.is_none() && self.uses_topics() {
            return Err(
                "no record would ever come to its retry topics, because it is tried for ever in place; say how often \
                        with `.attempts(..)`"
                    .to_owned(),
            );
        }
        if self.in_topics.iter().any(|delay| delay.as_millis() == 0) {
            return Err("a record waits in a retry topic for at least a millisecond; shorter pauses are for \
                        `Retry::after(..)`"
                .to_owned());
        }
        Ok(())
    }

    /// Whether records may have to wait in topics.
    pub(crate) const fn uses_topics(&self) -> bool {
        !self.in_topics.is_empty()
    }

    /// How long records wait in topics, each delay once, the first one first.
    pub(crate) fn delays_in_topics(&self) -> Vec<Duration> {
        let mut delays = Vec::new();
        for delay in &self.in_topics {
            if !delays.contains(delay) {
                delays.push(*delay);
            }
        }
        delays
    }

    /// The longest pause that there may be.
    pub(super) fn longest(&self) -> Duration {
        match &self.pauses {
            Pauses::Doubled { max, .. } => *max,
            Pauses::Listed(pauses) => pauses.iter().copied().max().unwrap_or_default(),
        }
    }

    /// What follows after so many failed attempts; `None` if that was the last one.
    pub(super) fn again(&self, failed: u32, random: &dyn Random) -> Option<Again> {
        if let Some(pause) = self.pause(failed, random) {
            return Some(Again::InPlace(pause));
        }
        let before = failed.checked_sub(self.attempts?)?;
        self.in_topics.get(usize::try_from(before).ok()?).copied().map(Again::InTopic)
    }

    /// The pause in place after so many failed attempts; `None` if that was the last one.
    fn pause(&self, failed: u32, random: &dyn Random) -> Option<Duration> {
        if self.attempts.is_some_and(|attempts| failed >= attempts) {
            return None;
        }
        let before = failed.saturating_sub(1);
        let pause = match &self.pauses {
            Pauses::Doubled { first, max } => {
                let doubled = 2_u32.checked_pow(before).and_then(|times| first.checked_mul(times));
                doubled.unwrap_or(Duration::MAX).min(*max)
            }
            Pauses::Listed(pauses) => {
                let index = usize::try_from(before).unwrap_or(usize::MAX);
                pauses.get(index).or_else(|| pauses.last()).copied().unwrap_or_default()
            }
        };
        if self.jitter <= 0.0 {
            return Some(pause);
        }
        let share = (random.number() >> 32) as f64 / f64::from(u32::MAX);
        Some(pause.mul_f64((1.0 - self.jitter * share).clamp(0.0, 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seeded;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn pauses_are_those_that_were_said_until_the_attempts_are_used_up() {
        let random = Seeded::new(1);
        let doubled = Retry::exponential(secs(1)).up_to(secs(10)).jitter(0.0);
        for (retry, expected) in [
            (doubled.clone().attempts(7), &[Some(1), Some(2), Some(4), Some(8), Some(10), Some(10), None, None][..]),
            (doubled.clone().attempts(1), &[None, None]),
            (doubled.for_ever(), &[Some(1), Some(2), Some(4), Some(8), Some(10), Some(10)]),
            (Retry::after([secs(5), secs(60)]), &[Some(5), Some(60), None, None]),
            (Retry::after([secs(5), secs(60)]).for_ever(), &[Some(5), Some(60), Some(60), Some(60)]),
            (Retry::never(), &[None, None]),
        ] {
            let pauses: Vec<_> = (1..).take(expected.len()).map(|failed| retry.pause(failed, &random)).collect();
            let expected: Vec<_> = expected.iter().map(|pause| pause.map(secs)).collect();
            assert_eq!(pauses, expected, "{retry:?}");
        }
        let endless = Retry::exponential(secs(1)).for_ever().jitter(0.0);
        assert_eq!(endless.pause(u32::MAX, &random), Some(secs(3_600)));
    }

    #[test]
    fn topics_come_after_the_attempts_in_place_and_each_of_them_once() {
        let random = Seeded::new(1);
        let (place, topic) = (|pause| Some(Again::InPlace(secs(pause))), |delay| Some(Again::InTopic(secs(delay))));
        for (retry, expected) in [
            (Retry::in_topics([secs(60), secs(600)]), &[topic(60), topic(600), None, None][..]),
            (Retry::after([secs(1)]).then_in_topics([secs(60), secs(60)]), &[place(1), topic(60), topic(60), None]),
            (Retry::after([secs(1)]), &[place(1), None, None]),
        ] {
            assert_eq!(retry.check(), Ok(()));
            let all: Vec<_> = (1..).take(expected.len()).map(|failed| retry.again(failed, &random)).collect();
            assert_eq!(all, expected, "{retry:?}");
        }
        let twice = Retry::in_topics([secs(60), secs(600), secs(60)]);
        assert_eq!(twice.delays_in_topics(), [secs(60), secs(600)]);
    }

    #[test]
    fn jitter_only_shortens_and_not_by_more_than_its_part() {
        let random = Seeded::new(1);
        let retry = Retry::exponential(secs(100)).jitter(0.5);
        let pauses: Vec<_> = (0..100).filter_map(|_| retry.pause(1, &random)).collect();
        assert!(pauses.iter().all(|pause| (secs(50)..=secs(100)).contains(pause)), "{pauses:?}");
        assert!(pauses.iter().any(|pause| *pause < secs(60)) && pauses.iter().any(|pause| *pause > secs(90)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let exponential = || Retry::exponential(secs(1));
        for (retry, expected) in [
            (exponential(), None),
            (exponential().for_ever(), None),
            (Retry::never(), None),
            (exponential().attempts(0), Some("no attempts")),
            (exponential().jitter(1.5), Some("from 0 to 1")),
            (exponential().jitter(f64::NAN), Some("from 0 to 1")),
            (Retry::never().for_ever(), Some("endless loop")),
            (exponential().up_to(Duration::ZERO).for_ever(), Some("endless loop")),
            (exponential().then_in_topics([secs(60)]), None),
            (exponential().for_ever().then_in_topics([secs(60)]), Some("`.attempts(..)`")),
            (Retry::in_topics([Duration::from_micros(1)]), Some("at least a millisecond")),
        ] {
            let refused = retry.check().err();
            let is_as_expected = match expected {
                Some(part) => refused.as_ref().is_some_and(|reason| reason.contains(part)),
                None => refused.is_none(),
            };
            assert!(is_as_expected, "{retry:?}: {refused:?}");
        }
    }
}
