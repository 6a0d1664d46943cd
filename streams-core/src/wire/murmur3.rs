//! The hash of a row by which a foreign-key join tells whether it has changed since.

/// Murmur3 for x64 with 128 bits and the seed of Java's `Murmur3.hash128`, in big-endian bytes as Java writes it.
#[must_use]
pub(crate) fn hash128(bytes: &[u8]) -> [u8; 16] {
    const SEED: u64 = 104_729;
    let (mut low, mut high) = (SEED, SEED);
    let (blocks, tail) = bytes.as_chunks::<16>();
    for block in blocks {
        let (first, second) = halves(block);
        low ^= mix_low(first);
        low = low.rotate_left(27).wrapping_add(high).wrapping_mul(5).wrapping_add(0x52dc_e729);
        high ^= mix_high(second);
        high = high.rotate_left(31).wrapping_add(low).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let mut last = [0; 16];
    last.iter_mut().zip(tail).for_each(|(to, from)| *to = *from);
    let (first, second) = halves(&last);
    // Zeros mix to zero, so a part that is missing changes nothing.
    high ^= mix_high(second);
    low ^= mix_low(first);

    let length = bytes.len() as u64;
    (low, high) = (low ^ length, high ^ length);
    low = low.wrapping_add(high);
    high = high.wrapping_add(low);
    (low, high) = (finish(low), finish(high));
    low = low.wrapping_add(high);
    high = high.wrapping_add(low);
    (u128::from(low) << 64 | u128::from(high)).to_be_bytes()
}

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

fn halves(block: &[u8; 16]) -> (u64, u64) {
    let both = u128::from_le_bytes(*block);
    #[allow(clippy::cast_possible_truncation, reason = "the lower half")]
    (both as u64, (both >> 64) as u64)
}

const fn mix_low(word: u64) -> u64 {
    word.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

const fn mix_high(word: u64) -> u64 {
    word.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

const fn finish(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by Kafka Streams 4.3.1's `Murmur3.hash128`, over bytes that begin with their number plus 200 and grow by 37.
    #[test]
    fn hashes_equal_javas() {
        for (length, expected) in [
            (0_u8, 0x9d27_64a0_18e3_2942_8c3c_f3b0_3593_8518_u128),
            (1, 0x7520_3b27_28df_857d_ce2d_281f_e707_2abd),
            (2, 0x94eb_bcb6_2e5d_02d4_0346_5d0a_da47_f452),
            (3, 0xf5ee_2b09_956d_0496_ed94_ccdb_720b_ac6d),
            (7, 0x9ce1_3c9b_6df8_b061_dcfd_161e_ec8c_ff19),
            (8, 0x800c_223b_7461_e5c1_6810_3550_ca9a_f339),
            (9, 0x4d40_83f9_4a98_55b1_cc82_667d_870f_bc2d),
            (10, 0xccaf_6829_bca6_980c_4ef7_b38f_dd97_fe94),
            (15, 0x4a93_766e_1c18_09bb_3f22_78d9_6c8c_885e),
            (16, 0x7887_12ee_72ea_682e_f381_dd86_9465_79d5),
            (17, 0xafc3_909e_3c2c_8d3f_1f21_a31a_0e8c_7a13),
            (24, 0xa232_762d_a081_d7ea_6ba4_81ec_03ba_ad3f),
            (31, 0xc492_15db_e403_f302_9c3f_16bc_d4a8_a541),
            (32, 0xe2b6_5346_3b95_1fc1_6069_b7cc_9ccd_8dee),
            (33, 0xc246_042b_8948_73df_4650_cae5_8806_3bb6),
            (100, 0x4c82_d058_06ea_8e7a_6a6a_2ae7_c784_12b5),
        ] {
            let first = length.wrapping_add(200);
            let bytes: Vec<_> = (0..length).map(|at| at.wrapping_mul(37).wrapping_add(first)).collect();
            assert_eq!(u128::from_be_bytes(hash128(&bytes)), expected, "{length} bytes");
        }
    }
}
