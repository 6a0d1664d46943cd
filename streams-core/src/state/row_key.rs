//! A row's identity: its key's bytes, as they are in the store.
//!
//! With them goes the rest: whatever the typed key knows but its bytes leave out, such as a window's end. It is not
//! part of the identity; it is kept so that a row is forwarded with its whole key.

use std::hash::{BuildHasher, Hasher};

use hashbrown::DefaultHashBuilder;

use crate::wire::{EncodeError, Value};

/// Keys of up to this many bytes are stored inline, without an allocation.
const SHORT: usize = 29;

/// A reusable buffer in which keys are encoded and hashed to look rows up.
#[derive(Debug, Clone)]
pub(crate) struct KeyBuffer {
    hasher: DefaultHashBuilder,
    /// The prefix, the key, the rest, and `SHORT` zeros of padding.
    bytes: Vec<u8>,
    /// Where the row's key ends and the rest begins.
    key_end: usize,
    rest_end: usize,
    /// The hash of the key without its prefix.
    key_hash: u64,
    hash: u64,
    /// Whether the key is short and has no rest, so that only zeros follow it.
    is_short: bool,
}

impl KeyBuffer {
    /// A buffer for keys that are compared only with keys hashed by the same `hasher`.
    pub(super) fn new(hasher: DefaultHashBuilder) -> Self {
        Self { hasher, bytes: vec![0; SHORT], key_end: 0, rest_end: 0, key_hash: 0, hash: 0, is_short: true }
    }

    /// Encodes another key into the buffer.
    #[inline]
    pub(super) fn encode(&mut self, key: &impl Value) -> Result<(), EncodeError> {
        self.encode_behind([], key)
    }

