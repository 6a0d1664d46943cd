//! Session windows: they grow as long as records keep arriving.

use std::time::Duration;

use super::{LENGTH_MAX_MS, millis};

/// Session windows: the records of a key that are no further apart than a gap, with pauses between the sessions.
///
/// A session begins with a record and grows with each further one that comes at most the gap after its end or before its
/// start. A record between two sessions that is close enough to both makes one of them.
///
/// ```
/// use millstream::prelude::*;
/// use std::time::Duration;
///
/// let visits = Sessions::gap(Duration::from_secs(30 * 60)).grace(Duration::from_secs(60));
/// assert!(visits.validate().is_ok());
/// ```
#[doc(alias("ofInactivityGapAndGrace", "ofInactivityGapWithNoGrace"))]
#[derive(Debug, Clone, Copy)]
#[must_use = "windows are described for `windowed_by(..)`"]
pub struct Sessions {
    gap: Duration,
}

impl Sessions {
    /// Sessions with pauses of more than `gap` between them, in whole milliseconds: two records that are exactly that far
    /// apart belong together.
    pub const fn gap(gap: Duration) -> Self {
        Self { gap }
    }

    /// How late records may be: a session takes records until stream time is more than the gap and `grace` after its end.
    #[must_use]
    pub const fn grace(self, grace: Duration) -> SessionWindows {
        SessionWindows { gap_ms: millis(self.gap), grace_ms: millis(grace) }
    }

    /// A session takes no records once stream time is more than the gap after its end.
    #[must_use]
    pub const fn no_grace(self) -> SessionWindows {
        self.grace(Duration::ZERO)
    }
}

/// [`Sessions`] with their grace period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionWindows {
    /// The longest time between two records of a session that follow each other.
    pub gap_ms: i64,
    /// How long a session waits for late records, by stream time, beyond the gap.
    pub grace_ms: i64,
}

impl SessionWindows {
    /// Checks the numbers.
    ///
    /// # Errors
    /// A sentence that says which number is wrong and what it may be.
    pub fn validate(&self) -> Result<(), String> {
        let Self { gap_ms, grace_ms } = *self;
        if gap_ms < 0 || grace_ms < 0 {
            return Err("the gap between sessions and their grace cannot be negative".to_owned());
        }
        if gap_ms > LENGTH_MAX_MS || grace_ms > LENGTH_MAX_MS {
            return Err(format!(
                "sessions with a gap of {gap_ms} ms and a grace of {grace_ms} ms are longer than time itself"
            ));
        }
        Ok(())
    }

    /// The minimum time for which a session's row must be kept, in milliseconds from the session's end.
    #[must_use]
    pub const fn retention_min_ms(&self) -> i64 {
        self.gap_ms.saturating_add(self.grace_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_that_cannot_be_are_refused() {
        let ms = Duration::from_millis;
        for (windows, expected) in [
            (Sessions::gap(ms(1)).no_grace(), None),
            (Sessions::gap(ms(0)).grace(ms(5)), None),
            (Sessions::gap(Duration::MAX).no_grace(), Some("longer than time")),
            (Sessions::gap(ms(1)).grace(Duration::MAX), Some("longer than time")),
            (SessionWindows { gap_ms: -1, grace_ms: 0 }, Some("negative")),
        ] {
            match (windows.validate(), expected) {
                (Ok(()), None) => {}
                (Err(error), Some(expected)) => assert!(error.contains(expected), "{error}"),
                (found, expected) => panic!("{windows:?}: {found:?} instead of {expected:?}"),
            }
        }
    }
}
