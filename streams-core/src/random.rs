//! The only source of random numbers.
//!
//! Random numbers are for names that must differ between machines and between runs, such as a process's id. Everything
//! that needs one takes a [`Random`], so that a simulated run depends on its seed alone.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

/// A source of random numbers.
pub(crate) trait Random: Send + Sync + 'static {
    /// The next number; all 64 bits are random.
    fn number(&self) -> u64;
}

/// A [`Random`] that every part of an application can share.
pub(crate) type SharedRandom = Arc<dyn Random>;

/// A version 4 UUID.
pub(crate) fn uuid(random: &dyn Random) -> Uuid {
    let (high, low) = (random.number(), random.number());
    uuid::Builder::from_random_bytes(Uuid::from_u64_pair(high, low).into_bytes()).into_uuid()
}

/// The operating system's randomness.
#[derive(Clone, Copy)]
pub(crate) struct SystemRandom;

impl Random for SystemRandom {
    fn number(&self) -> u64 {
        // Some bits of an id are fixed; hashing spreads the random ones over all 64.
        RandomState::new().hash_one(Uuid::new_v4())
    }
}

/// Numbers determined by a seed, for tests and simulations.
pub(crate) struct Seeded(AtomicU64);

impl Seeded {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Random for Seeded {
    /// One step of SplitMix64.
    fn number(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut number = self.0.fetch_add(STEP, Ordering::SeqCst).wrapping_add(STEP);
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_tells_all_numbers_that_follow() {
        // The published results of SplitMix64.
        let random = Seeded::new(1_234_567);
        let numbers: Vec<_> = (0..3).map(|_| random.number()).collect();
        assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
        let ids = [7, 7, 8].map(|seed| uuid(&Seeded::new(seed)));
        assert_eq!(ids[0], ids[1]);
        assert_ne!(ids[0], ids[2]);
        assert_eq!(ids[0].get_version_num(), 4);
    }

    #[test]
    fn nobody_is_told_the_same_twice() {
        let ids: std::collections::BTreeSet<_> = (0..100).map(|_| uuid(&SystemRandom)).collect();
        assert_eq!(ids.len(), 100);
    }
}
