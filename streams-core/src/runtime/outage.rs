//! Says that the log cannot be reached, as long as that lasts, and when it is there again.

use std::time::Duration;

use super::voice::PEOPLE;
use crate::log::LogError;

/// How long a first answer may take before that is told.
const SILENT_AFTER: Duration = Duration::from_secs(3);

/// How long after the beginning it is told again.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// How much longer each further time.
const LONGER: u32 = 3;

/// The longest time between two lines.
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(5 * 60);

/// Whether the log can be reached, and what was said about it.
#[derive(Debug)]
pub(crate) struct Outage {
    /// The log, for people.
    log: String,
    /// When the question was asked whose answer takes so long that it was told.
    silent_since: Option<Duration>,
    now: Option<Lasting>,
}

#[derive(Debug)]
struct Lasting {
    since: Duration,
    tell_at: Duration,
    pause: Duration,
}

impl Outage {
    /// Says nothing yet about the log that is described like that.
    pub(crate) const fn of(log: String) -> Self {
        Self { log, silent_since: None, now: None }
    }

    /// Whether the log cannot be reached.
    pub(crate) const fn lasts(&self) -> bool {
        self.now.is_some()
    }

    /// Call this while there is no answer to a question that was asked at `since`. That may mean nothing.
    pub(crate) fn may_have_begun(&mut self, now: Duration, since: Duration) {
        if self.now.is_some() || self.silent_since.is_some() || now.saturating_sub(since) < SILENT_AFTER {
            return;
        }
        self.silent_since = Some(since);
        let (log, seconds) = (&self.log, now.saturating_sub(since).as_secs());
        tracing::warn!(
            target: PEOPLE, log, seconds,
            "{log} has not answered for {seconds} s: does it run, and is the address right? It is asked until it answers"
        );
    }

    /// Call this whenever the log could not be reached.
    pub(crate) fn goes_on(&mut self, now: Duration, error: Option<&LogError>) {
        let log = &self.log;
        let why = error.map_or_else(|| "it does not answer".to_owned(), ToString::to_string);
        match &mut self.now {
            None => {
                let since = self.silent_since.take().unwrap_or(now);
                let seconds = now.saturating_sub(since).as_secs();
                let lasting = if seconds == 0 { String::new() } else { format!(", for {seconds} s now") };
                tracing::warn!(target: PEOPLE, log, "{log} cannot be reached{lasting}, and is asked until it can: {why}");
                self.now = Some(Lasting { since, tell_at: now + AGAIN_AFTER, pause: AGAIN_AFTER });
            }
            Some(lasting) if now >= lasting.tell_at => {
                let seconds = now.saturating_sub(lasting.since).as_secs();
                tracing::warn!(target: PEOPLE, log, seconds, "{log} cannot be reached, for {seconds} s now: {why}");
                lasting.pause = (lasting.pause * LONGER).min(AGAIN_AFTER_MAX);
                lasting.tell_at = now + lasting.pause;
            }
            Some(_) => {}
        }
    }

    /// Call this whenever the log has answered.
    pub(crate) fn is_over(&mut self, now: Duration) {
        let (log, since) = (&self.log, self.now.take().map(|lasting| lasting.since));
        if let Some(since) = since.or(self.silent_since.take()) {
            let seconds = now.saturating_sub(since).as_secs();
            tracing::warn!(target: PEOPLE, log, seconds, "{log} is there, after {seconds} s");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::LogErrorKind;
    use crate::runtime::tests::said::said;

    fn told(said: &str) -> Vec<&str> {
        let parts = said.lines().filter_map(|line| line.split_once("WARN millstream: Apache Kafka at shop:9092 "));
        parts.filter_map(|(_, rest)| Some(rest.split_once(" log=")?.0)).collect()
    }

    #[test]
    fn a_first_answer_that_takes_long_is_told_before_anybody_knows_why() {
        let error = LogError::new(LogErrorKind::Unavailable, "refused");
        for fails in [false, true] {
            let said = said(|| {
                let mut outage = Outage::of("Apache Kafka at shop:9092".to_owned());
                for second in 10..25 {
                    outage.may_have_begun(Duration::from_secs(second), Duration::from_secs(10));
                }
                assert!(!outage.lasts(), "perhaps it is slow");
                if fails {
                    outage.goes_on(Duration::from_secs(25), Some(&error));
                    assert!(outage.lasts());
                }
                outage.is_over(Duration::from_secs(30));
            });
            let silent =
                "has not answered for 3 s: does it run, and is the address right? It is asked until it answers";
            let lost = "cannot be reached, for 15 s now, and is asked until it can: refused";
            let expected =
                if fails { &[silent, lost, "is there, after 20 s"][..] } else { &[silent, "is there, after 20 s"] };
            assert_eq!(told(&said), expected);
        }
    }

    #[test]
    fn an_outage_is_told_at_once_now_and_then_and_when_it_is_over() {
        let said = said(|| {
            let mut outage = Outage::of("Apache Kafka at shop:9092".to_owned());
            outage.is_over(Duration::ZERO);
            let error = LogError::new(LogErrorKind::Unavailable, "refused");
            (100..200).for_each(|second| outage.goes_on(Duration::from_secs(second), Some(&error)));
            assert!(outage.lasts());
            outage.goes_on(Duration::from_secs(260), None);
            outage.is_over(Duration::from_secs(261));
            outage.is_over(Duration::from_secs(262));
            outage.goes_on(Duration::from_secs(300), Some(&error));
        });
        let expected = [
            "cannot be reached, and is asked until it can: refused",
            "cannot be reached, for 10 s now: refused",
            "cannot be reached, for 40 s now: refused",
            "cannot be reached, for 160 s now: it does not answer",
            "is there, after 161 s",
            "cannot be reached, and is asked until it can: refused",
        ];
        assert_eq!(told(&said), expected);
    }
}
