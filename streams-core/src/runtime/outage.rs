//! Says that the log cannot be reached, as long as that lasts, and when it is there again.

use std::time::Duration;

use super::voice::PEOPLE;
use crate::log::LogError;

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
        Self { log, now: None }
    }

    /// Whether the log cannot be reached.
    pub(crate) const fn lasts(&self) -> bool {
        self.now.is_some()
    }

    /// Call this whenever the log could not be reached.
    pub(crate) fn goes_on(&mut self, now: Duration, error: Option<&LogError>) {
        let log = &self.log;
        let why = error.map_or_else(|| "it does not answer".to_owned(), ToString::to_string);
        match &mut self.now {
            None => {
                tracing::warn!(target: PEOPLE, log, "{log} cannot be reached, and is asked again until it can: {why}");
                self.now = Some(Lasting { since: now, tell_at: now + AGAIN_AFTER, pause: AGAIN_AFTER });
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
        if let Some(lasting) = self.now.take() {
            let (log, seconds) = (&self.log, now.saturating_sub(lasting.since).as_secs());
            tracing::warn!(target: PEOPLE, log, seconds, "{log} is there again, after {seconds} s");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::LogErrorKind;
    use crate::runtime::tests::said::said;

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
        let sentence = |line: &str| Some(line.split_once("WARN millstream: ")?.1.split_once(" log=")?.0.to_owned());
        let told: Vec<_> = said.lines().filter_map(sentence).collect();
        let expected = [
            "cannot be reached, and is asked again until it can: refused",
            "cannot be reached, for 10 s now: refused",
            "cannot be reached, for 40 s now: refused",
            "cannot be reached, for 160 s now: it does not answer",
            "is there again, after 161 s",
            "cannot be reached, and is asked again until it can: refused",
        ];
        assert_eq!(told, expected.map(|rest| format!("Apache Kafka at shop:9092 {rest}")));
    }
}
