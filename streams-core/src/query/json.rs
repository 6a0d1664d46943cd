//! Stores asked by their names, with keys as texts and rows as JSON: for servers, command lines and pages, which know no Rust
//! types.

use std::fmt;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::Value as Json;

use super::asked::Query;
use super::store::{AskedStore, Sought};
use super::{Position, QueryError};
use crate::record::Timestamp;
use crate::runtime::Handle;
use crate::state::KeyOrder;
use crate::state::kinds::StoredRow;
use crate::state::selection::{Keys, PageRow, Selection};
use crate::topology::StoreFacts;

/// A row as JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JsonRow {
    /// The key. One with a window is an object with `key`, `start` and `end`, in milliseconds since 1970.
    pub key: Json,
    /// The value.
    pub value: Json,
    /// When it was last changed, in milliseconds since 1970, if the store knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<i64>,
}

/// Some rows, and where to go on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JsonPage {
    /// The rows.
    pub rows: Vec<JsonRow>,
    /// What [`Wanted::cursor`] has to be for the rows behind these; `None` if there are no more.
    pub next: Option<String>,
}

/// Which rows are wanted. Keys are written as [`Shape::bytes_of_text`](crate::wire::Shape::bytes_of_text) reads them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Those of this key.
    pub key: Option<String>,
    /// Those whose keys begin like this; for keys that are texts.
    pub prefix: Option<String>,
    /// The first key.
    pub from: Option<String>,
    /// The last key.
    pub to: Option<String>,
    /// The first moment: windows that start in the period are wanted, sessions that have a moment in common with it, and
    /// versions that were valid in it.
    pub window_from: Option<Timestamp>,
    /// The last moment.
    pub window_to: Option<Timestamp>,
    /// The last rows first.
    pub reversed: bool,
    /// Only what comes behind, as [`JsonPage::next`] says.
    pub cursor: Option<String>,
}

/// Questions to a store that was found by its name.
///
/// ```
/// use millstream::prelude::*;
/// use millstream::query::{QueryError, Wanted};
/// use millstream::runtime::Handle;
///
/// /// The first ten rows of any store, a line each.
/// async fn first_ten(app: &Handle, store: &str) -> Result<Vec<String>, QueryError> {
///     let page = app.store(store)?.rows(&Wanted::default(), 10)?.await?;
///     Ok(page.rows.iter().map(|row| format!("{} {}", row.key, row.value)).collect())
/// }
/// ```
#[derive(Clone)]
pub struct JsonStore {
    store: AskedStore,
    facts: Arc<StoreFacts>,
}

impl Handle {
    /// A store by its name, for questions in texts and answers in JSON. Whoever knows its types asks with its constant
    /// ([`Handle::query`]).
    ///
    /// # Errors
    /// When the topology has no such store, or the application has not been started.
    pub fn store(&self, name: &str) -> Result<JsonStore, QueryError> {
        let store = AskedStore::find(self.status(), name)?;
        match self.status().desk.facts(name) {
            Some(facts) => Ok(JsonStore { store, facts }),
            None => Err(QueryError::UnknownStore { store: name.to_owned(), known: Vec::new() }),
        }
    }
}

impl JsonStore {
    /// What the topology says of it.
    #[must_use]
    pub fn facts(&self) -> &StoreFacts {
        &self.facts
    }

    /// Only what is committed.
    #[must_use]
    pub fn committed(mut self) -> Self {
        self.store.committed();
        self
    }

    /// Only answers of a store that has got at least so far.
    #[must_use]
    pub fn at_least(mut self, position: &Position) -> Self {
        self.store.at_least(position);
        self
    }

    /// Only the rows that this instance has.
    #[must_use]
    pub fn local(mut self) -> Self {
        self.store.local();
        self
    }

    /// Waits so long for what stands in the way of an answer.
    #[must_use]
    pub fn waiting(mut self, patience: Duration) -> Self {
        self.store.waiting(patience);
        self
    }

    /// About how many entries the store has, all tasks together; `None` if the state's backend does not know. What counts, and
    /// how exact it is, is said at [`KeyValues::approximate_count`](super::KeyValues::approximate_count).
    pub fn approximate_count(&self) -> Query<Option<u64>> {
        let store = self.store.clone();
        Query::new(async move { store.estimate().await })
    }

    /// The row of a key. Of a store with windows that is some window's, so ask such a store for [`JsonStore::rows`]; of one
    /// that keeps versions it is the latest.
    ///
    /// # Errors
    /// When the text is no such key.
    pub fn get(&self, key: &str) -> Result<Query<Option<JsonRow>>, QueryError> {
        let key = self.bytes_of(key)?;
        let partitioned_by = self.facts.shapes.key.partition_bytes(&key).to_vec();
        let sought = Sought { key, partitioned_by, times: None };
        let (store, facts) = (self.store.clone(), Arc::clone(&self.facts));
        Ok(Query::new(async move {
            let (row, position) = store.get(sought).await?;
            Ok((row.map(|row| json_row(&facts, &row)), position))
        }))
    }

