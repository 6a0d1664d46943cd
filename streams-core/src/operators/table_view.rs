//! Looking a table's rows up from another node, as joins do.
//!
//! A table that is kept in a store is looked up there. One that is computed from another (a filtered or
//! mapped table without a store of its own) is looked up by computing it again from its parent's row.

use std::sync::Arc;

use super::{BuildError, NodeBuilder, OperatorError};
use crate::record::Timestamp;

/// A table's rows, by key.
pub(crate) trait TableView<K, V> {
    /// The row of a key with its timestamp.
    ///
    /// # Errors
    /// When the store below fails.
    fn get(&mut self, key: &K) -> Result<Option<(V, Timestamp)>, OperatorError>;
}

/// How to make a view for one task.
pub(crate) struct TableViewRecipe<K, V>(Arc<MakeView<K, V>>);

type MakeView<K, V> = dyn Fn(&mut NodeBuilder<'_>) -> Result<Box<dyn TableView<K, V>>, BuildError> + Send + Sync;

impl<K, V> TableViewRecipe<K, V> {
    /// A recipe that does this.
    pub(crate) fn new(
        make: impl Fn(&mut NodeBuilder<'_>) -> Result<Box<dyn TableView<K, V>>, BuildError> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(make))
    }

    /// Makes the view; called while the node that looks rows up is built.
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
