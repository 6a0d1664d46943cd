//! A pause before something is tried again.

use std::time::Duration;

/// A pause before something is tried again.
#[derive(Debug)]
pub(crate) struct Retry {
    after: Duration,
    at: Option<Duration>,
}

impl Retry {
    /// A pause of that length, not yet started.
    pub(crate) const fn after(after: Duration) -> Self {
        Self { after, at: None }
    }

    /// Starts the pause.
    pub(crate) fn pause(&mut self, now: Duration) {
        self.at = Some(now + self.after);
    }

    /// Starts a pause of another length.
    pub(crate) fn pause_for(&mut self, now: Duration, pause: Duration) {
        self.at = Some(now + pause);
    }

    /// Whether the pause is still going on. Once it is over, there is none until [`Retry::pause`] is called again.
    pub(crate) fn is_pausing(&mut self, now: Duration) -> bool {
        self.at = self.at.filter(|at| now < *at);
        self.at.is_some()
    }

    /// When the pause ends.
    pub(crate) const fn ends_at(&self) -> Option<Duration> {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_by_itself_and_begins_when_told_to() {
        let ms = Duration::from_millis;
        let mut retry = Retry::after(ms(50));
        assert!(!retry.is_pausing(ms(0)));
        retry.pause(ms(10));
        assert_eq!([10, 59, 60, 30].map(|now| retry.is_pausing(ms(now))), [true, true, false, false]);
        retry.pause(ms(100));
        assert_eq!(retry.ends_at(), Some(ms(150)));
    }
}
