//! The pauses before something is tried again, each twice as long as the one before.

use std::time::Duration;

/// The shortest and the longest pause.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// A pause, and how long the next one will be.
#[derive(Debug, Default)]
pub(super) struct Rest {
    until: Option<Duration>,
    last: Option<Duration>,
}

impl Rest {
    /// Begins a pause and returns its length.
    pub(super) fn begin(&mut self, now: Duration) -> Duration {
        let pause = self.last.map_or(PAUSES.0, |last| (last * 2).min(PAUSES.1));
        (self.until, self.last) = (Some(now + pause), Some(pause));
        pause
    }

    /// How long the pause still lasts, if there is one.
    pub(super) fn left(&self, now: Duration) -> Option<Duration> {
        self.until.filter(|until| now < *until).map(|until| until - now)
    }

    /// It has succeeded, so the next pause is short again.
    pub(super) const fn is_over(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pause_is_longer_until_something_succeeds() {
        let (mut rest, secs) = (Rest::default(), Duration::from_secs);
        let pauses: Vec<_> = (0..8).map(|number| rest.begin(secs(100 * number)).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!([700, 730, 760, 800].map(|now| rest.left(secs(now))), [Some(secs(60)), Some(secs(30)), None, None]);
        rest.is_over();
        assert_eq!(rest.begin(secs(900)), secs(1));
    }
}
