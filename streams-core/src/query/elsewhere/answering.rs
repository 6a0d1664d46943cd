//! The other side: what other instances ask this one, about its own tasks.

use std::sync::Arc;

use futures::{Stream, StreamExt as _};

use super::super::live::{Change, Marking, changes};
use super::super::store::AskedStore;
use super::{Elsewhere, RemoteAnswer, RemoteNews, RemoteQuestion};
use crate::query::QueryError;
use crate::runtime::Handle;
use crate::runtime::queries::elsewhere::News;
use crate::state::selection::Selection;

impl Handle {
    /// From now on, questions about rows that other instances have are carried to those. It ends with the application.
    pub fn ask_elsewhere(&self, elsewhere: Arc<dyn Elsewhere>) {
        self.status().set_elsewhere(elsewhere);
    }

    /// Answers a question of another instance, from this one's own tasks.
    ///
    /// # Errors
    /// As queries. A task of another instance is [`QueryError::NotHere`].
    pub async fn answer(&self, question: RemoteQuestion) -> Result<RemoteAnswer, QueryError> {
        let (store, selection) = asked_here(self, &question)?;
        let limit = question.asked.limit;
        let (page, position) = store.page_of_all(&question.tasks, &Arc::new(selection), limit).await?;
        Ok(RemoteAnswer { page, position })
    }

    /// What another instance hears that follows a store in this one's tasks. It ends with an error when one of them is gone.
    ///
    /// # Errors
    /// As queries.
    pub fn news(
        &self,
        question: &RemoteQuestion,
    ) -> Result<impl Stream<Item = Result<RemoteNews, QueryError>> + Send + Unpin + use<>, QueryError> {
        let (store, selection) = asked_here(self, question)?;
        let asked = &question.asked;
        let mark = asked.mark.as_deref().and_then(|mark| mark.parse().ok());
        let marking = if asked.marks { Marking::From(mark) } else { Marking::None };
        let news = changes(store, selection, question.tasks.clone(), marking);
        Ok(Box::pin(news.map(|change| {
            change.map(|change| {
                RemoteNews(match change {
                    Change::Reset => News::Reset,
                    Change::Resumed => News::Resumed,
                    Change::Complete => News::Complete,
                    Change::Mark(mark) => News::Mark(mark.to_string()),
                    Change::Row { row, is_gone: false } => News::Row(row),
                    Change::Row { row, is_gone: true } => News::Gone(row),
                })
            })
        })))
    }
}

/// The store that a question of another instance is about. It is not carried further.
fn asked_here(app: &Handle, question: &RemoteQuestion) -> Result<(AskedStore, Selection), QueryError> {
    let mut store = AskedStore::find(app.status(), question.store())?;
    let wrong = |error: super::RemoteError| QueryError::Wanted {
        store: question.store().to_owned(),
        reason: error.to_string(),
    };
    let (freshness, position) = question.freshness().map_err(wrong)?;
    store.only_here(freshness, &position, question.patience());
    Ok((store, question.selection()))
}
