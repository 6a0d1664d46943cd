//! The way of a question to other instances: a port, and what goes over it.
//!
//! Whoever carries questions knows where the other instances are and how to reach them (`streams-http` does). What it
//! carries is only bytes to it.

mod wire;

use futures::future::BoxFuture;
use futures::stream::BoxStream;

use super::QueryError;
use crate::record::TaskId;

pub(crate) use wire::News;
pub use wire::{RemoteAnswer, RemoteError, RemoteNews, RemoteQuestion};

/// Carries questions to the instances that have the tasks in question.
pub trait Elsewhere: Send + Sync {
    /// Asks the instances that have the question's tasks, each about its own, and returns their answers. While something is
    /// in the way that passes, it tries again for as long as the question is patient.
    ///
    /// # Errors
    /// If any of the tasks has no answer: [`QueryError::NotHere`] with the owner, if that one may not be asked, and otherwise
    /// [`QueryError::Elsewhere`].
    fn ask(&self, question: RemoteQuestion) -> BoxFuture<'static, Result<Vec<RemoteAnswer>, QueryError>>;

    /// Begins to follow in the instances that have the question's tasks, those that can be reached at the moment.
    ///
    /// # Errors
    /// If trying again has no point.
    fn follow(&self, question: RemoteQuestion) -> BoxFuture<'static, Result<Followed, QueryError>>;

    /// A moment, for those who try again.
    fn pause(&self) -> BoxFuture<'static, ()>;
}

/// What [`Elsewhere::follow`] has found.
pub struct Followed {
    /// What each instance has to tell. A stream ends with an error or when its instance is gone.
    pub news: Vec<BoxStream<'static, Result<RemoteNews, QueryError>>>,
    /// The tasks that nobody has whom one can reach.
    pub missing: Vec<TaskId>,
}

impl std::fmt::Debug for Followed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Followed({} instances, without {:?})", self.news.len(), self.missing)
    }
}
