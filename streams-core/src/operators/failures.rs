//! Failures that no record can be blamed for, because what has failed is made of what was held back.
//!
//! The runtime decides whether the application goes on, and writes the dead letters; see [`Context::release`].
//!
//! [`Context::release`]: super::Context::release

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::{Destination, OperatorError};
use crate::drop_reason::DropReason;
use crate::record::{Headers, TaskId, Timestamp};
use crate::state::in_flight::Accepted;

/// Whether the application goes on without what has failed; `None` if it does not.
pub(crate) type Contain = Rc<dyn Fn(&OperatorError) -> Option<Contained>>;

/// The application goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contained {
    /// As what it is counted.
    pub(crate) reason: DropReason,
    pub(crate) is_dead_letter: bool,
}

/// Decides about a record with which a handler has failed.
pub(crate) type Judge = Rc<dyn Fn(TaskId, &Judged<'_>) -> Verdict>;

/// A record with which a handler has failed, and which says nothing else about that.
#[derive(Debug)]
pub(crate) struct Judged<'a> {
    pub(crate) accepted: &'a Accepted,
    pub(crate) error: &'a OperatorError,
    /// Whether another attempt makes sense, as far as the handler knows.
    pub(crate) may_retry: bool,
}

/// What becomes of a record with which a handler has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is handled again after this time.
    Again(Duration),
    Skip,
    DeadLetter,
    Fail,
}

/// A record that was accepted before and is to become a dead letter.
#[derive(Debug)]
pub(crate) struct GivenUp {
    pub(crate) error: OperatorError,
    pub(crate) accepted: Accepted,
    /// As what it is counted.
    pub(crate) reason: DropReason,
}

/// What was left out and is to become a dead letter.
#[derive(Debug)]
pub(crate) struct Lost {
    pub(crate) error: OperatorError,
    /// The record that could not be sent, if it came so far.
    pub(crate) unsent: Option<Unsent>,
}

/// A record that could not be sent.
#[derive(Debug)]
pub(crate) struct Unsent {
    pub(crate) topic: Arc<str>,
    pub(crate) key: Option<Box<[u8]>>,
    pub(crate) value: Option<Box<[u8]>>,
    pub(crate) timestamp: Timestamp,
    pub(crate) headers: Headers,
}

impl Unsent {
    pub(super) fn new(
        destination: &Destination,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Self {
        Self {
            topic: Arc::clone(&destination.topic),
            key: key.map(Into::into),
            value: value.map(Into::into),
            timestamp,
            headers: headers.clone(),
        }
    }
}
