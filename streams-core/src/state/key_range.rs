//! Which rows an ordered read visits, and in which order.

use std::cmp::Ordering;
use std::ops::Bound;

use super::bounds_cross;

/// The keys between two bounds, as they are in the store, in the order of their bytes or in reverse.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyRange<'a> {
    pub(crate) from: Bound<&'a [u8]>,
    pub(crate) to: Bound<&'a [u8]>,
    pub(crate) order: KeyOrder,
}

/// The order in which keys are visited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyOrder {
    Ascending,
    Descending,
}

impl KeyOrder {
    pub(crate) fn compare(self, left: &[u8], right: &[u8]) -> Ordering {
        match self {
            Self::Ascending => left.cmp(right),
            Self::Descending => right.cmp(left),
        }
    }
}

impl<'a> KeyRange<'a> {
    /// Every key.
    pub(crate) const ALL: KeyRange<'static> =
        KeyRange { from: Bound::Unbounded, to: Bound::Unbounded, order: KeyOrder::Ascending };

    /// The keys between two bounds, ascending.
    pub(crate) const fn between(from: Bound<&'a [u8]>, to: Bound<&'a [u8]>) -> Self {
        Self { from, to, order: KeyOrder::Ascending }
    }

    /// The same keys in another order.
    pub(crate) const fn in_order(self, order: KeyOrder) -> Self {
        Self { order, ..self }
    }

    /// The same range without the keys below `floor`.
    pub(super) fn not_below(self, floor: &'a [u8]) -> Self {
        let begins_below = match self.from {
            Bound::Included(from) | Bound::Excluded(from) => from < floor,
            Bound::Unbounded => !floor.is_empty(),
        };
        Self { from: if begins_below { Bound::Included(floor) } else { self.from }, ..self }
    }

    /// Whether a key is between the bounds.
    pub(super) fn contains(&self, key: &[u8]) -> bool {
        let behind_from = match self.from {
            Bound::Included(from) => key >= from,
            Bound::Excluded(from) => key > from,
            Bound::Unbounded => true,
        };
        let before_to = match self.to {
            Bound::Included(to) => key <= to,
            Bound::Excluded(to) => key < to,
            Bound::Unbounded => true,
        };
        behind_from && before_to
    }

    /// Whether no key can be between the bounds.
    pub(super) fn is_empty(&self) -> bool {
        bounds_cross(self.from, self.to)
    }
}

/// The bound after all keys that start with `prefix`.
pub(crate) fn behind(prefix: &[u8]) -> Bound<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Bound::Excluded(end);
        }
    }
    Bound::Unbounded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_behind_a_prefix_has_exactly_its_keys_before_it() {
        let keys: Vec<&[u8]> =
            vec![b"", b"\0", b"a", b"a\0", b"a\xff", b"a\xff\xff", b"b", b"\xff", b"\xff\0", b"\xff\xff", b"\xff\xffz"];
        for prefix in &keys {
            let end = behind(prefix);
            let before = |key: &&[u8]| match &end {
                Bound::Excluded(end) => **key < **end,
                _ => true,
            };
            let found: Vec<_> = keys.iter().filter(|key| *key >= prefix).filter(|key| before(key)).collect();
            let expected: Vec<_> = keys.iter().filter(|key| key.starts_with(prefix)).collect();
            assert_eq!(found, expected, "{prefix:?}");
        }
    }

    #[test]
    fn a_floor_only_raises_the_lower_bound() {
        let floor = &b"f"[..];
        for (from, expected) in [
            (Bound::Unbounded, Bound::Included(floor)),
            (Bound::Included(&b"a"[..]), Bound::Included(floor)),
            (Bound::Excluded(b"a"), Bound::Included(floor)),
            (Bound::Included(b"f"), Bound::Included(b"f")),
            (Bound::Excluded(b"f"), Bound::Excluded(b"f")),
            (Bound::Excluded(b"z"), Bound::Excluded(b"z")),
        ] {
            let range = KeyRange::between(from, Bound::Included(b"x")).not_below(floor);
            assert_eq!((range.from, range.to), (expected, Bound::Included(&b"x"[..])));
        }
        assert_eq!(KeyRange::ALL.not_below(b"").from, Bound::Unbounded);
        assert!(KeyRange::between(Bound::Unbounded, Bound::Excluded(b"e")).not_below(floor).is_empty());
    }
}
