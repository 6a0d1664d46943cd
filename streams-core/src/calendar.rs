//! Calendar windows: days, weeks, months, quarters and years of a place, which are not all equally long.

use std::cell::Cell;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use chrono::{Datelike as _, Days, Months, NaiveDate, Weekday};
#[cfg(feature = "time-zones")]
use chrono_tz::Tz;

use self::zone::Zone;
use crate::record::Timestamp;

mod zone;

/// Days, weeks, months, quarters or years, as the clocks of a place show them.
///
/// A window starts at midnight there, and ends where the next one starts. So a day has 23 or 25 hours when clocks change, a
/// month 28 to 31 days, and windows have neither gaps nor overlaps. Without [`in_zone`](CalendarWindows::in_zone) the clocks
/// show UTC. Where clocks skip midnight, the day starts with the first moment after the gap; where they show it twice, with
/// the first one. A date that a place has skipped has no window.
///
/// The rules are those of the IANA time zone database that the program was built with, up to the year 2100. If they change
/// for windows that are still open, start the application with a new id, since rows are found by their windows' starts.
/// From about the year 190,000 on all time is one window.
///
/// Kafka Streams has no such windows. As there, no window starts before 0: the one that would holds what comes after.
///
/// ```
/// use millstream::prelude::*;
/// use millstream::windows::chrono_tz::Europe;
/// use std::time::Duration;
///
/// const DAYS: CalendarWindows = CalendarWindows::days().in_zone(Europe::Berlin);
///
/// // The clocks went forward on 30 March 2025: that day had 23 hours.
/// let noon = Timestamp(1_743_328_800_000);
/// let (midnight, next) = DAYS.around(noon).expect("after 1970");
/// assert_eq!((next.0 - midnight.0) / 3_600_000, 23);
///
/// let with_grace = DAYS.grace(Duration::from_secs(3_600));
/// assert!(with_grace.validate().is_ok());
/// ```
#[derive(Clone, Copy)]
#[must_use = "windows are described for `windowed_by(..)`"]
pub struct CalendarWindows {
    unit: Unit,
    zone: Zone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Unit {
    Day,
    /// A week that starts so many days after Monday.
    Week(u8),
    /// So many months, counted from January.
    Months(u8),
}

/// Far more than what matters, and well within what `chrono` can represent, so that no date overflows.
const LAST: Timestamp = Timestamp(6_000_000_000_000_000);
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

impl CalendarWindows {
    /// From midnight to midnight.
    pub const fn days() -> Self {
        Self { unit: Unit::Day, zone: Zone::Utc }
    }

    /// Weeks that start on Mondays (ISO 8601).
    pub const fn weeks() -> Self {
        Self::weeks_from(Weekday::Mon)
    }

    /// Weeks that start on another day.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::windows::Weekday;
    ///
    /// let weeks = CalendarWindows::weeks_from(Weekday::Sun);
    /// assert_eq!(weeks.to_string(), "weeks from Sun in UTC");
    /// // 1 January 1970 was a Thursday, so the first Sunday was the 4th.
    /// let first = weeks.around(Timestamp(0)).map(|(_, end)| end.0 / 86_400_000);
    /// assert_eq!(first, Some(3));
    /// ```
    pub const fn weeks_from(first: Weekday) -> Self {
        #[allow(clippy::cast_possible_truncation, reason = "at most 6")]
        let days = first.num_days_from_monday() as u8;
        Self { unit: Unit::Week(days), zone: Zone::Utc }
    }

    /// Months, each from its first day.
    pub const fn months() -> Self {
        Self { unit: Unit::Months(1), zone: Zone::Utc }
    }

    /// Three months each, from the first of January, April, July and October.
    pub const fn quarters() -> Self {
        Self { unit: Unit::Months(3), zone: Zone::Utc }
    }

    /// Years, each from the first of January.
    pub const fn years() -> Self {
        Self { unit: Unit::Months(12), zone: Zone::Utc }
    }

