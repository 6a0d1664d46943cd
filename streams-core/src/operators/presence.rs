//! Values of which only is asked whether they are there.
//!
//! A count does not read what it counts. A node that takes records of [`Presence`] beside those of its parent's type
//! says so ([`counting`]); a source all of whose children say so checks that a value can be read, and makes none.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;

use super::{BuiltNode, Context, Link, Next, OperatorError};
use crate::record::Record;
use crate::wire::Nullable;

/// What is left of a value that nobody reads: whether there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Presence(pub(crate) bool);

impl Presence {
    /// Something that stands for the value, or `None` for null.
    pub(super) fn into_option(self) -> Option<()> {
        self.0.then_some(())
    }
}

/// A node that asks of `V` only whether there is one.
pub(super) fn counting<K: 'static, V: Nullable>(node: impl Next<K, Presence> + 'static) -> BuiltNode {
    let node: Link<K, Presence> = Rc::new(RefCell::new(node));
    let typed: Link<K, V> = Rc::new(RefCell::new(Asking { node: Rc::clone(&node), value: PhantomData }));
    BuiltNode::Typed { link: Box::new(typed), presence: Some(Box::new(node)) }
}

/// The same node for parents that have the value.
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