    /// Encodes another key after `prefix`.
    #[inline]
    pub(super) fn encode_behind<const N: usize>(
        &mut self,
        prefix: [u8; N],
        key: &impl Value,
    ) -> Result<(), EncodeError> {
        self.bytes.clear();
        self.bytes.extend_from_slice(&prefix);
        key.encode(&mut self.bytes)?;
        self.key_end = self.bytes.len();
        key.encode_rest(&mut self.bytes);
        self.rest_end = self.bytes.len();
        self.is_short = self.rest_end == self.key_end && self.key_end <= SHORT;
        self.bytes.extend_from_slice(&[0; SHORT]);
        let mut hasher = self.hasher.build_hasher();
        hasher.write(self.bytes.get(N..self.key_end).unwrap_or_default());
        self.key_hash = hasher.finish();
        self.hash = self.key_hash;
        Ok(())
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
    pub(super) const fn with_hash(mut self, hash: u64) -> Self {
        self.hash = hash;
        self
    }

    /// A hash that is equal for equal keys.
    #[inline]
    pub(super) const fn hash(&self) -> u64 {
        self.hash
    }

    /// The store's form of the key: the row's identity.
    #[inline]
    pub(super) fn key(&self) -> &[u8] {
        &self.bytes[..self.key_end]
    }

    /// The rest, as [`Value::encode_rest`] writes it.
    #[inline]
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.key_end..self.rest_end]
    }

    /// Whether the buffer holds that row's key.
    #[inline]
    pub(super) fn is(&self, kept: &RowKey) -> bool {
        match kept {
            RowKey::Short { key, rest: 0, bytes } if self.is_short => {
                usize::from(*key) == self.key_end && self.bytes.first_chunk() == Some(bytes)
            }
            _ => self.key() == kept.key(),
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

/// An owned row key.
#[derive(Clone)]
pub(super) enum RowKey {
    Short { key: u8, rest: u8, bytes: [u8; SHORT] },
    Long { key: u32, bytes: Box<[u8]> },
}

impl RowKey {
    pub(super) fn new(encoded: &KeyBuffer) -> Self {
        let (key, rest) = (encoded.key(), encoded.rest());
        let length = key.len() + rest.len();
        if length > SHORT {
            let key_end = u32::try_from(key.len()).unwrap_or(u32::MAX);
            return Self::Long { key: key_end, bytes: [key, rest].concat().into() };
        }
        let mut bytes = [0; SHORT];
        bytes[..key.len()].copy_from_slice(key);
        bytes[key.len()..length].copy_from_slice(rest);
        #[allow(clippy::cast_possible_truncation, reason = "checked above")]
        Self::Short { key: key.len() as u8, rest: rest.len() as u8, bytes }
    }

    /// The store's form of the key.
    #[inline]
    pub(super) fn key(&self) -> &[u8] {
        match self {
            Self::Short { key, bytes, .. } => &bytes[..usize::from(*key)],
            Self::Long { key, bytes } => &bytes[..*key as usize],
        }
    }

    /// What the typed key knows beyond its bytes.
    #[inline]
    pub(super) fn rest(&self) -> &[u8] {
        match self {
            Self::Short { key, rest, bytes } => &bytes[usize::from(*key)..usize::from(*key) + usize::from(*rest)],
            Self::Long { key, bytes } => &bytes[*key as usize..],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Timestamp;
    use crate::windows::{Window, Windowed};

    fn buffer() -> KeyBuffer {
        KeyBuffer::new(DefaultHashBuilder::default())
    }

    /// A key that encodes some of its bytes as the rest.
    #[derive(Debug, Clone)]
    struct Raw(Vec<u8>, Vec<u8>);

    impl Value for Raw {
        fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
            self.0.encode(out)
        }

        fn decode(bytes: &[u8]) -> Result<Self, crate::wire::DecodeError> {
            Ok(Self(bytes.to_vec(), Vec::new()))
        }

        fn encode_rest(&self, out: &mut Vec<u8>) {
            out.extend_from_slice(&self.1);
        }
    }

    #[test]
    fn keys_of_all_lengths_are_told_apart_by_their_bytes_alone() {
        assert_eq!(size_of::<RowKey>(), 32);
        let lengths = [0, 1, 8, 20, 21, 28, 29, 30, 60];
        let bytes = |length: usize| vec![0_u8; length];
        for (length, rest) in lengths.into_iter().flat_map(|length| lengths.map(|rest| (length, rest))) {
            let mut encoded = buffer();
            encoded.encode(&Raw(bytes(length), bytes(rest))).unwrap();
            let kept = RowKey::new(&encoded);
            assert_eq!((kept.key().len(), kept.rest().len()), (length, rest));
            for (other_length, other_rest) in lengths.into_iter().flat_map(|length| lengths.map(|rest| (length, rest)))
            {
                let mut other = encoded.clone();
                other.encode(&Raw(bytes(other_length), bytes(other_rest))).unwrap();
                assert_eq!(other.is(&kept), length == other_length, "{length} {rest} {other_length} {other_rest}");
                if length == other_length {
                    assert_eq!(encoded.hash(), other.hash());
                }
            }
        }
    }

    #[test]
    fn a_windows_end_is_in_the_rest_however_deep() {
        let window = |start, end| Window { start: Timestamp(start), end: Timestamp(end) };
        let inner = Windowed { key: "k".to_owned(), window: window(1, 11) };
        let whole = Windowed { key: inner, window: window(2, 22) };
        let mut buffer = buffer();
        buffer.encode_behind([0; 8], &whole).unwrap();
        buffer.set_prefix(*b"a prefix");
        let kept = RowKey::new(&buffer);
        let expected = [b"a prefixk", &1_i64.to_be_bytes()[..], &2_i64.to_be_bytes()].concat();
        assert_eq!(kept.key(), expected);
        assert_eq!(kept.rest(), [11_i64.to_be_bytes(), 22_i64.to_be_bytes()].concat());
        let mut read = Windowed::<Windowed<String>>::decode(&kept.key()[8..]).unwrap();
        read.decode_rest(kept.rest());
        assert_eq!(read, whole);
        read.decode_rest(b"short");
        assert_eq!(read, whole, "never panics");
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
