//! What the applications must come to, computed by plain programs from the records of their inputs. They use none of the
//! engine's operators.

pub mod hops;
pub mod joined;

use crate::audit::Record;

/// A record of an input: its key, its id, and its timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input {
    /// The key.
    pub key: i64,
    /// The id.
    pub id: i64,
    /// The event time in milliseconds.
    pub timestamp: i64,
}

impl Input {
    /// A record of an input topic; `None` if it is not one.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        let key = i64::from_be_bytes(record.key.as_slice().try_into().ok()?);
        let id = i64::from_be_bytes(record.value.as_deref()?.try_into().ok()?);
        Some(Self { key, id, timestamp: record.timestamp })
    }
}
