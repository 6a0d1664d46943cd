//! Keys that stay bytes until somebody needs the key itself.

use smallvec::SmallVec;

use super::{DecodeError, EncodeError, Key};

/// What a row can be looked up by: a key, or its bytes.
pub(crate) trait AsKey<K>: Clone {
    /// Appends the key's bytes to `out`.
    ///
    /// # Errors
    /// As [`super::Value::encode`].
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError>;

    /// The key itself.
    ///
    /// # Errors
    /// When the bytes are not such a key, although they were checked.
    fn into_key(self) -> Result<K, DecodeError>;
}

impl<K: Key> AsKey<K> for K {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        super::Value::encode(self, out)
    }

    #[inline]
    fn into_key(self) -> Result<K, DecodeError> {
        Ok(self)
    }
}

/// The bytes of a key that are a row's, or were checked and not decoded. The latter is only for keys whose bytes are
/// canonical ([`super::Value::CANONICAL`]): bytes of others may differ from those that the same key has as a row's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EncodedKey(SmallVec<[u8; 32]>);

impl EncodedKey {
    #[inline]
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(SmallVec::from_slice(bytes))
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether these are the bytes that the key has as a row's. Only debug builds look.
    fn is_of(&self, key: &impl Key) -> bool {
        let mut bytes = Vec::new();
        super::Value::encode(key, &mut bytes).is_ok() && *bytes == *self.0
    }
}

impl<K: Key> AsKey<K> for EncodedKey {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.extend_from_slice(&self.0);
        Ok(())
    }

    fn into_key(self) -> Result<K, DecodeError> {
        let key = K::decode(&self.0)?;
        debug_assert!(self.is_of(&key), "the bytes of `{}` are not canonical", std::any::type_name::<K>());
        Ok(key)
    }
}
