//! Whose code has panicked.
//!
//! An operator runs the application's closures, and one that panics unwinds through all nodes above it. Whoever calls a
//! node does so by [`blaming`] it. That costs nothing unless there is a panic: then the innermost node is remembered,
//! by the address of its object, until the worker that stops the panic asks for it. [`TaskParts`](super::TaskParts)
//! knows which node that is.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A node's object in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Address(usize);

impl Address {
    /// The address of a node, whatever it is seen as.
    #[inline]
    pub(crate) fn of<N: ?Sized>(node: &Rc<RefCell<N>>) -> Self {
        Self(Rc::as_ptr(node).cast::<()>().addr())
    }
}

thread_local! {
    static BLAMED: Cell<Option<Address>> = const { Cell::new(None) };
}

/// Dropped only by a panic.
struct Blame(Address);

impl Drop for Blame {
    #[cold]
    fn drop(&mut self) {
        BLAMED.set(BLAMED.get().or(Some(self.0)));
    }
}

/// Lets a node work, and remembers it if it panics.
#[inline]
pub(crate) fn blaming<T>(node: Address, work: impl FnOnce() -> T) -> T {
    let blame = Blame(node);
    let done = work();
    std::mem::forget(blame);
    done
}

/// The node that has panicked, after a panic was caught. It is forgotten then.
pub(crate) fn blamed() -> Option<Address> {
    BLAMED.take()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::panic::catch_unwind;
    use std::rc::Rc;

    use super::{Address, blamed, blaming};

    #[test]
    fn the_innermost_node_that_panics_is_blamed_once() {
        let (outer, inner) = (Rc::new(RefCell::new(1)), Rc::new(RefCell::new(2)));
        let (outer, inner) = (Address::of(&outer), Address::of(&inner));
        assert_eq!(blaming(outer, || blaming(inner, || 3)), 3);
        assert_eq!(blamed(), None);
        assert!(catch_unwind(|| blaming(outer, || blaming(inner, || panic!("no")))).is_err());
        assert_eq!((blamed(), blamed()), (Some(inner), None));
        let panics_after = || {
            blaming(outer, || {
                blaming(inner, || 3);
                panic!("no")
            })
        };
        assert!(catch_unwind(panics_after).is_err());
        assert_eq!(blamed(), Some(outer));
    }
}
