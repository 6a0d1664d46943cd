//! What an application or a client says on standard error if its program has no `tracing` subscriber.
//!
//! Sentences that nobody sees help nobody, and a first program has no subscriber. So the application's own threads get
//! one of ours (a client's caller only while the client speaks), which prints what a person must know: warnings and
//! errors of this project's crates, and events with the target [`PEOPLE`], which are whole sentences. Everything else is
//! off at its callsite, so a record pays nothing for it.
//!
//! `line.rs` makes a line of an event; `limit.rs` keeps a line that comes again and again from drowning the others.
//! `guard.rs` keeps a subscriber of the program that panics from taking the application down.
//! Whoever listens comes first: `bridge.rs` asks whether the program's logger does, and `later.rs` whether the program
//! has set a subscriber in the meantime.

use std::io::Write as _;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tracing::callsite::Identifier;
use tracing::dispatcher::WeakDispatch;
use tracing::metadata::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Interest, NoSubscriber, Subscriber};
use tracing::{Dispatch, Event, Level, Metadata, dispatcher};

use crate::clock::{SharedClock, SystemClock};

mod bridge;
mod guard;
mod later;
mod limit;
mod line;

use bridge::a_logger_listens;
use guard::guarded;
pub(crate) use guard::unguarded;
use later::Later;
use limit::Limits;
use line::line_of;

/// The target of events that are sentences for people, whatever their level. They limit their number themselves.
pub(crate) const PEOPLE: &str = "millstream";

/// The target of the error that ends an application.
pub(crate) const END: &str = "millstream::end";

/// The crates whose warnings are printed.
const CRATES: [&str; 5] = ["millstream", "streams_core", "streams_http", "streams_kafka", "streams_rocksdb"];

/// An application's voice; none if somebody else listens, or nobody should.
#[derive(Clone, Default)]
pub(super) struct Voice(Option<Dispatch>);

impl Voice {
    /// The voice of an application that the current thread starts: only if the program has set no subscriber.
    /// `returns_its_error` if the program gets the error that ends the application as a result, and prints it.
    pub(super) fn new(clock: SharedClock, returns_its_error: bool) -> Self {
        let nobody_listens =
            dispatcher::get_default(|listener| listener.is::<NoSubscriber>() || listener.is::<Speaker>());
        let speaker = || Speaker {
            clock,
            returns_its_error,
            limits: Mutex::default(),
            later: Later::default(),
            print: print_line,
        };
        Self((nobody_listens && !a_logger_listens()).then(|| Dispatch::new(speaker())))
    }

    /// The same voice for somebody who may outlive the application.
    pub(super) fn lasting(&self) -> LastingVoice {
        LastingVoice(self.0.as_ref().map(Dispatch::downgrade))
    }

    /// Prints what is said on this thread while `act` runs.
    pub(super) fn heard<T>(&self, act: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(speaker) => dispatcher::with_default(speaker, act),
            None => act(),
        }
    }

    /// The same for what the application itself does, which has to outlive a subscriber of the program that panics.
    pub(super) fn heard_or_guarded<T>(&self, act: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(_) => self.heard(act),
            None => guarded(act),
        }
    }
}

/// Prints what is said on this thread while `act` runs, if nobody listens.
pub fn aloud<T>(act: impl FnOnce() -> T) -> T {
    Voice::new(SystemClock::shared(), true).heard(act)
}

/// A voice of somebody who may outlive the application. What is said after its end is not printed, and nothing that it has
/// still to print waits for this.
#[derive(Clone, Default)]
pub(super) struct LastingVoice(Option<WeakDispatch>);

impl LastingVoice {
    /// Prints what is said on this thread while `act` runs.
    pub(super) fn heard<T>(&self, act: impl FnOnce() -> T) -> T {
        Voice(self.0.as_ref().and_then(WeakDispatch::upgrade)).heard(act)
    }
}

/// The subscriber that prints.
struct Speaker {
    clock: SharedClock,
    returns_its_error: bool,
    limits: Mutex<Limits<Identifier>>,
    later: Later,
    print: fn(&str),
}

impl Speaker {
    fn is_for_people(&self, event: &Metadata<'_>) -> bool {
        let is_ours = || {
            let of = |name: &&str| {
                event.target().strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
            };
            CRATES.iter().any(of)
        };
        match event.target() {
            _ if !event.is_event() => false,
            END => !self.returns_its_error,
            PEOPLE => *event.level() <= Level::INFO,
            _ => *event.level() <= Level::WARN && is_ours(),
        }
    }
}

impl Subscriber for Speaker {
    fn register_callsite(&self, callsite: &'static Metadata<'static>) -> Interest {
        match self.later.found() {
            Some(_) => Interest::sometimes(),
            None if self.is_for_people(callsite) => Interest::always(),
            None => Interest::never(),
        }
    }

