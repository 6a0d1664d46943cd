//! What becomes of records with which something fails: they end the application, are left out, become dead letters, or
//! are processed again after a pause.
//!
//! A record is processed wholly or not at all. Where it has left no trace yet, it is left out on the spot. Otherwise the
//! work since the last commit is undone and done again without it: that costs as much as a short interruption, but
//! neither a store nor a topic has half of what a record does. (Under at-least-once, where tasks share no transaction,
//! only the task's own work is, and only after a panic; the record that is left out is then committed before the next
//! one.) What is not made of a single record, such as the result of a window that closes, is left out by itself
//! ([`Context::release`](crate::operators::Context::release)).
//!
//! `policy.rs` decides, `set_aside.rs` remembers what was decided until the record comes again, and `dead_letters.rs`
//! writes dead letters. The task does what was decided (`task/failing.rs`), and the worker undoes
//! (`worker/recovering.rs`).

use std::rc::Rc;
use std::sync::Arc;

mod dead_letters;
mod policy;
mod set_aside;

pub(crate) use dead_letters::{DeadLetters, Letter, check_dead_letters};
pub(crate) use policy::{Cause, ErrorPolicy, Handler, UncaughtHandler};
pub use policy::{FailedRecord, Stage, Uncaught};
pub(crate) use set_aside::{Fate, SetAside};

/// What a worker's tasks share to deal with failures.
#[derive(Clone)]
pub(crate) struct Failures {
    pub(crate) policy: Arc<ErrorPolicy>,
    pub(crate) set_aside: Rc<SetAside>,
}

impl Failures {
    pub(crate) fn new(policy: Arc<ErrorPolicy>) -> Self {
        Self { policy, set_aside: Rc::default() }
    }
}
