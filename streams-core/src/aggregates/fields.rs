//! Reads the fields of an aggregate's bytes one by one.

use crate::wire::DecodeError;

/// What is left of the bytes of a `T`.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    /// The next bytes.
    pub(super) fn next<T, const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (field, rest) = self.0.split_first_chunk().ok_or_else(|| DecodeError::new::<T>("it is cut off"))?;
        self.0 = rest;
        Ok(*field)
    }

    /// Nothing may be left.
    pub(super) fn end<T>(self) -> Result<(), DecodeError> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(DecodeError::new::<T>(format!("{} bytes are left over", self.0.len())))
    }
}
