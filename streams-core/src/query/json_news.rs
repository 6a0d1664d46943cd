//! Stores followed by their names, with rows as JSON, by somebody who may be cut off and go on later.

use futures::{Stream, StreamExt as _};
use serde_json::Value as Json;

use super::QueryError;
use super::json::{JsonRow, JsonStore, Wanted, json_row};
use super::live::{Change, Marking, changes_everywhere};
use super::mark::Mark;
use crate::state::selection::Selection;
use crate::wire::murmur2::murmur2;

/// What somebody hears who follows a store by its name ([`JsonStore::live`]). Whoever listens slowly does not hear each
/// change, but always what a row has become in the end.
#[derive(Debug, Clone, PartialEq)]
pub enum JsonNews {
    /// Forget everything: all rows follow. It comes first, and again when tasks have moved, or what they did was undone.
    Reset,
    /// Instead of that: everything that was told before the given mark still holds, and what has changed since follows.
    Resumed,
    /// A row as it is now.
    Row(JsonRow),
    /// The key of a row that is gone.
    Gone(Json),
    /// Everything that there is has been told. What follows are changes.
    Complete,
    /// Everything until here has been told; what comes behind it can be asked for later.
    Mark(String),
}

impl JsonStore {
    /// The wanted rows and from then on each that changes.
    ///
    /// Whoever was cut off gives the last [`JsonNews::Mark`] that he has got, and hears what has changed since, if the
    /// instances still know that: they keep some megabytes of changes, for half a minute after the last one who followed has
    /// gone, and not beyond a move of tasks. Otherwise, and if the mark is from another question, everything is told anew, which
    /// [`JsonNews::Reset`] says.
    ///
    /// ```
    /// use futures::StreamExt;
    /// use millstream::query::{JsonNews, QueryError, Wanted};
    /// use millstream::runtime::Handle;
    ///
    /// /// Prints what happens to a store, and returns where to go on.
    /// async fn print(app: &Handle, store: &str, since: Option<&str>) -> Result<Option<String>, QueryError> {
    ///     let (mut live, mut last) = (app.store(store)?.live(&Wanted::default(), since)?, None);
    ///     while let Some(Ok(news)) = live.next().await {
    ///         match news {
    ///             JsonNews::Mark(mark) => last = Some(mark),
    ///             news => println!("{news:?}"),
    ///         }
    ///     }
    ///     Ok(last)
    /// }
    /// ```
    ///
    /// # Errors
    /// When a text is no key.
    pub fn live(
        &self,
        wanted: &Wanted,
        since: Option<&str>,
    ) -> Result<impl Stream<Item = Result<JsonNews, QueryError>> + Send + Unpin + use<>, QueryError> {
        let selection = Selection { after: None, ..self.selection(wanted)? };
        let (facts, asked) = (self.shared_facts(), self.asked());
        let question = murmur2(format!("{:?} {selection:?}", asked.freshness()).as_bytes());
        let mark = since.and_then(|since| mark_of(since, question));
        let changes = changes_everywhere(asked.clone(), selection, Marking::From(mark));
        Ok(Box::pin(changes.map(move |change| {
            Ok(match change? {
                Change::Reset => JsonNews::Reset,
                Change::Resumed => JsonNews::Resumed,
                Change::Complete => JsonNews::Complete,
                Change::Row { row, is_gone: false } => JsonNews::Row(json_row(&facts, &row)),
                Change::Row { row, is_gone: true } => JsonNews::Gone(json_row(&facts, &row).key),
                Change::Mark(mark) => JsonNews::Mark(format!("{question:x}:{mark}")),
            })
        })))
    }
}

/// The mark in a text, if it is from this question.
fn mark_of(text: &str, question: u32) -> Option<Mark> {
    let (of, mark) = text.split_once(':')?;
    mark.parse().ok().filter(|_| of == format!("{question:x}"))
}
