//! Values that are a few numbers, eight bytes each.

use millstream::wire::{DecodeError, EncodeError, Value};

/// A value of `N` numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Numbers<const N: usize>(pub [i64; N]);

impl<const N: usize> Numbers<N> {
    /// The numbers that these bytes are.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (chunks, rest) = bytes.as_chunks::<8>();
        let numbers: Vec<i64> = chunks.iter().map(|chunk| i64::from_be_bytes(*chunk)).collect();
        numbers.try_into().ok().filter(|_| rest.is_empty()).map(Self)
    }

    /// The numbers as bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|number| number.to_be_bytes()).collect()
    }
}

impl<const N: usize> Value for Numbers<N> {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.extend(self.0.iter().flat_map(|number| number.to_be_bytes()));
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::read(bytes).ok_or_else(|| DecodeError::new::<Self>(format!("{} bytes are not {N} numbers", bytes.len())))
    }
}

/// What is kept of records: how many there are, the sum of their ids, and the sum of the ids' squares (both wrap around). A
/// record that is lost and another that is doubled cannot make up for each other.
pub type Totals = Numbers<3>;

impl Totals {
    /// The totals of no record.
    pub const NONE: Self = Self([0; 3]);

    /// Adds a record.
    pub const fn add_id(&mut self, id: i64) {
        let [count, sum, squares] = self.0;
        self.0 = [count + 1, sum.wrapping_add(id), squares.wrapping_add(id.wrapping_mul(id))];
    }

    /// Adds the records of others.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        let ([a, b, c], [d, e, f]) = (self.0, other.0);
        Self([a + d, b.wrapping_add(e), c.wrapping_add(f)])
    }

    /// Takes away the records of others.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        let ([a, b, c], [d, e, f]) = (self.0, other.0);
        Self([a - d, b.wrapping_sub(e), c.wrapping_sub(f)])
    }

    /// How many records.
    #[must_use]
    pub const fn count(&self) -> i64 {
        self.0[0]
    }

    /// The sum of their ids.
    #[must_use]
    pub const fn sum(&self) -> i64 {
        self.0[1]
    }
}

#[cfg(test)]
mod tests {
    use super::Totals;

    #[test]
    fn a_loss_and_a_double_do_not_make_up_for_each_other() {
        let totals = |ids: &[i64]| {
            let mut totals = Totals::NONE;
            ids.iter().for_each(|id| totals.add_id(*id));
            totals
        };
        assert_eq!(totals(&[1, 2, 6]).sum(), totals(&[3, 3, 3]).sum());
        assert_ne!(totals(&[1, 2, 6]), totals(&[3, 3, 3]));
        assert_eq!(totals(&[1, 2]).plus(totals(&[3])).minus(totals(&[2])), totals(&[1, 3]));
        assert_eq!(Totals::read(&totals(&[1, 2]).bytes()), Some(totals(&[1, 2])));
        assert_eq!(Totals::read(&[0; 25]), None);
    }
}