    fn enabled(&self, event: &Metadata<'_>) -> bool {
        // Other events get here only if somebody is interested in them: perhaps a subscriber of the program.
        let theirs = || self.later.look(self.clock.monotonic());
        self.is_for_people(event) || theirs().is_some_and(|theirs| theirs.enabled(event))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn event(&self, event: &Event<'_>) {
        if let Some(theirs) = self.later.found() {
            hand_on(event, theirs);
            return;
        }
        // With several subscribers in the process, events may arrive without having been asked for.
        if !self.is_for_people(event.metadata()) {
            return;
        }
        let line = line_of(event);
        let is_limited = event.metadata().target() != PEOPLE;
        let line = if is_limited {
            let now = self.clock.monotonic();
            let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
            limits.admit(event.metadata().callsite(), line, now)
        } else {
            Some(line)
        };
        let Some(line) = line else { return };
        match self.later.look_now() {
            Some(theirs) => hand_on(event, theirs),
            None => (self.print)(&line),
        }
    }

    // Only a subscriber of the program is interested in spans.

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        self.later.found().map_or_else(|| Id::from_u64(1), |theirs| theirs.new_span(attributes))
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.later.found().into_iter().for_each(|theirs| theirs.record(span, values));
    }

    fn record_follows_from(&self, span: &Id, follows: &Id) {
        self.later.found().into_iter().for_each(|theirs| theirs.record_follows_from(span, follows));
    }

    fn enter(&self, span: &Id) {
        self.later.found().into_iter().for_each(|theirs| theirs.enter(span));
    }

    fn exit(&self, span: &Id) {
        self.later.found().into_iter().for_each(|theirs| theirs.exit(span));
    }

    fn clone_span(&self, span: &Id) -> Id {
        self.later.found().map_or_else(|| span.clone(), |theirs| theirs.clone_span(span))
    }

    fn try_close(&self, span: Id) -> bool {
        self.later.found().is_some_and(|theirs| theirs.try_close(span))
    }
}

fn hand_on(event: &Event<'_>, theirs: &Dispatch) {
    if theirs.enabled(event.metadata()) {
        theirs.event(event);
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        let rest = self.limits.get_mut().unwrap_or_else(PoisonError::into_inner).rest();
        rest.iter().for_each(|line| (self.print)(line));
    }
}

/// Prints a line so that a test harness captures it. If nobody reads standard error, that is no reason to fail: the
/// macro would panic then.
fn print_line(line: &str) {
    static IS_CLOSED: AtomicBool = AtomicBool::new(false);
    if IS_CLOSED.load(Ordering::Relaxed) {
        return;
    }
    if cfg!(panic = "abort") {
        let _ = writeln!(std::io::stderr(), "{line}");
    } else if catch_unwind(|| eprintln!("{line}")).is_err() {
        IS_CLOSED.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static PRINTED: Mutex<Vec<String>> = Mutex::new(Vec::new());

    fn speaker(returns_its_error: bool) -> Dispatch {
        let print = |line: &str| PRINTED.lock().expect("lock").push(line.to_owned());
        let (clock, limits, later) = (SystemClock::shared(), Mutex::default(), Later::default());
        Dispatch::new(Speaker { clock, returns_its_error, limits, later, print })
    }

    /// `tracing` asks the thread that reaches a callsite first, unless there are several subscribers.
    fn others() -> [Dispatch; 2] {
        [0, 1].map(|_| Dispatch::new(NoSubscriber::default()))
    }

    #[test]
    fn people_hear_warnings_and_sentences_and_nothing_else() {
        let _others = others();
        let speak = || {
            let (error, partition) = ("it is gone", "in-0");
            tracing::info!(target: PEOPLE, workers = 2, "the application starts");
            tracing::warn!(target: PEOPLE, total = 9, "9 records were dropped");
            tracing::warn!(target: "streams_kafka::logging", client = "app-admin", held_back = 0, "FAIL: refused");
            tracing::warn!(%partition, offset = 7, %error, "record skipped");
            tracing::error!(target: END, "the application stops: it is gone");
            tracing::info!("a task runs");
            tracing::debug!(target: PEOPLE, "too much");
            tracing::error!(target: "streams_core_of_another", "another crate");
            tracing::warn_span!("task").in_scope(|| {});
        };
        let start = [
            "millstream: the application starts",
            "millstream: warning: 9 records were dropped",
            "millstream: warning: FAIL: refused (client app-admin, held back 0)",
            "millstream: warning: record skipped (partition in-0, offset 7): it is gone",
        ];
        for (returns_its_error, end) in
            [(true, &[][..]), (false, &["millstream: error: the application stops: it is gone"][..])]
        {
            PRINTED.lock().expect("lock").clear();
            dispatcher::with_default(&speaker(returns_its_error), speak);
            assert_eq!(*PRINTED.lock().expect("lock"), [&start[..], end].concat());
        }
    }

    #[test]
    fn only_a_program_without_a_subscriber_is_spoken_for() {
        let _others = others();
        let voice = || Voice::new(SystemClock::shared(), false);
        assert!(voice().0.is_some());
        assert!(voice().heard(|| voice().0.is_some()), "an application that another one starts");
        let theirs = tracing_subscriber::fmt().with_writer(std::io::sink).finish();
        assert!(tracing::subscriber::with_default(theirs, || voice().0.is_none()));
    }
}
