//! Windows that are known by their starts: tumbling and hopping ones, all equally long, and aligned to the epoch; the window
//! that never ends; and those of a calendar.

use std::time::Duration;

use super::{CalendarWindows, LENGTH_MAX_MS, Window, millis};
use crate::record::Timestamp;

/// Tumbling windows: aligned to the epoch, without gaps or overlaps.
///
/// ```
/// use millstream::prelude::*;
/// use std::time::Duration;
///
/// let minutes = Tumbling::of(Duration::from_secs(60)).grace(Duration::from_secs(10));
/// assert!(minutes.validate().is_ok());
/// ```
#[doc(alias("TimeWindows", "ofSizeAndGrace", "ofSizeWithNoGrace"))]
#[derive(Debug, Clone, Copy)]
#[must_use = "windows are described for `windowed_by(..)`"]
pub struct Tumbling {
    size: Duration,
}

impl Tumbling {
    /// Windows of that length, in whole milliseconds.
    pub const fn of(size: Duration) -> Self {
        Self { size }
    }

    /// How late records may be: a window takes records until stream time reaches its end plus `grace`.
    #[must_use]
    pub const fn grace(self, grace: Duration) -> TimeWindows {
        TimeWindows::new(self.size, self.size, grace)
    }

    /// A window takes no records once stream time has reached its end.
    #[must_use]
    pub const fn no_grace(self) -> TimeWindows {
        self.grace(Duration::ZERO)
    }
}

/// Hopping windows: one starts every `advance_by`, so windows overlap and a record belongs to several of them.
///
/// ```
/// use millstream::prelude::*;
/// use std::time::Duration;
///
/// let last_hour = Hopping::of(Duration::from_secs(3_600)).advance_by(Duration::from_secs(60)).no_grace();
/// assert!(last_hour.validate().is_ok());
/// ```
#[doc(alias("TimeWindows", "advanceBy"))]
#[derive(Debug, Clone, Copy)]
#[must_use = "windows are described for `windowed_by(..)`"]
pub struct Hopping {
    size: Duration,
}

/// [`Hopping`] windows with their advance.
#[derive(Debug, Clone, Copy)]
#[must_use = "windows are described for `windowed_by(..)`"]
pub struct HoppingEvery {
    size: Duration,
    advance: Duration,
}

impl Hopping {
    /// Windows of that length, in whole milliseconds.
    pub const fn of(size: Duration) -> Self {
        Self { size }
    }

    /// The time from the start of one window to the start of the next: at most the windows' length, in whole
    /// milliseconds.
    pub const fn advance_by(self, advance: Duration) -> HoppingEvery {
        HoppingEvery { size: self.size, advance }
    }
}

impl HoppingEvery {
    /// How late records may be: a window takes records until stream time reaches its end plus `grace`.
    #[must_use]
    pub const fn grace(self, grace: Duration) -> TimeWindows {
        TimeWindows::new(self.size, self.advance, grace)
    }

    /// A window takes no records once stream time has reached its end.
    #[must_use]
    pub const fn no_grace(self) -> TimeWindows {
        self.grace(Duration::ZERO)
    }
}

impl CalendarWindows {
    /// How late records may be: a window takes records until stream time reaches its end plus `grace`.
    #[must_use]
    pub const fn grace(self, grace: Duration) -> TimeWindows {
        TimeWindows::of_calendar(self, grace)
    }

    /// A window takes no records once stream time has reached its end.
    #[must_use]
    pub const fn no_grace(self) -> TimeWindows {
        self.grace(Duration::ZERO)
    }
}

/// One window that never ends: all records from a moment on, where an operation asks for windows or the key is to say when
/// counting began. Earlier records are not in it, and are not counted as late.
///
/// ```
/// use millstream::prelude::*;
/// use millstream::testing::TestDriver;
///
/// const VIEWS: Topic<String, String> = Topic::new("views");
/// const SINCE: Topic<String, Option<i64>> = Topic::new("views-since-launch");
///
/// let builder = StreamsBuilder::new();
/// let launch = Unlimited::starting_at(Timestamp(1_000));
/// let counts = builder.stream(VIEWS).group_by_key().windowed_by(launch).count();
/// counts.to_stream().map(|key, count| (format!("{} since {}", key.key, key.window.start.0), count)).to(SINCE);
///
/// let mut driver = TestDriver::new(builder.build()?);
/// for at in [999, 1_000, 5_000_000_000, 1_001] {
///     driver.pipe_at(&VIEWS, "ada", "/home", Timestamp(at));
/// }
/// let expected = [1, 2, 3].map(|count| ("ada since 1000".to_owned(), Some(count)));
/// assert_eq!(driver.read(&SINCE), expected);
/// # Ok::<(), TopologyError>(())
/// ```
#[doc(alias = "UnlimitedWindows")]
#[derive(Debug, Clone, Copy)]
pub struct Unlimited(());

