//! Looks up a table's rows from another node, as joins do.
//!
//! A table with a store is looked up there. A row of a derived table (filtered or mapped, without its own store) is
//! computed from its parent's row on each lookup.

use std::sync::Arc;

use super::{BuildError, NodeBuilder, OperatorError};
use crate::record::Timestamp;

/// Access to a table's rows by key.
pub(crate) trait TableView<K, V> {
    /// A key's row with its timestamp.
    ///
    /// # Errors
    /// When the store below fails.
    fn get(&mut self, key: &K) -> Result<Option<(V, Timestamp)>, OperatorError>;

    /// A key's row as the table's node forwarded it last: without changes that still wait in its cache.
    ///
    /// Tables are joined by these rows. If changes of both tables wait, each of them is joined with what the other row
    /// was or is already, so that their results add up to the last one. Joined with rows that are not forwarded yet, two
    /// deletions of both rows would find nothing to delete, and old values would be of results that never were.
    ///
    /// # Errors
    /// As [`TableView::get`].
    fn get_forwarded(&mut self, key: &K) -> Result<Option<(V, Timestamp)>, OperatorError>;

    /// The row that the key had at some time, as far as the table keeps versions; its row now otherwise.
    ///
    /// # Errors
    /// As [`TableView::get`].
    fn get_as_of(&mut self, key: &K, _timestamp: Timestamp) -> Result<Option<(V, Timestamp)>, OperatorError> {
        self.get(key)
    }
}

/// How to create a view for one task.
pub(crate) struct TableViewRecipe<K, V>(Arc<MakeView<K, V>>);

type MakeView<K, V> = dyn Fn(&mut NodeBuilder<'_>) -> Result<Box<dyn TableView<K, V>>, BuildError> + Send + Sync;

impl<K, V> TableViewRecipe<K, V> {
    /// Wraps the function that creates the view.
    pub(crate) fn new(
        make: impl Fn(&mut NodeBuilder<'_>) -> Result<Box<dyn TableView<K, V>>, BuildError> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(make))
    }

    /// Creates the view. Called while the node that looks rows up is built.
    ///
    /// # Errors
    /// As [`super::Recipe::build`].
    pub(crate) fn make(&self, builder: &mut NodeBuilder<'_>) -> Result<Box<dyn TableView<K, V>>, BuildError> {
        (self.0)(builder)
    }
}

impl<K, V> Clone for TableViewRecipe<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
