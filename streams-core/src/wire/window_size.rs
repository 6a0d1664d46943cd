//! What the bytes of a windowed key leave out.

use std::fmt;
use std::time::Duration;

use crate::calendar::CalendarWindows;
use crate::record::Timestamp;

/// How long a window is that is known by its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WindowSize {
    /// So many milliseconds, as all the others of its sort.
    Millis(i64),
    /// To the next start in a calendar.
    Calendar(CalendarWindows),
}

impl WindowSize {
    /// Windows of that length, in whole milliseconds.
    #[must_use]
    pub const fn of(size: Duration) -> Self {
        let millis = size.as_millis();
        #[allow(clippy::cast_possible_truncation, reason = "checked before")]
        Self::Millis(if millis > i64::MAX as u128 { i64::MAX } else { millis as i64 })
    }

    /// When the window ends that starts then.
    #[must_use]
    pub fn end(&self, start: Timestamp) -> Timestamp {
        match self {
            Self::Millis(size) => Timestamp(start.0.saturating_add(*size)),
            Self::Calendar(windows) => windows.around(start).map_or(start, |(_, end)| end),
        }
    }
}

impl fmt::Display for WindowSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Millis(size) => write!(f, "{:?}", Duration::from_millis(size.unsigned_abs())),
            Self::Calendar(windows) => windows.fmt(f),
        }
    }
}
