//! One call of a handler, and how its task hears of the end.

use std::any::Any;
use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::{AbortHandle, BoxFuture, abortable};

use super::Job;
use super::permits::Permit;
use crate::error_text;
use crate::executor::Executor;
use crate::log::Doorbell;

/// A program's handler: gets one record or several, and returns what becomes of each, in the same order.
pub(crate) type HandleAll<K, V, R> =
    Arc<dyn Fn(Vec<Job<K, V>>) -> BoxFuture<'static, Vec<Result<R, Failure>>> + Send + Sync>;

/// An error after which it makes no sense to try again, such as an order for an article that does not exist: the record is
/// given up at once.
///
/// ```
/// use millstream::dsl::handler::Permanent;
///
/// async fn pay(cents: i64) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
///     if cents < 0 {
///         return Err(Permanent::new("a negative amount").into());
///     }
///     Ok(())
/// }
/// ```
pub struct Permanent(Box<dyn Error + Send + Sync>);

impl Permanent {
    /// The reason.
    #[must_use]
    pub fn new(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(reason.into())
    }
}

crate::debug_says_what_display_says!(Permanent);

impl fmt::Display for Permanent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Permanent {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// Why an attempt has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(super) kind: FailureKind,
    pub(super) reason: String,
}

/// What an attempt ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    Error,
    /// An error of the kind [`Permanent`].
    Permanent,
    Panic,
    Timeout,
    /// Whoever runs futures has dropped it.
    Cancelled,
}

impl FailureKind {
    /// Its name in metrics.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Permanent => "permanent",
            Self::Panic => "panic",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Failure {
    pub(super) fn new(kind: FailureKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }

    /// What a handler has returned.
    fn of(error: &(dyn Error + Send + Sync + 'static)) -> Self {
        let kind = if error.is::<Permanent>() { FailureKind::Permanent } else { FailureKind::Error };
        Self::new(kind, error_text::told(error))
    }

    fn of_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Self::new(FailureKind::Panic, format!("it panicked: {}", text.unwrap_or("no message")))
    }
}

/// A handler of one record.
pub(crate) fn each<K, V, R, E, F>(handler: impl Fn(Job<K, V>) -> F + Send + Sync + 'static) -> HandleAll<K, V, R>
where
    K: Send + 'static,
    V: Send + 'static,
    R: Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
    F: Future<Output = Result<R, E>> + Send + 'static,
{
    let handler = Arc::new(handler);
    Arc::new(move |jobs| {
        let handler = Arc::clone(&handler);
        let one_after_the_other = async move {
            let mut results = Vec::with_capacity(jobs.len());
            for job in jobs {
                results.push(handler(job).await.map_err(|error| Failure::of(&*error.into())));
            }
            results
        };
        one_after_the_other.boxed()
    })
}

/// A handler of a batch.
pub(crate) fn together<K, V, R, E, F>(
    handler: impl Fn(Vec<Job<K, V>>) -> F + Send + Sync + 'static,
) -> HandleAll<K, V, R>
where
    K: Send + 'static,
    V: Send + 'static,
    R: Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
    F: Future<Output = Vec<Result<R, E>>> + Send + 'static,
{
    let handler = Arc::new(handler);
    Arc::new(move |jobs| {
        let handler = Arc::clone(&handler);
        async move {
            let results = handler(jobs).await;
            results.into_iter().map(|result| result.map_err(|error| Failure::of(&*error.into()))).collect()
        }
        .boxed()
    })
}

/// How an attempt has ended: with the results of its records, or with one failure for all of them.
pub(super) type End<R> = Result<Vec<Result<R, Failure>>, Failure>;

/// The ends of attempts with their numbers.
type Ends<R> = VecDeque<(u64, End<R>)>;

/// Where attempts report their ends.
pub(super) struct Mailbox<R> {
    ends: Arc<Mutex<Ends<R>>>,
    doorbell: Doorbell,
}

impl<R> Clone for Mailbox<R> {
    fn clone(&self) -> Self {
        Self { ends: Arc::clone(&self.ends), doorbell: self.doorbell.clone() }
    }
}

impl<R> Mailbox<R> {
    /// The doorbell rings when there is something.
    pub(super) fn new(doorbell: Doorbell) -> Self {
        Self { ends: Arc::default(), doorbell }
    }

    pub(super) fn take(&self) -> Option<(u64, End<R>)> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn put(&self, attempt: u64, end: End<R>) {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).push_back((attempt, end));
        self.doorbell.ring();
    }
}

/// Reports the end of an attempt, also if that is dropped before it comes to an end.
struct Report<R> {
    mailbox: Mailbox<R>,
    attempt: u64,
    is_sent: bool,
}

impl<R> Report<R> {
    fn send(mut self, end: End<R>) {
        self.is_sent = true;
        self.mailbox.put(self.attempt, end);
    }
}

impl<R> Drop for Report<R> {
    fn drop(&mut self) {
        if !self.is_sent {
            let reason = "it was dropped before it came to an end; perhaps the runtime that runs handlers has ended";
            self.mailbox.put(self.attempt, Err(Failure::new(FailureKind::Cancelled, reason)));
        }
    }
}

/// A handler that runs. It is cancelled when this is dropped: at the latest when it waits for the next time.
#[derive(Debug)]
pub(super) struct Running(AbortHandle);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Starts an attempt. The program's code runs on the executor only, with all it does.
pub(super) fn start<K, V, R>(
    executor: &dyn Executor,
    handler: &HandleAll<K, V, R>,
    jobs: Vec<Job<K, V>>,
    (attempt, mailbox): (u64, &Mailbox<R>),
    permit: Permit,
) -> Running
where
    K: Send + 'static,
    V: Send + 'static,
    R: Send + 'static,
{
    let report = Report { mailbox: mailbox.clone(), attempt, is_sent: false };
    let handler = Arc::clone(handler);
    let work = async move {
        let called = async move { handler(jobs).await };
        let end = AssertUnwindSafe(called).catch_unwind().await;
        // So that the next one can start when the task hears of it.
        drop(permit);
        report.send(end.map_err(|panic| Failure::of_panic(&*panic)));
    };
    let (work, handle) = abortable(work);
    executor.spawn(work.map(drop).boxed());
    Running(handle)
}
