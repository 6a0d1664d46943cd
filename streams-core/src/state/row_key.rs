//! A row's identity: its key's bytes, as they are in the store.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::hash::{BuildHasher, Hasher};

use hashbrown::DefaultHashBuilder;

use crate::wire::EncodeError;
use crate::wire::encoded_key::AsKey;

/// Keys of up to this many bytes are stored inline, without an allocation.
const SHORT: usize = 30;

/// A reusable buffer in which keys are encoded and hashed to look rows up.
#[derive(Debug, Clone)]
pub(crate) struct KeyBuffer {
    hasher: DefaultHashBuilder,
    /// The prefix, the key, and `SHORT` zeros of padding.
    bytes: Vec<u8>,
    /// Where the key ends.
    key_end: usize,
    /// The hash of the key without its prefix.
    key_hash: u64,
    hash: u64,
}

impl KeyBuffer {
    /// A buffer for keys that are compared only with keys hashed by the same `hasher`.
    pub(super) fn new(hasher: DefaultHashBuilder) -> Self {
        Self { hasher, bytes: vec![0; SHORT], key_end: 0, key_hash: 0, hash: 0 }
    }

    /// Encodes another key into the buffer.
    #[inline]
    pub(super) fn encode<K>(&mut self, key: &impl AsKey<K>) -> Result<(), EncodeError> {
        self.encode_behind([], key)
    }

    /// Encodes another key after `prefix`.
    #[inline]
    pub(super) fn encode_behind<K, const N: usize>(
        &mut self,
        prefix: [u8; N],
        key: &impl AsKey<K>,
    ) -> Result<(), EncodeError> {
        self.bytes.clear();
        self.bytes.extend_from_slice(&prefix);
        key.encode(&mut self.bytes)?;
        self.key_end = self.bytes.len();
        self.bytes.extend_from_slice(&[0; SHORT]);
        let mut hasher = self.hasher.build_hasher();
        hasher.write(self.bytes.get(N..self.key_end).unwrap_or_default());
        self.key_hash = hasher.finish();
        self.hash = self.key_hash;
        Ok(())
    }

    /// Sets it from a store key whose first `prefix` bytes are a prefix.
    pub(super) fn take_stored(&mut self, key: &[u8], prefix: usize) {
        self.bytes.clear();
        self.bytes.extend_from_slice(key);
        self.key_end = key.len();
        self.bytes.extend_from_slice(&[0; SHORT]);
        let (prefix, key) = key.split_at_checked(prefix).unwrap_or((&[], key));
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        self.key_hash = hasher.finish();
        self.hash = match prefix.first_chunk() {
            Some(prefix) => mix(self.key_hash, u64::from_ne_bytes(*prefix)),
            None => self.key_hash,
        };
    }

    /// Replaces the prefix and keeps the key, which is not hashed again.
    #[inline]
    pub(super) fn set_prefix(&mut self, prefix: [u8; 8]) {
        if let Some(start) = self.bytes.first_chunk_mut() {
            *start = prefix;
        }
        self.hash = mix(self.key_hash, u64::from_ne_bytes(prefix));
    }

    /// The same key with another hash, for tests that want rows to collide.
    #[cfg(test)]
    pub(super) const fn with_hash(mut self, hash: u32) -> Self {
        self.hash = hash as u64;
        self
    }

    /// A hash that is equal for equal keys.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
    pub(super) const fn hash(&self) -> u32 {
        (self.hash ^ (self.hash >> 32)) as u32
    }

    /// The store's form of the key: the row's identity.
    #[inline]
    pub(super) fn key(&self) -> &[u8] {
        &self.bytes[..self.key_end]
    }

    /// Whether the buffer holds that row's key.
    #[inline]
    pub(super) fn is(&self, kept: &RowKey) -> bool {
        match kept {
            RowKey::Short { length, bytes } => {
                usize::from(*length) == self.key_end && self.bytes.first_chunk() == Some(bytes)
            }
            RowKey::Long(bytes) => self.key() == &**bytes,
        }
    }
}

