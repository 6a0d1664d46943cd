//! Values that the nodes of a task share by number, without their types.
//!
//! A topology is plain data: a node knows its children and its stores by their numbers, and its recipe has no type
//! parameters. So when a task is built, a link or an opened store is kept here without its type until another node's
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
    /// In a topology that the DSL created it always does, because the DSL's methods compile only if the types fit: a
    /// stream's operators take the types of the stream, a table's store is opened by the table and by lookups that come
    /// from its handle, and `build()` compares the types with which processors use a store. For recipes that are combined
    /// by hand, callers return an error that names the node and the types.
    pub(super) fn typed<T: Clone + 'static>(&self) -> Option<T> {
        self.0.downcast_ref::<T>().cloned()
    }
}
