//! Values whose mere presence matters.
//!
//! A count does not read the values that it counts. A node declares this with [`counting`]: it then accepts records
//! of [`Presence`] as well as records of its parent's type. If all children of a source are such nodes, the source
//! only checks that each value can be decoded and does not construct it.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;

use super::build::BuiltLinks;
use super::{BuiltNode, Context, Link, Next, OperatorError};
use crate::record::Record;
use crate::wire::Nullable;

/// Stands in for a value that nobody reads: only tells whether there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Presence(pub(crate) bool);

impl Presence {
    /// `Some` for a value, `None` for null.
    pub(super) fn into_option(self) -> Option<()> {
        self.0.then_some(())
    }
}

/// A node that only needs to know whether a `V` is null.
pub(super) fn counting<K: 'static, V: Nullable>(node: impl Next<K, Presence> + 'static) -> BuiltNode {
    let node: Link<K, Presence> = Rc::new(RefCell::new(node));
    let typed: Link<K, V> = Rc::new(RefCell::new(Asking { node: Rc::clone(&node), value: PhantomData }));
    BuiltNode::Inner(BuiltLinks::of(typed).or_without_values(node))
}

/// Adapts the node to parents that do have the value.
struct Asking<K, V> {
    node: Link<K, Presence>,
    value: PhantomData<fn(V)>,
}

impl<K, V: Nullable> Next<K, V> for Asking<K, V> {
    #[inline]
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        let value = Presence(value.as_option().is_some());
        self.node.borrow_mut().process(context, Record { key, value, timestamp, headers })
    }
}
