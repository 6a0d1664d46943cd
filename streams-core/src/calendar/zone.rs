//! Which date clocks show, and when they show midnight.

use chrono::{DateTime, NaiveDate, NaiveTime};
#[cfg(feature = "time-zones")]
use chrono::{MappedLocalTime, TimeZone as _, Utc};
#[cfg(feature = "time-zones")]
use chrono_tz::{GapInfo, Tz};

use crate::record::Timestamp;

/// Whose clocks.
#[derive(Clone, Copy)]
pub(super) enum Zone {
    Utc,
    #[cfg(feature = "time-zones")]
    Place(Tz, &'static Rules),
}

/// How to read the clocks of a place. Through pointers, so that the tables of all places (1.9 MB) are only in programs that
/// name one.
#[cfg(feature = "time-zones")]
pub(super) struct Rules {
    date: fn(Tz, DateTime<Utc>) -> NaiveDate,
    midnight: fn(Tz, NaiveDate) -> Option<DateTime<Utc>>,
}

impl Zone {
    #[cfg(feature = "time-zones")]
    pub(super) const fn of(place: Tz) -> Self {
        Self::Place(place, &Rules { date, midnight })
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Utc, Self::Utc) => true,
            #[cfg(feature = "time-zones")]
            (Self::Place(place, _), Self::Place(other, _)) => place == other,
            #[cfg(feature = "time-zones")]
            _ => false,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Utc => "UTC",
            #[cfg(feature = "time-zones")]
            Self::Place(place, _) => place.name(),
        }
    }

    /// The date that clocks show at a moment.
    pub(super) fn date(&self, time: Timestamp) -> Option<NaiveDate> {
        let time = DateTime::from_timestamp_millis(time.0)?;
        match self {
            Self::Utc => Some(time.date_naive()),
            #[cfg(feature = "time-zones")]
            Self::Place(place, rules) => Some((rules.date)(*place, time)),
        }
    }

    /// When a date begins.
    pub(super) fn midnight(&self, date: NaiveDate) -> Option<Timestamp> {
        let time = match self {
            Self::Utc => Some(date.and_time(NaiveTime::MIN).and_utc()),
            #[cfg(feature = "time-zones")]
            Self::Place(place, rules) => (rules.midnight)(*place, date),
        };
        time.map(|time| Timestamp(time.timestamp_millis()))
    }
}

#[cfg(feature = "time-zones")]
fn date(place: Tz, time: DateTime<Utc>) -> NaiveDate {
    time.with_timezone(&place).date_naive()
}

#[cfg(feature = "time-zones")]
fn midnight(place: Tz, date: NaiveDate) -> Option<DateTime<Utc>> {
    let midnight = date.and_time(NaiveTime::MIN);
    let begins = match place.from_local_datetime(&midnight) {
        MappedLocalTime::Single(time) | MappedLocalTime::Ambiguous(time, _) => Some(time),
        MappedLocalTime::None => GapInfo::new(&midnight, &place)?.end,
    };
    begins.map(|time| time.to_utc())
}
