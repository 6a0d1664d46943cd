//! `Text`: the type of all keys and values of a case, whose bytes are its UTF-8.

use std::sync::Arc;

use millstream::wire::{DecodeError, EncodeError, Key, Value};

/// A key or value. A null is an `Option`'s `None`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(Arc<str>);

impl Text {
    /// The text as a string slice.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Into<Arc<str>>> From<T> for Text {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl Value for Text {
    const CANONICAL: bool = true;

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        String::decode(bytes).map(Self::from)
    }
}

impl Key for Text {}
