//! Waiting for the log: with a limit, and not in silence.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::{Client, ClientError};
use crate::clock::{Clock, SystemClock};
use crate::log::{Admin, Doorbell, LogError, LogErrorKind, Reply};
use crate::voice::aloud;

/// When the log is told to be silent for the first time, and then again.
const TOLD_AFTER: Duration = Duration::from_secs(2);
const TOLD_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// After this time, every broker knows of a topic.
const KNOWN_AFTER: Duration = Duration::from_secs(5);

/// The time between two attempts.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// For how long, and for what, somebody waits.
pub(super) struct Wait {
    log: Arc<str>,
    doing: String,
    /// `None` waits for ever, and in silence.
    patience: Option<Duration>,
    timer: SystemClock,
    tell_at: Duration,
    cause: Option<LogError>,
}

impl Wait {
    pub(super) fn new(log: &Arc<str>, doing: String, patience: Option<Duration>) -> Self {
        Self { log: Arc::clone(log), doing, patience, timer: SystemClock::new(), tell_at: TOLD_AFTER, cause: None }
    }

    /// How long it has taken so far.
    pub(super) fn elapsed(&self) -> Duration {
        self.timer.monotonic()
    }

    /// Remembers an error after which it is worth waiting on.
    pub(super) fn note(&mut self, error: LogError) {
        self.cause = Some(error);
    }

    /// Whether there was such an error.
    pub(super) const fn has_trouble(&self) -> bool {
        self.cause.is_some()
    }

    /// Something has happened: the wait begins anew.
    pub(super) fn restart(&mut self) {
        self.timer = SystemClock::new();
        self.tell_at = TOLD_AFTER;
        self.cause = None;
    }

    /// The longest time to wait before the next look.
    pub(super) fn slice(&mut self) -> Result<Duration, ClientError> {
        let Some(patience) = self.patience else { return Ok(TOLD_AFTER) };
        let waited = self.elapsed();
        let (log, doing) = (&*self.log, &*self.doing);
        if waited >= patience {
            let cause = self.cause.take();
            return Err(ClientError::NoAnswer { log: log.to_owned(), doing: doing.to_owned(), waited, cause });
        }
        if waited >= self.tell_at {
            let error = self.cause.as_ref().map(tracing::field::display);
            aloud(|| tracing::warn!(error, "{log} has not answered for {} s ({doing}); waiting", waited.as_secs()));
            self.tell_at = waited + TOLD_AGAIN_AFTER;
        }
        Ok(self.tell_at.min(patience).saturating_sub(waited).max(Duration::from_millis(1)))
    }
}

impl Client {
    pub(super) fn wait(&self, doing: impl Into<String>) -> Wait {
        Wait::new(&self.inner.place, doing.into(), Some(self.patience))
    }

    /// Asks until there is an answer.
    pub(super) fn ask<T>(
        &self,
        doing: impl Into<String>,
        question: impl Fn(&dyn Admin) -> Reply<Result<T, LogError>>,
    ) -> Result<T, ClientError> {
        let mut wait = self.wait(doing);
        loop {
            let mut reply = question(&*self.inner.admin);
            let answer = loop {
                if let Poll::Ready(answer) = reply.wait_at_most(wait.slice()?) {
                    break answer;
                }
            };
            match answer {
                Some(Ok(answer)) => return Ok(answer),
                Some(Err(error)) if error.is_transient() => {
                    wait.note(error);
                    pause(RETRY_PAUSE.min(wait.slice()?));
                }
                Some(Err(error)) => return Err(error.into()),
                None => {
                    let message = format!("{}: nobody answered while {}", self.inner.place, wait.doing);
                    return Err(LogError::new(LogErrorKind::Other, message).into());
                }
            }
        }
    }
}

/// Repeats a question about a topic that was found a moment ago: of several brokers, some learn later than others of a
/// topic that was just created.
pub(super) fn until_known<T>(mut ask: impl FnMut() -> Result<T, ClientError>) -> Result<T, ClientError> {
    let timer = SystemClock::new();
    loop {
        match ask() {
            Err(ClientError::Log(error))
                if error.kind == LogErrorKind::UnknownTopic && timer.monotonic() < KNOWN_AFTER =>
            {
                pause(RETRY_PAUSE);
            }
            answer => return answer,
        }
    }
}
/// Lets time pass.
pub(super) fn pause(time: Duration) {
    Doorbell::new().wait(time);
}
