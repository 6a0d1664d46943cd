//! What nodes do with a record.
//!
//! One operator per file. Operators are typed: a built node is a [`Next<K, V>`](Next) and owns its [`Outputs`].
//! Processing a record boxes, downcasts and clones nothing unless the stream forks. Records travel depth first: when
//! `process` returns, everything downstream has handled what was forwarded.
//!
//! An operator sees a record, a [`Context`] and its stores; never a consumer, a producer, a clock or a thread. It is
//! described by a [`Recipe`], which builds an instance for each task from what [`NodeBuilder`] offers.

use std::cell::RefCell;
use std::rc::Rc;

use crate::record::Record;

mod blame;
mod build;
mod cached;
mod context;
mod drops;
mod emission;
mod error;
mod expiry;
mod failures;
mod join_kind;
mod marks;
mod meters;
mod open_rows;
mod placed;
mod presence;
mod table_view;
mod untyped;

pub(crate) mod branch;
pub(crate) mod change_sink;
pub(crate) mod change_source;
pub(crate) mod chosen_sink;
pub(crate) mod distinct;
pub(crate) mod fallible;
pub(crate) mod filter;
pub(crate) mod filter_some;
pub(crate) mod flat_map;
pub(crate) mod flat_map_values;
pub(crate) mod for_each;
pub(crate) mod foreign_key;
pub(crate) mod global_join;
pub(crate) mod global_processor;
pub(crate) mod global_source;
pub(crate) mod grace_join;
pub(crate) mod handler;
pub(crate) mod map;
pub(crate) mod map_values;
pub(crate) mod merge;
pub(crate) mod nullable_keys;
pub(crate) mod partitioner;
pub(crate) mod peek;
pub(crate) mod print;
pub(crate) mod process;
pub(crate) mod processor_stores;
pub(crate) mod repartition_filter;
pub(crate) mod rules;
pub(crate) mod select_key;
pub(crate) mod session_aggregate;
pub(crate) mod sink;
pub(crate) mod sliding_aggregate;
pub(crate) mod source;
pub(crate) mod stored_table;
pub(crate) mod stream_aggregate;
pub(crate) mod stream_join;
pub(crate) mod stream_table_join;
pub(crate) mod suppress;
pub(crate) mod table_aggregate;
pub(crate) mod table_filter;
pub(crate) mod table_join;
pub(crate) mod table_map_values;
pub(crate) mod table_merge;
pub(crate) mod table_select;
pub(crate) mod table_source;
pub(crate) mod table_to_stream;
pub(crate) mod table_transform;
pub(crate) mod timestamps;
pub(crate) mod to_table;
pub(crate) mod validate;
pub(crate) mod window_aggregate;
pub(crate) mod window_ends;
pub(crate) mod wrapping;

#[cfg(test)]
mod cache_tests;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod row_identity_tests;
#[cfg(test)]
pub(crate) mod testing;

// The public ones are re-exported by `dsl::processor`, `topology` and `runtime`.
pub use crate::drop_reason::DropReason;
pub use crate::record::RecordPosition;
pub use build::{BuildError, NodeId, PunctuationTime, StoreId};
pub use error::OperatorError;

pub(crate) use blame::{Address, blamed, blaming};
pub(crate) use build::{
    BuiltNode, Close, Flush, NodeBuilder, OpenViews, Punctuate, Punctuation, Recipe, SourceNode, TaskBuilder,
    TaskParts, TaskServices, is_mark, mark_of_store, time_of_store,
};
pub(crate) use context::{Collector, Context, Destination, Unaddressed};
pub(crate) use drops::Dropped;
pub(crate) use emission::Emission;
pub(crate) use expiry::Expire;
pub(crate) use failures::{Contained, GivenUp, Judge, Judged, Lost, Verdict};
pub(crate) use join_kind::JoinKind;
pub(crate) use marks::{Mark, MarkKind, MarkedTopic, Sender};
pub(crate) use meters::{DELAY_BOUNDS_MS, Delays, InputMeter, SinkMeter};
pub(crate) use placed::Placed;
pub(crate) use presence::Presence;
pub(crate) use table_view::{TableView, TableViewRecipe};

/// A built node, as its parents call it.
pub trait Next<K, V> {
    /// Processes one record.
    ///
    /// # Errors
    /// When the task cannot continue.
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError>;
}

/// A reference to a child. A child with several parents, such as a merge, is shared.
pub(crate) type Link<K, V> = Rc<RefCell<dyn Next<K, V>>>;

/// Passes a record to a child.
#[inline]
fn pass<K, V>(child: &Link<K, V>, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
    blaming(Address::of(child), || child.borrow_mut().process(context, record))
}

/// A node's children.
pub struct Outputs<K, V>(Vec<Link<K, V>>);

impl<K, V> Outputs<K, V> {
    /// Each record goes to the children in this order.
    #[must_use]
    pub const fn new(children: Vec<Link<K, V>>) -> Self {
        Self(children)
    }

    /// Whether there are no children.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K, V> Outputs<K, V> {
    /// One child, by its number.
    pub(super) fn child(&self, number: usize) -> Option<&Link<K, V>> {
        self.0.get(number)
    }
}

impl<K: Clone, V: Clone> Outputs<K, V> {
    /// Passes the record to every child in turn. It is cloned only if there are several.
    ///
    /// # Errors
    /// The error of the first child that fails; later children then do not get the record.
    #[inline]
    pub fn forward(&self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let Some((last, others)) = self.0.split_last() else { return Ok(()) };
        for child in others {
            pass(child, context, record.clone())?;
        }
        pass(last, context, record)
    }
}

impl<K, V> Clone for Outputs<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
