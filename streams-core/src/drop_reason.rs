//! Why a record is dropped on purpose: the reasons, their names in metrics and settings, and what people are told.

/// Why a record was dropped on purpose. Each reason is counted separately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// Its key is null where a key is needed.
    NullKey,
    /// Its value is null where a value is needed.
    NullValue,
    /// Its window was already closed.
    Late,
    /// Its bytes cannot be read, and the application chose to go on without such records.
    Undecodable,
    /// Its timestamp is negative, or its extractor returned none, and the application chose to skip such records.
    NegativeTimestamp,
    /// The application's partitioner chose no partition for it.
    NoPartition,
    /// It is a row of an inner foreign-key join that refers to no other row.
    NullForeignKey,
    /// It is an answer within a foreign-key join to a row that has changed since.
    StaleAnswer,
    /// It is a row for a store that keeps rows of that time no more.
    Expired,
    /// It is an earlier version of a row than the latest one, and joins of tables are with latest rows.
    Outdated,
    /// The application's code failed with it, and the application chose to go on without such records.
    Failed,
    /// What was made of it cannot be written, and the application chose to go on without such records.
    Unwritable,
    /// Its timestamp is further ahead of the clock than the application accepts, and such records are skipped.
    Future,
    /// It is not valid by the application's rules, and the application chose to go on without such records.
    Invalid,
}

impl DropReason {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 14] = [
        Self::NullKey,
        Self::NullValue,
        Self::Late,
        Self::Undecodable,
        Self::NegativeTimestamp,
        Self::NoPartition,
        Self::NullForeignKey,
        Self::StaleAnswer,
        Self::Expired,
        Self::Outdated,
        Self::Failed,
        Self::Unwritable,
        Self::Future,
        Self::Invalid,
    ];

    /// Those whose records may become dead letters (`errors.dead.letter.queue.drops`). What cannot be read, processed or
    /// written has handlers of its own, and what is routine is no loss.
    pub(crate) const DEAD_LETTERS: [Self; 7] = [
        Self::NullKey,
        Self::NullValue,
        Self::Late,
        Self::NoPartition,
        Self::NullForeignKey,
        Self::Expired,
        Self::Outdated,
    ];

    /// The reason as a sentence.
    pub(crate) const fn explanation(self) -> &'static str {
        match self {
            Self::NullKey => "their key is null",
            Self::NullValue => "their value is null",
            Self::Late => "they came after their window was closed; a longer grace keeps it open",
            Self::Undecodable => "their bytes cannot be read",
            Self::NegativeTimestamp => "their timestamp is negative, or their extractor leaves them out",
            Self::NoPartition => "their partitioner chose no partition",
            Self::NullForeignKey => "they have no foreign key; a left join keeps them",
            Self::StaleAnswer => "the rows that they answer have changed since, and are answered themselves",
            Self::Expired => "their rows are older than what the store keeps; a longer retention keeps them",
            Self::Outdated => "a later version of their row is known, and tables are joined by their latest rows",
            Self::Failed => "the application's code failed with them",
            Self::Unwritable => "what was made of them cannot be written",
            Self::Invalid => "they are not valid by the application's rules",
            Self::Future => "their timestamps are further ahead of the clock than `timestamp.future.max.ms` allows",
        }
    }

    /// Whether it happens all the time without anything being wrong, so that nobody needs to be told of it.
    pub(crate) const fn is_routine(self) -> bool {
        matches!(self, Self::StaleAnswer)
    }

    /// The reason as a metrics label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NullKey => "null-key",
            Self::NullValue => "null-value",
            Self::Late => "late",
            Self::Undecodable => "undecodable",
            Self::NegativeTimestamp => "negative-timestamp",
            Self::NoPartition => "no-partition",
            Self::NullForeignKey => "null-foreign-key",
            Self::StaleAnswer => "stale-answer",
            Self::Expired => "expired",
            Self::Outdated => "outdated",
            Self::Failed => "failed",
            Self::Unwritable => "unwritable",
            Self::Future => "future",
            Self::Invalid => "invalid",
        }
    }
}
