//! Keys and values for maps of bytes, without an allocation if they are short.
//!
//! Most keys are short, and so are counts and sums with their timestamps. Inside the map's nodes they need no allocation,
//! and comparing two keys follows no pointer.

use smallvec::SmallVec;

/// A key: inline up to 32 bytes, which is a window's start and a key of 24.
pub(super) type KeyBytes = SmallVec<[u8; 32]>;

/// A value: inline up to 24 bytes, which is a timestamp and a value of 16.
pub(super) type ValueBytes = SmallVec<[u8; 24]>;
