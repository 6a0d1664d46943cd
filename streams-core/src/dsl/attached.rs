//! Values that a `Copy` handle shares with the calls that created it and the calls that use it.
//!
//! A handle such as a [`KTable`](super::KTable) is `Copy`, so its builder keeps the shared values. The handle has an
//! [`Attached`], which knows the value's type and where to find it.

use std::any::Any;
use std::marker::PhantomData;

/// Refers to a handle's `T` in the builder's [`Attachments`].
pub(super) struct Attached<T> {
    number: usize,
    holds: PhantomData<fn() -> T>,
}

impl<T> Clone for Attached<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Attached<T> {}

/// The values that the handles of one builder share.
#[derive(Default)]
pub(super) struct Attachments(Vec<Box<dyn Any>>);

impl Attachments {
    /// Keeps a value for a handle.
    pub(super) fn attach<T: 'static>(&mut self, shared: T) -> Attached<T> {
        self.0.push(Box::new(shared));
        Attached { number: self.0.len() - 1, holds: PhantomData }
    }

    /// The value that a handle shares. It exists and has this type if the handle belongs to this builder: only
    /// [`Attachments::attach`] creates an [`Attached`], together with the value, and values are never removed.
    pub(super) fn get<T: Clone + 'static>(&self, attached: Attached<T>) -> Option<T> {
        self.0.get(attached.number)?.downcast_ref::<T>().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::Attachments;

    #[test]
    fn a_handle_finds_what_it_shares_with_its_own_builder_only() {
        let (mut ours, mut others) = (Attachments::default(), Attachments::default());
        let (number, text) = (ours.attach(1_u8), ours.attach("two"));
        assert_eq!((ours.get(number), ours.get(text)), (Some(1), Some("two")));
        others.attach("of another type");
        assert_eq!((others.get(number), others.get(text)), (None, None));
    }
}