    /// At most so many of the wanted rows.
    ///
    /// # Errors
    /// When a text is no key, or the cursor is none.
    pub fn rows(&self, wanted: &Wanted, limit: usize) -> Result<Query<JsonPage>, QueryError> {
        let selection = self.selection(wanted)?;
        let (store, facts) = (self.store.clone(), Arc::clone(&self.facts));
        Ok(Query::new(async move {
            let mut selection = Arc::new(selection);
            let (mut rows, mut last) = (Vec::new(), Position::default());
            loop {
                let (page, position) = store.page(&selection, limit - rows.len()).await?;
                last.merge(&position);
                rows.extend(page.rows.iter().map(|row| json_row(&facts, row)));
                // A page may end early, with few rows or none, because it had to look at many that are not wanted.
                let next = page.next.map(|next| URL_SAFE_NO_PAD.encode(&next));
                if rows.len() >= limit || next.is_none() {
                    return Ok((JsonPage { rows, next }, last));
                }
                Arc::make_mut(&mut selection).after = cursor(next.as_deref())?;
            }
        }))
    }

    pub(super) fn shared_facts(&self) -> Arc<StoreFacts> {
        Arc::clone(&self.facts)
    }

    pub(super) const fn asked(&self) -> &AskedStore {
        &self.store
    }

    pub(super) fn selection(&self, wanted: &Wanted) -> Result<Selection, QueryError> {
        let bound = |text: &Option<String>| match text {
            Some(text) => Ok(Bound::Included(self.bytes_of(text)?)),
            None => Ok(Bound::Unbounded),
        };
        let keys = match (&wanted.key, &wanted.prefix, &wanted.from, &wanted.to) {
            (Some(key), None, None, None) => Keys::One(self.bytes_of(key)?.into()),
            (None, Some(prefix), None, None) => Keys::prefixed(&self.prefix(prefix)?),
            (None, None, None, None) => Keys::All,
            (None, None, from, to) => Keys::Between(bound(from)?, bound(to)?),
            _ => {
                let reason = "a key, a beginning, or a first and a last key: only one of them".to_owned();
                return Err(QueryError::Wanted { store: self.facts.name.to_string(), reason });
            }
        };
        let times = match (wanted.window_from, wanted.window_to) {
            (None, None) => None,
            (from, to) => Some((from.unwrap_or(Timestamp(i64::MIN)), to.unwrap_or(Timestamp(i64::MAX)))),
        };
        let order = if wanted.reversed { KeyOrder::Descending } else { KeyOrder::Ascending };
        Ok(Selection { keys, times, order, after: cursor(wanted.cursor.as_deref())? })
    }

    fn bytes_of(&self, text: &str) -> Result<Vec<u8>, QueryError> {
        let wrong = |reason: String| QueryError::Wanted { store: self.facts.name.to_string(), reason };
        let bytes = self.facts.shapes.key.bytes_of_text(text).map_err(|error| wrong(error.to_string()))?;
        bytes.ok_or_else(|| wrong("no row has a null key".to_owned()))
    }

    /// A beginning makes sense where a key's bytes are its text.
    fn prefix(&self, text: &str) -> Result<Vec<u8>, QueryError> {
        if self.facts.shapes.key.bytes_of_text(text).is_ok_and(|bytes| bytes.as_deref() == Some(text.as_bytes())) {
            return Ok(text.as_bytes().to_vec());
        }
        let name = self.facts.shapes.key.type_name();
        let reason =
            format!("its keys are {name} and no texts, so they have no beginning; ask from one key to another");
        Err(QueryError::Wanted { store: self.facts.name.to_string(), reason })
    }
}

impl fmt::Debug for JsonStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonStore({:?})", self.facts.name)
    }
}

fn cursor(cursor: Option<&str>) -> Result<Option<Box<[u8]>>, QueryError> {
    let decode = |cursor: &str| URL_SAFE_NO_PAD.decode(cursor).map(Vec::into_boxed_slice);
    cursor.map(decode).transpose().map_err(|_| QueryError::Cursor)
}

/// What cannot be read as the store's types is shown all the same.
pub(super) fn json_row(facts: &StoreFacts, row: &PageRow) -> JsonRow {
    let stored = StoredRow { key: &row.key, window: row.window, timestamp: row.timestamp, value: &row.value };
    let shapes = &facts.shapes;
    let key = facts.key(&stored).unwrap_or_else(|_| shapes.key.shown(Some(stored.key)));
    let timestamp = row.timestamp.filter(|time| *time != Timestamp::UNKNOWN).map(|time| time.0);
    JsonRow { key, value: shapes.value.shown(Some(stored.value)), timestamp }
}
