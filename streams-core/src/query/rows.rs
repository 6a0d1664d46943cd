//! Many rows of a store: all at once, or one after the other.

use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;

use futures::{Stream, StreamExt, TryStreamExt, stream};

use super::asked::Query;
use super::store::AskedStore;
use super::{Position, QueryError};
use crate::state::KeyOrder;
use crate::state::selection::{PageRow, Selection};

/// How many rows a page has at most.
const PAGE: usize = 1_000;

/// Turns a row's bytes into what is asked for.
pub(super) type Read<R> = fn(&AskedStore, PageRow) -> Result<R, QueryError>;

/// A question for many rows. Await it, or call [`Rows::wait`], for all of them in a `Vec`; [`Rows::stream`] gives one after the
/// other, without holding them all.
///
/// Rows are in the order of their keys' bytes, which is that of numbers and texts; of windowed stores in the order of time.
#[must_use = "rows are asked for when this is awaited, or with `.wait()`"]
pub struct Rows<R> {
    store: AskedStore,
    /// `None` if no row can be wanted.
    selection: Option<Selection>,
    limit: usize,
    read: Read<R>,
}

impl<R: Send + 'static> Rows<R> {
    pub(super) fn new(store: AskedStore, selection: Option<Selection>, read: Read<R>) -> Self {
        Self { store, selection, limit: usize::MAX, read }
    }

    /// The last rows first.
    pub fn reversed(mut self) -> Self {
        if let Some(selection) = &mut self.selection {
            selection.order = match selection.order {
                KeyOrder::Ascending => KeyOrder::Descending,
                KeyOrder::Descending => KeyOrder::Ascending,
            };
        }
        self
    }

    /// At most so many rows.
    pub fn limit(mut self, rows: usize) -> Self {
        self.limit = rows;
        self
    }

    /// Waits for the rows, and blocks the thread until then. For code that is not async.
    ///
    /// # Errors
    /// As the query.
    pub fn wait(self) -> Result<Vec<R>, QueryError> {
        super::asked::wait(self)
    }

    /// Also gives the position that the rows are from. Where they come in several pages, which are of different moments, it
    /// is that of the last one.
    pub fn with_position(self) -> Query<(Vec<R>, Position)> {
        self.query().with_position()
    }

    /// The rows one after the other. An error ends the stream.
    pub fn stream(self) -> impl Stream<Item = Result<R, QueryError>> + Send + Unpin {
        let read = self.read;
        let store = self.store.clone();
        let rows = self.pages().map_ok(move |(page, _)| {
            let store = store.clone();
            stream::iter(page.into_iter().map(move |row| read(&store, row)))
        });
        Box::pin(rows.try_flatten())
    }

    /// The pages one after the other, each with its position.
    fn pages(self) -> impl Stream<Item = Result<(Vec<PageRow>, Position), QueryError>> + Send {
        let Self { store, selection, limit, .. } = self;
        let first = selection.map(Arc::new).filter(|_| limit > 0);
        stream::try_unfold((store, first, limit), |(store, selection, limit)| async move {
            let Some(mut selection) = selection else { return Ok(None) };
            let (page, position) = store.page(&selection, limit.min(PAGE)).await?;
            let left = limit.saturating_sub(page.rows.len());
            let next = page.next.filter(|_| left > 0).map(|next| {
                Arc::make_mut(&mut selection).after = Some(next);
                selection
            });
            Ok(Some(((page.rows, position), (store, next, left))))
        })
    }

    fn query(self) -> Query<Vec<R>> {
        let (store, read) = (self.store.clone(), self.read);
        let mut pages = Box::pin(self.pages());
        Query::new(async move {
            let (mut rows, mut last) = (Vec::new(), Position::default());
            while let Some(page) = pages.next().await {
                let (page, position) = page?;
                last = position;
                for row in page {
                    rows.push(read(&store, row)?);
                }
            }
            Ok((rows, last))
        })
    }
}

impl<R: Send + 'static> IntoFuture for Rows<R> {
    type Output = Result<Vec<R>, QueryError>;
    type IntoFuture = Query<Vec<R>>;

    fn into_future(self) -> Query<Vec<R>> {
        self.query()
    }
}

impl<R> fmt::Debug for Rows<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows of {:?}, {:?}", self.store.name(), self.selection)
    }
}
