//! Asks a running application about its stores: typed, from any thread or async task.
//!
//! A store's constant gives a view of it ([`Handle::query`](crate::runtime::Handle::query)), with the questions that its kind
//! can answer. A view may be kept: it finds the tasks that have the rows anew for each question.
//!
//! ```
//! use millstream::prelude::*;
//!
//! const VIEWS: Topic<String, String> = Topic::new("views");
//! const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("views-per-page");
//!
//! let builder = StreamsBuilder::new();
//! builder.stream(VIEWS).group_by(|_, page| page.clone()).count().stored_as(COUNTS);
//! let log = Embedded::in_memory();
//! log.create_topic("views", 1)?;
//! let running = App::new("pages", builder.build()?).start(log.clone())?;
//! let counts = running.query(&COUNTS)?.waiting(std::time::Duration::from_secs(10));
//!
//! for page in ["/home", "/cart", "/home"] {
//!     log.send(&VIEWS, "ada", page)?;
//! }
//! while counts.get("/home").wait()? != Some(2) {} // in async code: `counts.get("/home").await?`
//! assert_eq!(counts.all().wait()?, [("/cart".to_owned(), 1), ("/home".to_owned(), 2)]);
//! assert!(counts.approximate_count().wait()?.is_some_and(|pages| pages <= 2));
//! running.close()?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # What an answer is worth
//!
//! An answer has the latest changes, including those that are not committed yet, as in Kafka Streams: after a crash they may
//! be undone and made again. `.committed()` gives only what stays. Either way an answer of one task is of one moment; the
//! pages of a large answer, and different tasks, are of different moments. Rows that have expired are not there.
//!
//! A store that is being restored, or whose task is on its way to another instance, is a named error ([`QueryError`]) unless
//! the view is `.waiting(..)`; so is a task that another instance has, unless questions are carried there ([`elsewhere`]). To read what one has written, ask for its position
//! with `.at_least(..)`.
//!
//! This module turns keys into bytes and bytes into rows, and puts the tasks' answers together. The way to the workers and
//! back is `runtime/queries/`; what lies where in a store is its kind's business (`state/kinds/`).

mod asked;
pub mod elsewhere;
mod json;
mod json_news;
mod key_values;
mod live;
mod mark;
mod rows;
mod sessions;
mod store;
mod stored;
mod times;
mod versions;
mod windows;

pub use asked::Query;
pub use json::{JsonPage, JsonRow, JsonStore, Wanted};
pub use json_news::JsonNews;
pub use key_values::KeyValues;
pub use live::Live;
pub use rows::Rows;
pub use sessions::SessionRows;
pub use stored::StoredBytes;
pub(crate) use times::first_and_last;
pub use versions::VersionRows;
pub use windows::WindowRows;

pub use crate::runtime::queries::{Position, PositionError, QueryError};

use crate::runtime::Handle;
#[cfg(test)]
use crate::state::{
    KeyOrder,
    selection::{Keys, PageRow, Selection},
};
use crate::wire::Shapes;
use store::AskedStore;

/// A store's constant with which a running application can be asked.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a store that can be asked",
    label = "not a store's constant",
    note = "ask with the constant that the table is `.stored_as(..)`: a `KeyValueStore`, `WindowStore`, `SessionStore`, \
            `VersionedStore` or a processor's store"
)]
pub trait Queryable {
    /// The questions that can be asked.
    type View;

    /// The store's name.
    #[doc(hidden)]
    fn store_name(&self) -> &str;

    /// The constant's type, as in [`StoreKind::constant`](crate::state::StoreKind::constant).
    #[doc(hidden)]
    fn constant(&self) -> &'static str;

    /// What its keys and values look like.
    #[doc(hidden)]
    fn shapes() -> Shapes;

    #[doc(hidden)]
    fn view(store: Asked) -> Self::View;
}

/// A store that was found.
#[doc(hidden)]
pub struct Asked(AskedStore);

