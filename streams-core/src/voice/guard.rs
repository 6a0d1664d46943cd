//! Keeps a subscriber of the program that panics from taking the application down.
//!
//! The usual subscriber prints on standard output or standard error, and panics when nobody reads that any more: `app | head`
//! is enough. The panic comes out of any event, so also in the middle of a commit or a rebalance. So while the application
//! itself is at work, a guard stands between the events and the program's subscriber. The application's code is called without
//! it: there, the subscriber is the one that the program has set, for all who look for that one.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Interest, NoSubscriber, Subscriber};
use tracing::{Dispatch, Event, Metadata, dispatcher};

thread_local! {
    /// The program's subscriber, on threads where it is guarded.
    static THEIRS: RefCell<Option<Dispatch>> = const { RefCell::new(None) };
}

/// Calls `act`, which may say whatever it likes: if the subscriber of this thread panics, the event is lost and nothing else.
pub(super) fn guarded<T>(act: impl FnOnce() -> T) -> T {
    let theirs = dispatcher::get_default(Dispatch::clone);
    if theirs.is::<NoSubscriber>() {
        return act();
    }
    THEIRS.set(Some(theirs.clone()));
    let done = dispatcher::with_default(&Dispatch::new(Guard(theirs)), act);
    THEIRS.set(None);
    done
}

/// Calls code of the application, which finds the program's own subscriber.
pub(crate) fn unguarded<T>(act: impl FnOnce() -> T) -> T {
    match THEIRS.with_borrow(Option::clone) {
        Some(theirs) => dispatcher::with_default(&theirs, act),
        None => act(),
    }
}

/// Hands everything on.
struct Guard(Dispatch);

impl Guard {
    /// What they say, or this if they panic.
    fn or<T>(&self, otherwise: T, ask: impl FnOnce(&Dispatch) -> T) -> T {
        catch_unwind(AssertUnwindSafe(|| ask(&self.0))).unwrap_or(otherwise)
    }
}

impl Subscriber for Guard {
    fn register_callsite(&self, callsite: &'static Metadata<'static>) -> Interest {
        self.or(Interest::sometimes(), |theirs| theirs.register_callsite(callsite))
    }

    fn enabled(&self, event: &Metadata<'_>) -> bool {
        self.or(false, |theirs| theirs.enabled(event))
    }

    fn event(&self, event: &Event<'_>) {
        self.or((), |theirs| theirs.event(event));
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        self.or(Id::from_u64(u64::MAX), |theirs| theirs.new_span(attributes))
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.or((), |theirs| theirs.record(span, values));
    }

    fn record_follows_from(&self, span: &Id, follows: &Id) {
        self.or((), |theirs| theirs.record_follows_from(span, follows));
    }

    fn enter(&self, span: &Id) {
        self.or((), |theirs| theirs.enter(span));
    }

    fn exit(&self, span: &Id) {
        self.or((), |theirs| theirs.exit(span));
    }

    fn clone_span(&self, span: &Id) -> Id {
        self.or(span.clone(), |theirs| theirs.clone_span(span))
    }

    fn try_close(&self, span: Id) -> bool {
        self.or(false, |theirs| theirs.try_close(span))
    }
}
