//! The partition of a key, by Kafka's own rule, so that records with the same key meet whether they are written here or
//! in Java.

use crate::record::Partition;

/// Murmur2 with Kafka's seed, as Java's `Utils.murmur2` computes it.
#[must_use]
pub fn murmur2(bytes: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;

    #[allow(clippy::cast_possible_truncation, reason = "Java hashes the 32-bit length")]
    let mut hash = SEED ^ bytes.len() as u32;
    let (words, tail) = bytes.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        for (position, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * position);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// A key's partition among `partitions`: `(murmur2(key) & 0x7fffffff) % partitions`.
#[must_use]
pub fn partition_of(key: &[u8], partitions: u32) -> Partition {
    let hash = murmur2(key) & 0x7fff_ffff;
    #[allow(clippy::cast_possible_wrap, reason = "the hash has 31 bits")]
    let partition = (hash % partitions.max(1)) as i32;
    Partition(partition)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of Kafka's own `UtilsTest.testMurmur2` (clients, Apache-2.0): facts, not code.
    #[test]
    #[allow(clippy::cast_sign_loss, reason = "Java's hash is signed")]
    fn hashes_equal_javas() {
        for (key, expected) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()), expected as u32, "{key}");
        }
    }
}