impl Unlimited {
    /// The window that starts then.
    pub const fn starting_at(start: Timestamp) -> TimeWindows {
        TimeWindows { unlimited_from: Some(start), ..TimeWindows::new(Duration::MAX, Duration::MAX, Duration::ZERO) }
    }
}

/// Tumbling or hopping windows with their grace period, those of a calendar, or [`Unlimited`] ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeWindows {
    /// A window's length, at least 1; in a calendar, at least that of the longest one.
    pub size_ms: i64,
    /// The time between the starts of two windows, at least 1 and at most the size.
    pub advance_ms: i64,
    /// How long after its end a window still takes records, by stream time.
    pub grace_ms: i64,
    /// If there is only one window, and it never ends: its start.
    pub unlimited_from: Option<Timestamp>,
    /// If they are those of a calendar: of which.
    pub calendar: Option<CalendarWindows>,
}

impl TimeWindows {
    const fn new(size: Duration, advance: Duration, grace: Duration) -> Self {
        let (size_ms, advance_ms, grace_ms) = (millis(size), millis(advance), millis(grace));
        Self { size_ms, advance_ms, grace_ms, unlimited_from: None, calendar: None }
    }

    const fn of_calendar(windows: CalendarWindows, grace: Duration) -> Self {
        let longest = windows.longest_ms();
        let (size_ms, advance_ms, grace_ms) = (longest, longest, millis(grace));
        Self { size_ms, advance_ms, grace_ms, unlimited_from: None, calendar: Some(windows) }
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// A sentence that says which number is wrong and what it may be.
    pub fn validate(&self) -> Result<(), String> {
        let Self { size_ms, advance_ms, grace_ms, unlimited_from, .. } = *self;
        if let Some(start) = unlimited_from {
            let is_wrong = start.0 < 0;
            return if is_wrong { Err("a window cannot start before 0".to_owned()) } else { Ok(()) };
        }
        if size_ms < 1 {
            return Err("a window must be at least one millisecond long".to_owned());
        }
        if advance_ms < 1 {
            return Err("a hopping window must advance by at least one millisecond".to_owned());
        }
        if advance_ms > size_ms {
            return Err(format!(
                "hopping windows that advance by {advance_ms} ms but are only {size_ms} ms long would leave \
                 gaps; advance by at most their length"
            ));
        }
        if grace_ms < 0 {
            return Err("a window's grace cannot be negative".to_owned());
        }
        if size_ms > LENGTH_MAX_MS || grace_ms > LENGTH_MAX_MS {
            return Err(format!("a window of {size_ms} ms with a grace of {grace_ms} ms is longer than time itself"));
        }
        Ok(())
    }

    /// The minimum time for which a window's rows must be kept, in milliseconds from the window's start: until no
    /// record can change them any more.
    #[must_use]
    pub const fn retention_min_ms(&self) -> i64 {
        self.size_ms.saturating_add(self.grace_ms)
    }

    /// The windows that start between these two moments, both included, close when stream time advances from `before`, if
    /// any do. What is before the first moment may be unknown.
    pub(crate) fn closing(&self, before: Timestamp, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        if self.unlimited_from.is_some() {
            return None;
        }
        if let Some(calendar) = &self.calendar {
            // The window that contains what has just closed starts where the last closed one ends.
            let open_from = |time: Timestamp| {
                let closed = Timestamp(time.0.saturating_sub(self.grace_ms));
                calendar.around(closed).map_or(0, |(start, _)| start.0)
            };
            let (first, last) = (open_from(before), open_from(now) - 1);
            return (first <= last).then_some((Timestamp(first), Timestamp(last)));
        }
        let advance_ms = self.advance_ms.max(1);
        let last_closed = |time: Timestamp| {
            let latest = time.0.saturating_sub(self.grace_ms).saturating_sub(self.size_ms);
            latest.div_euclid(advance_ms).saturating_mul(advance_ms)
        };
        let (first, last) = (last_closed(before).saturating_add(advance_ms).max(0), last_closed(now));
        (first <= last).then_some((Timestamp(first), Timestamp(last)))
    }

    /// The windows that contain a moment, by ascending start. No window starts before 0.
    pub fn windows_for(&self, timestamp: Timestamp) -> impl Iterator<Item = Window> + use<> {
        let (first, size_ms, advance_ms) = self.first_for(timestamp);
        std::iter::successors(Some(first), move |start| start.checked_add(advance_ms))
            .take_while(move |start| *start <= timestamp.0)
            .map(move |start| Window { start: Timestamp(start), end: Timestamp(start.saturating_add(size_ms)) })
    }

    /// The start of the first window that may contain a moment, its length, and how far the next one is.
    fn first_for(&self, timestamp: Timestamp) -> (i64, i64, i64) {
        let Self { size_ms, advance_ms, unlimited_from, calendar, .. } = *self;
        if let Some(calendar) = calendar {
            return match calendar.around(timestamp) {
                Some((start, end)) => (start.0, end.0 - start.0, i64::MAX),
                None => (i64::MAX, 0, i64::MAX),
            };
        }
        let advance_ms = advance_ms.max(1);
        let earliest = timestamp.0.saturating_sub(size_ms).saturating_add(advance_ms).max(0);
        let first = unlimited_from.map_or(earliest / advance_ms * advance_ms, |start| start.0);
        (first, size_ms, advance_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn starts(windows: TimeWindows, timestamp: i64) -> Vec<(i64, i64)> {
        windows.windows_for(Timestamp(timestamp)).map(|window| (window.start.0, window.end.0)).collect()
    }

    #[test]
    fn a_moment_belongs_to_the_windows_that_hold_it_and_none_starts_before_zero() {
        let tumbling = Tumbling::of(ms(10)).no_grace();
        let hopping = Hopping::of(ms(10)).advance_by(ms(4)).no_grace();
        for (windows, timestamp, expected) in [
            (tumbling, 0, vec![(0, 10)]),
            (tumbling, 9, vec![(0, 10)]),
            (tumbling, 10, vec![(10, 20)]),
            (hopping, 0, vec![(0, 10)]),
            (hopping, 3, vec![(0, 10)]),
            (hopping, 4, vec![(0, 10), (4, 14)]),
            (hopping, 9, vec![(0, 10), (4, 14), (8, 18)]),
            (hopping, 10, vec![(4, 14), (8, 18)]),
            (hopping, 12, vec![(4, 14), (8, 18), (12, 22)]),
            (hopping, 14, vec![(8, 18), (12, 22)]),
            (tumbling, -1, vec![]),
        ] {
            assert_eq!(starts(windows, timestamp), expected, "{windows:?} at {timestamp}");
        }
    }

    #[test]
    fn an_unlimited_window_holds_everything_from_its_start_on() {
        let since = Unlimited::starting_at(Timestamp(10));
        for (timestamp, expected) in [(9, vec![]), (10, vec![(10, i64::MAX)]), (i64::MAX - 1, vec![(10, i64::MAX)])] {
            assert_eq!(starts(since, timestamp), expected, "{timestamp}");
        }
        assert_eq!(starts(Unlimited::starting_at(Timestamp(0)), 7), [(0, i64::MAX)]);
        assert_eq!(since.closing(Timestamp(-1), Timestamp(i64::MAX)), None, "it never closes");
    }

    #[test]
    fn the_last_moment_of_time_has_a_window_and_ends_the_list() {
        let last = i64::MAX / 10 * 10;
        assert_eq!(starts(Tumbling::of(ms(10)).no_grace(), i64::MAX), [(last, i64::MAX)]);
    }

    #[test]
    fn a_window_closes_when_its_end_and_the_grace_are_reached() {
        let hopping = Hopping::of(ms(10)).advance_by(ms(4)).grace(ms(3));
        for (before, now, expected) in [
            (-1, 12, None),
            (-1, 13, Some((0, 0))),
            (-1, 21, Some((0, 8))),
            (12, 13, Some((0, 0))),
            (13, 16, None),
            (13, 17, Some((4, 4))),
            (13, 13, None),
            (13, 12, None),
        ] {
            let starts = hopping.closing(Timestamp(before), Timestamp(now)).map(|(first, last)| (first.0, last.0));
            assert_eq!(starts, expected, "from {before} to {now}");
        }
    }

    #[test]
    fn windows_that_cannot_be_are_refused() {
        let long = Duration::MAX;
        for (windows, expected) in [
            (Tumbling::of(ms(1)).no_grace(), None),
            (Hopping::of(ms(10)).advance_by(ms(10)).grace(ms(5)), None),
            (
                Tumbling::of(Duration::from_micros(999)).no_grace(),
                Some("a window must be at least one millisecond long"),
            ),
            (Hopping::of(ms(10)).advance_by(ms(0)).no_grace(), Some("must advance by at least one")),
            (Hopping::of(ms(10)).advance_by(ms(11)).no_grace(), Some("would leave gaps")),
            (Unlimited::starting_at(Timestamp(0)), None),
            (Unlimited::starting_at(Timestamp(-1)), Some("before 0")),
            (Tumbling::of(long).no_grace(), Some("longer than time")),
            (Tumbling::of(ms(1)).grace(long), Some("longer than time")),
        ] {
            match (windows.validate(), expected) {
                (Ok(()), None) => {}
                (Err(error), Some(expected)) => assert!(error.contains(expected), "{error}"),
                (found, expected) => panic!("{windows:?}: {found:?} instead of {expected:?}"),
            }
        }
    }
}
