//! Audits of what a run has left in the broker's log and in the state folders.
//!
//! They read records as plain bytes and compare them with what [`crate::expected`] says. None of them needs the engine.

pub mod commits;
pub mod coverage;
pub mod outputs;
pub mod read;
pub mod state;

#[cfg(test)]
mod doctored;

/// A record, read with some isolation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The number of its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its timestamp in milliseconds.
    pub timestamp: i64,
    /// Its key; empty if it has none.
    pub key: Vec<u8>,
    /// Its value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
}

/// How many errors are told one by one, and how many that begin alike, up to their first colon.
const TOLD: usize = 20;
/// See [`TOLD`].
const TOLD_ALIKE: usize = 4;

/// What audits have found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How many records, or effects of records, are missing.
    pub lost: u64,
    /// How many are there more than once.
    pub doubled: u64,
    /// How many come after one that they should precede.
    pub reordered: u64,
    /// How many errors there are; with at-least-once, doubles are none.
    pub errors: u64,
    /// The first of them.
    pub told: Vec<String>,
}

impl Verdict {
    /// Notes an error.
    pub fn error(&mut self, what: impl Into<String>) {
        self.errors += 1;
        self.tell(what.into());
    }

    fn tell(&mut self, what: String) {
        let kind = |error: &str| error.split(':').next().unwrap_or_default().to_owned();
        let alike = self.told.iter().filter(|told| kind(told) == kind(&what)).count();
        if self.told.len() < TOLD && alike < TOLD_ALIKE {
            self.told.push(what);
        }
    }

    /// Adds what another audit has found.
    pub fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.reordered += other.reordered;
        self.errors += other.errors;
        other.told.into_iter().for_each(|told| self.tell(told));
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.errors == 0
    }
}
