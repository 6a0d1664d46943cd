//! Many rows of a store: all at once, or one after the other.

use std::fmt;
use std::future::IntoFuture;
use std::ops::RangeBounds;
use std::sync::Arc;

use futures::{Stream, StreamExt, TryStreamExt, stream};

use super::asked::Query;
use super::live::{Live, follow};
use super::store::AskedStore;
use super::{Position, QueryError, first_and_last};
use crate::record::Timestamp;
use crate::state::KeyOrder;
use crate::state::selection::{Keys, PageRow, Selection};
use crate::wire::Value;

/// How many rows a page has at most.
const PAGE: usize = 1_000;

/// Turns a row's bytes into its key and its value.
pub(super) struct Read<K, V> {
    pub(super) key: fn(&AskedStore, &PageRow) -> Result<K, QueryError>,
    pub(super) value: fn(&AskedStore, PageRow) -> Result<V, QueryError>,
}

impl<K, V> Clone for Read<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Read<K, V> {}

impl<K, V> Read<K, V> {
    fn row(&self, store: &AskedStore, row: PageRow) -> Result<(K, V), QueryError> {
        Ok(((self.key)(store, &row)?, (self.value)(store, row)?))
    }

    /// The same of a row that has changed.
    pub(super) fn live(&self, store: &AskedStore, row: PageRow, is_gone: bool) -> Result<Live<K, V>, QueryError> {
        let key = (self.key)(store, &row)?;
        Ok(Live::Row(key, if is_gone { None } else { Some((self.value)(store, row)?) }))
    }
}

/// A question for many rows. Await it, or call [`Rows::wait`], for all of them in a `Vec`; [`Rows::stream`] gives one after the
/// other, without holding them all, and [`Rows::live`] also tells how they change from then on.
///
/// Rows are in the order of their keys' bytes, which is that of numbers and texts; of windowed stores in the order of time.
#[must_use = "rows are asked for when this is awaited, or with `.wait()`"]
pub struct Rows<K, V> {
    store: AskedStore,
    /// `None` if no row can be wanted.
    selection: Option<Selection>,
    limit: usize,
    read: Read<K, V>,
}

impl<K: Send + 'static, V: Send + 'static> Rows<K, V> {
    pub(super) fn new(store: AskedStore, selection: Option<Selection>, read: Read<K, V>) -> Self {
        Self { store, selection, limit: usize::MAX, read }
    }

    /// Those of a key, or of all, whose windows belong to a period. What cannot be encoded is in no store.
    pub(super) fn in_times<T: Value>(
        store: &AskedStore,
        key: Option<&T>,
        times: &impl RangeBounds<Timestamp>,
        read: Read<K, V>,
    ) -> Self {
        let encoded = |key: &T| {
            let mut bytes = Vec::new();
            key.encode(&mut bytes).ok().map(|()| Keys::One(bytes.into()))
        };
        let keys = key.map_or(Some(Keys::All), encoded);
        let selection = keys.zip(first_and_last(times)).map(|(keys, times)| Selection {
            keys,
            times: Some(times),
            order: KeyOrder::Ascending,
            after: None,
        });
        Self::new(store.clone(), selection, read)
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
    pub fn wait(self) -> Result<Vec<(K, V)>, QueryError> {
        super::asked::wait(self)
    }

    /// Also gives the position that the rows are from. Where they come in several pages, which are of different moments, it
    /// is that of the last one.
    pub fn with_position(self) -> Query<(Vec<(K, V)>, Position)> {
        self.query().with_position()
    }

    /// The rows one after the other. An error ends the stream.
    pub fn stream(self) -> impl Stream<Item = Result<(K, V), QueryError>> + Send + Unpin {
        let read = self.read;
        let store = self.store.clone();
        let rows = self.pages().map_ok(move |(page, _)| {
            let store = store.clone();
            stream::iter(page.into_iter().map(move |row| read.row(&store, row)))
        });
        Box::pin(rows.try_flatten())
    }

    /// The rows, and from then on each that changes, as a stream that ends with an error or the application. See [`Live`].
    ///
    /// Order and limit mean nothing here.
    pub fn live(self) -> impl Stream<Item = Result<Live<K, V>, QueryError>> + Send + Unpin {
        Box::pin(follow(self.store, self.selection, self.read))
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

    fn query(self) -> Query<Vec<(K, V)>> {
        let (store, read) = (self.store.clone(), self.read);
        let mut pages = Box::pin(self.pages());
        Query::new(async move {
            let (mut rows, mut last) = (Vec::new(), Position::default());
            while let Some(page) = pages.next().await {
                let (page, position) = page?;
                last = position;
                for row in page {
                    rows.push(read.row(&store, row)?);
                }
            }
            Ok((rows, last))
        })
    }
}

impl<K: Send + 'static, V: Send + 'static> IntoFuture for Rows<K, V> {
    type Output = Result<Vec<(K, V)>, QueryError>;
    type IntoFuture = Query<Vec<(K, V)>>;

    fn into_future(self) -> Query<Vec<(K, V)>> {
        self.query()
    }
}

impl<K, V> fmt::Debug for Rows<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows of {:?}, {:?}", self.store.name(), self.selection)
    }
}
