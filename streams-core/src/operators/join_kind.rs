//! The kinds of joins of two streams or two tables.

/// Which sides of a join have results without the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JoinKind {
    Inner,
    Left,
    Outer,
}

impl JoinKind {
    /// Whether there is no result without the left side.
    pub(crate) fn needs_left(self) -> bool {
        self != Self::Outer
    }

    /// Whether there is no result without the right side.
    pub(crate) fn needs_right(self) -> bool {
        self == Self::Inner
    }
}
