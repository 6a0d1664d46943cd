//! Timestamp extractors: which time a source's records have, where the application decides that.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::record::{Record, Timestamp};

/// The application's choice for one record; it also gets the largest timestamp so far in the record's partition.
pub(crate) type Extractor<K, V> = Arc<dyn Fn(&Record<K, V>, Timestamp) -> ExtractedTime + Send + Sync>;

/// What an extractor returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExtractedTime {
    /// The record's time. If it is negative, the record is skipped and counted.
    At(Timestamp),
    /// The record is skipped and counted.
    Skip,
    /// The application fails, and this is why.
    Fail(String),
}

/// What a timestamp extractor may return: a [`Timestamp`] or a chrono time, an `Option` of one, where `None` skips the
/// record, or a `Result`, whose error ends the application.
#[diagnostic::on_unimplemented(
    message = "a timestamp extractor returns a `Timestamp`, an `Option` or a `Result` of one, not `{Self}`",
    label = "not a time",
    note = "milliseconds since 1970 become one with `Timestamp(milliseconds)`, and `DateTime<Utc>` is one already"
)]
pub trait IntoExtractedTime {
    /// The time, or why there is none.
    fn into_time(self) -> ExtractedTime;
}

impl IntoExtractedTime for Timestamp {
    fn into_time(self) -> ExtractedTime {
        ExtractedTime::At(self)
    }
}

impl IntoExtractedTime for DateTime<Utc> {
    fn into_time(self) -> ExtractedTime {
        ExtractedTime::At(self.into())
    }
}

impl<T: IntoExtractedTime> IntoExtractedTime for Option<T> {
    fn into_time(self) -> ExtractedTime {
        self.map_or(ExtractedTime::Skip, T::into_time)
    }
}

impl<T: IntoExtractedTime, E: std::fmt::Display> IntoExtractedTime for Result<T, E> {
    fn into_time(self) -> ExtractedTime {
        self.map_or_else(|error| ExtractedTime::Fail(error.to_string()), T::into_time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_in_several_forms() {
        let at = |milliseconds| ExtractedTime::At(Timestamp(milliseconds));
        for (time, expected) in [
            (Timestamp(5).into_time(), at(5)),
            (Timestamp(-5).into_time(), at(-5)),
            (DateTime::from_timestamp_millis(5).into_time(), at(5)),
            (None::<Timestamp>.into_time(), ExtractedTime::Skip),
            (Ok::<_, String>(Some(Timestamp(5))).into_time(), at(5)),
            (
                "x".parse::<i64>().map(Timestamp).into_time(),
                ExtractedTime::Fail("invalid digit found in string".into()),
            ),
        ] {
            assert_eq!(time, expected);
        }
    }
}