    /// By the clocks of a place. [`chrono_tz`](crate::windows::chrono_tz) has them all; its `Tz` can also be parsed from a name such
    /// as `Europe/Berlin`.
    #[cfg(feature = "time-zones")]
    pub const fn in_zone(self, zone: Tz) -> Self {
        Self { unit: self.unit, zone: Zone::of(zone) }
    }

    /// At least as long as any of the windows, in milliseconds. A day longer than they are on paper, because clocks are
    /// never put back by more.
    pub(crate) const fn longest_ms(self) -> i64 {
        let days = match self.unit {
            Unit::Day => 1,
            Unit::Week(_) => 7,
            // The longest months, quarters and years have 31, 92 and 366 days.
            Unit::Months(months) => 31 * months as i64,
        };
        (days + 1) * DAY_MS
    }

    /// The start and the end of the window that contains a moment; `None` before 0.
    #[must_use]
    pub fn around(&self, time: Timestamp) -> Option<(Timestamp, Timestamp)> {
        if time.0 < 0 {
            return None;
        }
        // Looking clocks up takes half a microsecond, and most records are in the window of the one before.
        if let Some(Recent { unit, zone, start, end }) = RECENT.get()
            && start <= time
            && time < end
            && unit == self.unit
            && zone.is(&self.zone)
        {
            return Some((start, end));
        }
        let (start, end) = self.look_up(time)?;
        RECENT.set(Some(Recent { unit: self.unit, zone: self.zone, start, end }));
        Some((start, end))
    }

    fn look_up(&self, time: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let time = time.min(LAST);
        let mut first = self.unit.first_day(self.zone.date(time)?)?;
        let mut start = self.zone.midnight(first)?;
        // Clocks that are put back across midnight show the day before again, although the next one has begun.
        let (mut next, mut end) = self.after(first)?;
        while end <= time {
            (first, start) = (next, end);
            (next, end) = self.after(first)?;
        }
        if end > LAST {
            end = Timestamp(i64::MAX);
        }
        Some((start.max(Timestamp(0)), end))
    }

    /// The next window's first day, and when it starts.
    fn after(&self, first: NaiveDate) -> Option<(NaiveDate, Timestamp)> {
        let next = self.unit.next(first)?;
        Some((next, self.zone.midnight(next)?))
    }

    /// What makes two of them equal.
    fn parts(&self) -> (Unit, &'static str) {
        (self.unit, self.zone.name())
    }
}

/// The window that was looked up last.
#[derive(Clone, Copy)]
struct Recent {
    unit: Unit,
    zone: Zone,
    start: Timestamp,
    end: Timestamp,
}

thread_local! {
    static RECENT: Cell<Option<Recent>> = const { Cell::new(None) };
}

impl Unit {
    /// The first day of the window that contains a day.
    fn first_day(self, day: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Day => Some(day),
            Self::Week(first) => {
                let since = (day.weekday().num_days_from_monday() + 7 - u32::from(first)) % 7;
                day.checked_sub_days(Days::new(since.into()))
            }
            Self::Months(months) => day.with_day(1)?.with_month0(day.month0() - day.month0() % u32::from(months)),
        }
    }

    /// The first day of the next window.
    fn next(self, first: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Day => first.checked_add_days(Days::new(1)),
            Self::Week(_) => first.checked_add_days(Days::new(7)),
            Self::Months(months) => first.checked_add_months(Months::new(months.into())),
        }
    }
}

impl PartialEq for CalendarWindows {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for CalendarWindows {}

impl PartialOrd for CalendarWindows {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for CalendarWindows {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl Hash for CalendarWindows {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl fmt::Display for CalendarWindows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            Unit::Day => f.write_str("days")?,
            Unit::Week(first) => {
                let first = Weekday::try_from(first).unwrap_or(Weekday::Mon);
                write!(f, "weeks from {first}")?;
            }
            Unit::Months(1) => f.write_str("months")?,
            Unit::Months(3) => f.write_str("quarters")?,
            Unit::Months(_) => f.write_str("years")?,
        }
        write!(f, " in {}", self.zone.name())
    }
}

impl fmt::Debug for CalendarWindows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CalendarWindows({self})")
    }
}

#[cfg(test)]
#[cfg(feature = "time-zones")]
mod tests;