impl Handle {
    /// A view of a store, to ask about its rows; see [`query`](crate::query).
    ///
    /// # Errors
    /// When the topology has no such store, or one of another kind or with other types, or the application has not been
    /// started.
    #[doc(alias = "store")]
    pub fn query<S: Queryable>(&self, store: &S) -> Result<S::View, QueryError> {
        let asked = AskedStore::find(self.status(), store.store_name())?;
        let (is, wanted) = (asked.kind().constant(), store.constant());
        if is != wanted {
            return Err(QueryError::OtherKind { store: store.store_name().to_owned(), is, asked: wanted });
        }
        let (is, wanted) = (self.store(store.store_name())?.facts().shapes.clone(), S::shapes());
        if !is.have_types_of(&wanted) {
            let types = |shapes: &Shapes| format!("{}, {}", shapes.key.type_name(), shapes.value.type_name());
            let (store, is, asked) = (store.store_name().to_owned(), types(&is), types(&wanted));
            return Err(QueryError::OtherTypes { store, is, asked });
        }
        Ok(S::view(Asked(asked)))
    }
}

/// Follows an instance's rows as bytes.
#[cfg(test)]
pub(crate) fn follow_rows(
    status: &std::sync::Arc<crate::runtime::Status>,
    store: &str,
    is_committed: bool,
) -> Result<impl futures::Stream<Item = Result<Live<PageRow, PageRow>, QueryError>> + use<>, QueryError> {
    let mut store = AskedStore::find(status, store)?;
    store.local();
    if is_committed {
        store.committed();
    }
    let selection = Selection { keys: Keys::All, times: None, order: KeyOrder::Ascending, after: None };
    let read = rows::Read { key: |_, row: &PageRow| Ok(row.clone()), value: |_, row| Ok(row) };
    Ok(live::follow(store, Some(selection), read))
}

/// The settings that all views have.
macro_rules! view_settings {
    ($view:ident<$key:ident, $value:ident>) => {
        impl<$key, $value> $view<$key, $value> {
            /// Only what is committed: it stays, whatever happens.
            #[must_use]
            pub fn committed(mut self) -> Self {
                self.store.committed();
                self
            }

            /// Only answers of a store that has got at least so far in the topics that it is made of, such as to a record
            /// that was written a moment ago ([`Position::behind`]($crate::query::Position::behind)). Combine it with
            /// `waiting`.
            #[must_use]
            pub fn at_least(mut self, position: &$crate::query::Position) -> Self {
                self.store.at_least(position);
                self
            }

            /// About how many entries the store has, all tasks together; `None` if the state's backend does not know. Nothing is
            /// read for it.
            ///
            /// State in memory is counted exactly, and RocksDB estimates: a key that was written again counts twice there until
            /// its files are merged. Only what is committed counts, also without `.committed()`, so rows that are in caches only
            /// are left out. Each window and each session is an entry, as long as it is not deleted, which may be some time after
            /// it has expired. Of a store that keeps versions each version is one.
            #[doc(alias = "approximateNumEntries")]
            pub fn approximate_count(&self) -> $crate::query::Query<Option<u64>> {
                let store = self.store.clone();
                $crate::query::Query::new(async move { store.estimate().await })
            }

            /// Only the rows that this instance has. Otherwise it is an error if others have some that are asked for.
            #[must_use]
            pub fn local(mut self) -> Self {
                self.store.local();
                self
            }

            /// Waits so long for what stands in the way of an answer: a store that is being restored, a task that is being
            /// reassigned, a position that is not reached yet.
            #[must_use]
            pub fn waiting(mut self, patience: std::time::Duration) -> Self {
                self.store.waiting(patience);
                self
            }
        }

        impl<$key, $value> Clone for $view<$key, $value> {
            fn clone(&self) -> Self {
                Self { store: self.store.clone(), types: std::marker::PhantomData }
            }
        }

        impl<$key, $value> std::fmt::Debug for $view<$key, $value> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($view), "({:?})"), self.store.name())
            }
        }
    };
}

use view_settings;