/// Combines a key's hash with a number. The halves of the product together depend on all bits of both.
#[allow(clippy::cast_possible_truncation, reason = "the halves of a product")]
const fn mix(hash: u64, number: u64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let product = ((hash ^ number.wrapping_mul(ODD)) as u128) * (ODD as u128);
    (product as u64) ^ ((product >> 64) as u64)
}

/// An owned row key; ordered by its bytes.
#[derive(Clone)]
pub(super) enum RowKey {
    /// The bytes behind the key are zeros.
    Short {
        length: u8,
        bytes: [u8; SHORT],
    },
    Long(Box<[u8]>),
}

impl RowKey {
    pub(super) fn new(encoded: &KeyBuffer) -> Self {
        let key = encoded.key();
        if key.len() > SHORT {
            return Self::Long(key.into());
        }
        let mut bytes = [0; SHORT];
        bytes[..key.len()].copy_from_slice(key);
        #[allow(clippy::cast_possible_truncation, reason = "checked above")]
        Self::Short { length: key.len() as u8, bytes }
    }

    /// The store's form of the key.
    #[inline]
    pub(super) fn key(&self) -> &[u8] {
        match self {
            Self::Short { length, bytes } => &bytes[..usize::from(*length)],
            Self::Long(bytes) => bytes,
        }
    }

    /// How many bytes are stored outside of the key itself.
    pub(super) fn allocated(&self) -> usize {
        match self {
            Self::Short { .. } => 0,
            Self::Long(bytes) => bytes.len(),
        }
    }
}

impl Borrow<[u8]> for RowKey {
    fn borrow(&self) -> &[u8] {
        self.key()
    }
}

impl PartialEq for RowKey {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for RowKey {}

impl PartialOrd for RowKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RowKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(other.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer() -> KeyBuffer {
        KeyBuffer::new(DefaultHashBuilder::default())
    }

    #[test]
    fn keys_of_all_lengths_are_told_apart_by_their_bytes() {
        assert_eq!(size_of::<RowKey>(), 32);
        let lengths = [0, 1, 8, 20, 29, 30, 31, 60];
        for length in lengths {
            let mut encoded = buffer();
            encoded.encode(&vec![0_u8; length]).unwrap();
            let kept = RowKey::new(&encoded);
            assert_eq!(kept.key().len(), length);
            for other_length in lengths {
                let mut other = encoded.clone();
                other.encode(&vec![0_u8; other_length]).unwrap();
                assert_eq!(other.is(&kept), length == other_length, "{length} {other_length}");
            }
        }
    }

    #[test]
    fn a_stored_key_is_the_key_it_was_stored_for() {
        let mut encoded = buffer();
        for key in ["", "key", "a key that is longer than those that are stored inline"] {
            let mut stored = encoded.clone();
            encoded.encode(&key.to_owned()).unwrap();
            stored.take_stored(key.as_bytes(), 0);
            assert_eq!((stored.key(), stored.hash()), (encoded.key(), encoded.hash()));
            encoded.encode_behind([0; 8], &key.to_owned()).unwrap();
            encoded.set_prefix([7; 8]);
            stored.take_stored(&[&[7; 8], key.as_bytes()].concat(), 8);
            assert_eq!((stored.key(), stored.hash()), (encoded.key(), encoded.hash()));
            assert!(stored.is(&RowKey::new(&encoded)));
        }
        encoded.take_stored(b"short", 8);
        assert_eq!(encoded.key(), b"short");
    }

    #[test]
    fn a_prefix_tells_keys_apart_and_changes_their_hash() {
        let mut buffer = buffer();
        buffer.encode_behind([0; 8], &"key".to_owned()).unwrap();
        buffer.set_prefix([1; 8]);
        let (one, hash) = (RowKey::new(&buffer), buffer.hash());
        assert!(buffer.is(&one));
        buffer.set_prefix([2; 8]);
        assert!(!buffer.is(&one));
        assert_ne!(buffer.hash(), hash);
    }
}
