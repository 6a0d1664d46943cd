//! What is kept of a user: the last notifications, each in a row of its own, and how many there are and were read.
//!
//! A single row with the whole list would be simpler, but each notification would write all the others again. With 1,000 like
//! the article's in the list, that is 102,000 bytes for a new one, to the store and once more to its changelog; a row of its
//! own and the marks take 157.

use millstream::prelude::*;
use serde::{Deserialize, Serialize};

use crate::notification::Notification;

/// The notifications, by [`row`].
pub const ROWS: KeyValueStore<String, Notification> = KeyValueStore::new("inbox");

/// What is known of each user's rows, by the user's number.
pub const MARKS: KeyValueStore<String, Marks> = KeyValueStore::new("inbox-marks");

/// How many notifications of a user are kept: the last ones.
pub const KEPT: u64 = 1_000;

/// A user's rows are numbered from 0 on, in the order in which they have arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, Value)]
#[streams(json)]
pub struct Marks {
    /// The number of the first row that is kept.
    pub first: u64,
    /// The number that the next one gets.
    pub next: u64,
    /// Rows with smaller numbers have been read.
    pub read: u64,
}

impl Marks {
    /// How many of the rows that are kept have not been read.
    pub fn unread(self) -> u64 {
        self.next.saturating_sub(self.read.max(self.first))
    }
}

/// How the keys of a user's rows begin. The length comes first, so that no user's name is the beginning of another's.
pub fn prefix(user: &str) -> String {
    format!("{}:{user}/", user.len())
}

/// The key of a user's row. Keys are in the order of their numbers.
pub fn row(user: &str, number: u64) -> String {
    format!("{}{number:020}", prefix(user))
}

/// The number of the row with this key.
pub fn number(row: &str) -> Option<u64> {
    row.rsplit_once('/')?.1.parse().ok()
}
