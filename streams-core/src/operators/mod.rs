//! What a node does to one record.
//!
//! One operator per file. Operators are typed: a built node is a [`Next<K, V>`](Next), it owns its
//! [`Outputs`], and per record nothing is boxed, downcast, or cloned unless the stream forks. A record
//! goes depth first: when `process` returns, everything downstream has seen what was forwarded.
//!
//! An operator sees a record, a [`Context`] and its stores; never a consumer, a producer, a clock or a
//! thread. It is described by a [`Recipe`], which builds it anew for each task from what [`NodeBuilder`]
//! offers.

use std::cell::RefCell;
use std::rc::Rc;

use crate::record::Record;

mod build;
mod cached;
mod context;
mod error;
mod table_view;

pub mod branch;
pub mod change_sink;
pub mod change_source;
pub mod filter;
pub mod filter_some;
pub mod flat_map;
pub mod flat_map_values;
pub mod for_each;
pub mod global_join;
pub mod map;
pub mod map_values;
pub mod merge;
pub mod peek;
pub mod print;
pub mod process;
pub mod repartition_filter;
pub mod select_key;
pub mod sink;
pub mod source;
pub mod stores;
pub mod stream_aggregate;
pub mod stream_table_join;
pub mod table_aggregate;
pub mod table_filter;
pub mod table_map_values;
pub mod table_select;
pub mod table_source;
pub mod table_store;
pub mod table_to_stream;
pub mod to_table;
pub mod window_aggregate;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
pub(crate) mod testing;

pub use build::{
    BuildError, BuiltNode, Flush, NodeBuilder, NodeId, Punctuate, Punctuation, PunctuationTime, Recipe, SourceNode,
    StoreId, TaskBuilder, TaskParts, TaskServices,
};
pub use context::{Collector, Context, Destination, DropReason, RecordPosition};
pub use error::OperatorError;
pub use table_view::{TableView, TableViewRecipe};

/// A built node's input: takes a record and does what the node does.
pub trait Next<K, V> {
    /// Handles one record.
    ///
    /// # Errors
    /// What makes it impossible to go on with the task.
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError>;
}

/// A child as its parents hold it; children with several parents (merges) are shared.
pub type Link<K, V> = Rc<RefCell<dyn Next<K, V>>>;

/// A node's children.
pub struct Outputs<K, V>(Vec<Link<K, V>>);

impl<K, V> Outputs<K, V> {
    /// These children, in the order in which they get each record.
    #[must_use]
    pub const fn new(children: Vec<Link<K, V>>) -> Self {
        Self(children)
    }

    /// Whether nobody listens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Clone, V: Clone> Outputs<K, V> {
    /// Hands the record to every child in turn; only a fork clones it.
    ///
    /// # Errors
    /// The first child's that fails; the others then do not get the record.
    #[inline]
    pub fn forward(&self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let Some((last, others)) = self.0.split_last() else { return Ok(()) };
        for child in others {
            child.borrow_mut().process(context, record.clone())?;
        }
        last.borrow_mut().process(context, record)
    }
}

impl<K, V> Clone for Outputs<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
