//! One question about one task's share of a store.

use std::sync::Arc;
use std::time::Duration;

use super::{Position, QueryError};
use crate::record::{TaskId, Timestamp};
use crate::state::{FreshRows, StoreKind};

/// What a question sees of a store. It reads no more than a page, because the worker has other things to do.
pub(crate) struct Look<'a> {
    pub(crate) rows: &'a mut dyn FreshRows,
    pub(crate) kind: &'a dyn StoreKind,
    /// For rows that expire: the time of the newest.
    pub(crate) newest: Option<Timestamp>,
    pub(crate) position: Position,
    /// How many committed entries there are, if that was asked for and is known.
    pub(crate) estimate: Option<u64>,
}

/// Which changes of rows are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Freshness {
    /// All that were made, whether they are committed or not.
    #[default]
    Latest,
    /// Only those that are committed.
    Committed,
}

/// What a question is about.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) task: TaskId,
    pub(crate) store: Arc<str>,
    pub(crate) freshness: Freshness,
    /// How far the store must have got.
    pub(crate) at_least: Arc<Position>,
    /// Whether it is asked how many entries there are.
    pub(crate) counts: bool,
}

/// What becomes of a question: it gets to look, or hears why not.
type Answer = Box<dyn FnOnce(Result<Look<'_>, QueryError>) + Send>;

/// A question on its way.
pub(crate) struct Question {
    pub(crate) wish: Wish,
    /// Until then what stands in the way is waited for, on the monotonic clock.
    pub(crate) patient_until: Duration,
    /// When the worker must have answered.
    pub(crate) answer_by: Duration,
    answer: Answer,
}

impl Question {
    pub(crate) fn new(
        wish: Wish,
        (patient_until, answer_by): (Duration, Duration),
        answer: impl FnOnce(Result<Look<'_>, QueryError>) + Send + 'static,
    ) -> Self {
        Self { wish, patient_until, answer_by, answer: Box::new(answer) }
    }

    /// Lets it look at the store.
    pub(crate) fn look(self, look: Look<'_>) {
        (self.answer)(Ok(look));
    }

    /// Tells it why it gets no answer.
    pub(crate) fn refuse(self, error: QueryError) {
        (self.answer)(Err(error));
    }

    /// The store's name, for errors.
    pub(crate) fn store(&self) -> String {
        self.wish.store.to_string()
    }
}
