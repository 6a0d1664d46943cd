//! What a program says about a handler besides what it does.

use std::time::Duration;

use super::Retry;

/// In which order records are handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Those of one key one after the other, in the order in which they came.
    PerKey,
    Any,
}

/// What becomes of a record after the last attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GiveUp {
    /// It is written to the application's dead letter topic, as it was, with headers that say why and after how many
    /// attempts. The topic is set with [`App::dead_letters_to`](crate::runtime::App::dead_letters_to).
    DeadLetter,
    /// It is counted and logged.
    Skip,
    /// The application ends with an error that names it. The next start tries again.
    Fail,
}

/// How a handler is run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HandlerOptions {
    /// How many run at the same time in this process.
    pub(crate) concurrency: usize,
    pub(crate) order: Order,
    /// `None` leaves it to the application's settings.
    pub(crate) retry: Option<Retry>,
    /// `None` leaves it to the application's settings.
    pub(crate) give_up: Option<GiveUp>,
    /// How long one attempt may take.
    pub(crate) timeout: Duration,
    /// How many records a task accepts before it takes nothing more from its inputs.
    pub(crate) records_max: usize,
    /// The same in bytes. `None` if it shares a limit with all handlers of the process that say nothing.
    pub(crate) bytes_max: Option<usize>,
    /// How many records one call gets at most.
    pub(crate) batch: usize,
    /// How long a batch that is not full waits for more records.
    pub(crate) linger: Duration,
}

impl Default for HandlerOptions {
    fn default() -> Self {
        Self {
            concurrency: 16,
            order: Order::PerKey,
            retry: None,
            give_up: None,
            timeout: Duration::from_secs(5 * 60),
            records_max: 10_000,
            bytes_max: None,
            batch: 1,
            linger: Duration::ZERO,
        }
    }
}

impl HandlerOptions {
    /// Whether they make sense.
    ///
    /// # Errors
    /// Says which one does not, and what to say instead.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.concurrency == 0 {
            return Err("`.concurrency(0)` would never handle a record; it must be at least 1".to_owned());
        }
        if self.timeout.is_zero() {
            return Err("with `.timeout(..)` of nothing each attempt would fail; give it a longer time".to_owned());
        }
        if self.records_max == 0 || self.bytes_max == Some(0) {
            return Err("with room for nothing, no record would ever be accepted; it must be at least 1".to_owned());
        }
        if self.batch == 0 {
            return Err("a batch of no records would never be handled; it must be at least 1".to_owned());
        }
        let Some(retry) = &self.retry else { return Ok(()) };
        if retry.uses_topics() && self.order == Order::PerKey {
            return Err("while a record waits in a retry topic, later ones of its key are handled; accept that with \
                        `.unordered()`, or keep the order with `Retry::exponential(..)` or `Retry::after(..)`, which retry in \
                        place"
                .to_owned());
        }
        retry.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_never_handle_anything_is_refused() {
        let default = HandlerOptions::default;
        let in_topics = || Retry::in_topics([Duration::from_secs(60)]);
        for (options, expected) in [
            (default(), None),
            (HandlerOptions { concurrency: 0, ..default() }, Some("`.concurrency(0)`")),
            (HandlerOptions { timeout: Duration::ZERO, ..default() }, Some("`.timeout(..)`")),
            (HandlerOptions { records_max: 0, ..default() }, Some("room for nothing")),
            (HandlerOptions { bytes_max: Some(0), ..default() }, Some("room for nothing")),
            (HandlerOptions { batch: 0, ..default() }, Some("a batch of no records")),
            (HandlerOptions { retry: Some(Retry::never().attempts(0)), ..default() }, Some("no attempts")),
            (HandlerOptions { retry: Some(in_topics()), ..default() }, Some("accept that with `.unordered()`")),
            (HandlerOptions { retry: Some(in_topics()), order: Order::Any, ..default() }, None),
        ] {
            let refused = options.check().err().unwrap_or_default();
            assert!(expected.map_or(refused.is_empty(), |part| refused.contains(part)), "{options:?}: {refused}");
        }
    }
}
