//! Random choices that are the same for the same seed, on every machine.

use fastrand::Rng;

/// A sequence of choices.
pub(super) struct Random(Rng);

impl Random {
    /// The sequence of a case: of its number among those of a seed.
    pub(super) fn of(seed: u64, number: u64) -> Self {
        // Neighbouring seeds and numbers must not give similar sequences.
        let mut mixed = Rng::with_seed(seed);
        let salt = mixed.u64(..);
        Self(Rng::with_seed(salt ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// True in so many of a hundred cases.
    pub(super) fn percent(&mut self, percent: u32) -> bool {
        self.0.u32(0..100) < percent
    }

    /// A number from `from` to `to`, both included.
    pub(super) fn between(&mut self, from: u64, to: u64) -> u64 {
        self.0.u64(from..=to.max(from))
    }

    /// An index below `count`.
    pub(super) fn index(&mut self, count: usize) -> usize {
        self.0.usize(0..count.max(1))
    }

    /// One of these, if there are any.
    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.index(from.len()))
    }

    /// One of these, which are constants.
    pub(super) fn one_of<T: Copy>(&mut self, first: T, others: &[T]) -> T {
        match self.index(others.len() + 1) {
            0 => first,
            index => others.get(index - 1).copied().unwrap_or(first),
        }
    }

    /// One of these, as often as its weight says.
    pub(super) fn weighted<T: Copy>(&mut self, from: &[(u32, T)]) -> Option<T> {
        let total = from.iter().map(|(weight, _)| weight).sum();
        let mut at = self.0.u32(0..u32::max(total, 1));
        from.iter().find_map(|(weight, choice)| match at.checked_sub(*weight) {
            Some(rest) => {
                at = rest;
                None
            }
            None => Some(*choice),
        })
    }
}
