//! How many bytes a worker's input buffers hold together.
//!
//! A limit in records alone is none where records are large: a thousand of 10 MiB each are 10 GiB for every partition.

use std::cell::Cell;
use std::rc::Rc;

/// What the buffers of a worker hold, shared by them.
#[derive(Debug, Clone, Default)]
pub(crate) struct BufferedBytes(Rc<Cell<usize>>);

impl BufferedBytes {
    /// The bytes of all buffers.
    pub(crate) fn get(&self) -> usize {
        self.0.get()
    }
}

/// The share of one buffer, which is given back with it.
#[derive(Debug, Default)]
pub(super) struct Share {
    all: BufferedBytes,
    bytes: usize,
}

impl Share {
    /// The share of an empty buffer.
    pub(super) fn of(all: &BufferedBytes) -> Self {
        Self { all: all.clone(), bytes: 0 }
    }

    /// That many bytes were added to the buffer.
    pub(super) fn add(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.all.0.set(self.all.0.get() + bytes);
    }

    /// That many bytes have left the buffer.
    pub(super) fn remove(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.all.0.set(self.all.0.get().saturating_sub(bytes));
    }

    /// The buffer is empty.
    pub(super) fn clear(&mut self) {
        self.remove(self.bytes);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_buffers_hold_is_known_also_after_one_is_gone() {
        let all = BufferedBytes::default();
        let (mut one, mut other) = (Share::of(&all), Share::of(&all));
        one.add(10);
        other.add(20);
        one.remove(3);
        assert_eq!(all.get(), 27);
        one.remove(100);
        assert_eq!(all.get(), 20);
        one.add(5);
        drop(one);
        assert_eq!(all.get(), 20);
        other.clear();
        assert_eq!(all.get(), 0);
    }
}
