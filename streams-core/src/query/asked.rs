//! A question that is on its way, for async code and for threads.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{Position, QueryError};
use crate::log::wait_for;

type Answer<T> = Pin<Box<dyn Future<Output = Result<(T, Position), QueryError>> + Send>>;

/// A question to a store. It is asked when it is awaited, or with [`Query::wait`].
#[must_use = "a query is asked when it is awaited, or with `.wait()`"]
pub struct Query<T>(Answer<T>);

impl<T: 'static> Query<T> {
    pub(super) fn new(answer: impl Future<Output = Result<(T, Position), QueryError>> + Send + 'static) -> Self {
        Self(Box::pin(answer))
    }

    /// Waits for the answer, and blocks the thread until then. For code that is not async.
    ///
    /// # Errors
    /// As the query.
    pub fn wait(self) -> Result<T, QueryError> {
        wait_for(self)
    }

    /// Also gives the position that the answer is from: how far the store was in the topics that it is made of.
    pub fn with_position(self) -> Query<(T, Position)>
    where
        T: Send,
    {
        Query::new(async {
            let (answer, position) = self.0.await?;
            Ok(((answer, position.clone()), position))
        })
    }
}

impl<T> Future for Query<T> {
    type Output = Result<T, QueryError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context).map_ok(|(answer, _)| answer)
    }
}

impl<T> fmt::Debug for Query<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Query(..)")
    }
}

/// Waits for something that becomes a future.
pub(super) fn wait<T>(asked: impl IntoFuture<Output = T>) -> T {
    wait_for(asked.into_future())
}
