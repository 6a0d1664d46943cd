//! What the nodes of a task share by number, without its type.
//!
//! A topology is plain data: a node knows its children and its stores by their numbers, and its recipe has no type
//! parameters. So when a task is built, a link or an opened store lies here without its type until another node's
//! recipe asks for it.

use std::any::Any;
use std::rc::Rc;

/// A shared value without its type.
#[derive(Clone)]
pub(super) struct Untyped(Rc<dyn Any>);

impl Untyped {
    pub(super) fn new<T: 'static>(shared: T) -> Self {
        Self(Rc::new(shared))
    }

    /// The value, if it has this type.
    ///
    /// It always has in a topology that the DSL made, whose methods compile only if they fit: a stream's operators
    /// take the types of the stream, a table's store is opened by the table and by lookups of its rows, which the
    /// table's handle gives out, and `build()` compares the types that processors give one store. Callers still
    /// answer with an error that names the node and the types, for recipes that are put together by hand.
    pub(super) fn typed<T: Clone + 'static>(&self) -> Option<T> {
        self.0.downcast_ref::<T>().cloned()
    }
}
