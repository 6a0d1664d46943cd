//! Sums and means.

use serde_json::{Value as JsonValue, json};

use super::Merge;
use super::fields::Fields;
use crate::wire::json_form::{field, float, integer, of_float};
use crate::wire::{DecodeError, EncodeError, Value};

/// The exact sum, number and mean of whole numbers. It never overflows.
///
/// ```
/// use millstream::aggregates::Total;
///
/// let mut total = Total::default();
/// assert_eq!((total.sum(), total.mean()), (0, None));
/// total.add(i64::MAX);
/// total.add(i64::MAX);
/// assert_eq!((total.sum(), total.count()), (2 * i128::from(i64::MAX), 2));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    count: u64,
    sum: i128,
}

impl Total {
    /// Takes a number.
    pub fn add(&mut self, number: i64) {
        self.count = self.count.saturating_add(1);
        self.sum = self.sum.saturating_add(number.into());
    }

    /// How many numbers there were.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Their sum.
    #[must_use]
    pub const fn sum(&self) -> i128 {
        self.sum
    }

    /// Their mean, if there were any.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a mean is rounded")]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }
}

impl Merge for Total {
    fn merge(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
    }
}

impl Value for Total {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.extend_from_slice(&self.count.to_be_bytes());
        out.extend_from_slice(&self.sum.to_be_bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut fields = Fields(bytes);
        let count = u64::from_be_bytes(fields.next::<Self, 8>()?);
        let sum = i128::from_be_bytes(fields.next::<Self, 16>()?);
        fields.end::<Self>()?;
        Ok(Self { count, sum })
    }

    /// With the mean, and with the sum as a string where JSON has no such number.
    fn to_json(&self) -> Result<JsonValue, EncodeError> {
        let sum = i64::try_from(self.sum).map_or_else(|_| JsonValue::from(self.sum.to_string()), JsonValue::from);
        Ok(json!({ "count": self.count, "sum": sum, "mean": self.mean() }))
    }

    fn from_json(json: &JsonValue) -> Result<Self, DecodeError> {
        let part = |name| field(json, name);
        let parts = || Ok::<_, String>((integer(part("count")?)?, integer(part("sum")?)?));
        parts().map(|(count, sum)| Self { count, sum }).map_err(DecodeError::new::<Self>)
    }

    fn example_text() -> String {
        r#"{"count":2,"sum":42}"#.to_owned()
    }
}

/// The sum, number and mean of numbers with fractions. Sums are rounded, so their last digits depend on the order.
///
/// ```
/// use millstream::aggregates::Mean;
///
/// let mut mean = Mean::default();
/// mean.add(0.5);
/// mean.add(1.5);
/// assert_eq!((mean.sum(), mean.mean()), (2.0, Some(1.0)));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Mean {
    count: u64,
    sum: f64,
}

impl Mean {
    /// Takes a number.
    pub fn add(&mut self, number: f64) {
        self.count = self.count.saturating_add(1);
        self.sum += number;
    }

    /// How many numbers there were.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Their sum.
    #[must_use]
    pub const fn sum(&self) -> f64 {
        self.sum
    }

    /// Their mean, if there were any.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a mean is rounded")]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

impl Merge for Mean {
    fn merge(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.sum += other.sum;
    }
}

impl Value for Mean {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.extend_from_slice(&self.count.to_be_bytes());
        out.extend_from_slice(&self.sum.to_be_bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut fields = Fields(bytes);
        let count = u64::from_be_bytes(fields.next::<Self, 8>()?);
        let sum = f64::from_be_bytes(fields.next::<Self, 8>()?);
        fields.end::<Self>()?;
        Ok(Self { count, sum })
    }

    fn to_json(&self) -> Result<JsonValue, EncodeError> {
        Ok(json!({ "count": self.count, "sum": of_float(self.sum), "mean": self.mean().map(of_float) }))
    }

    fn from_json(json: &JsonValue) -> Result<Self, DecodeError> {
        let part = |name| field(json, name);
        let parts = || Ok::<_, String>((integer(part("count")?)?, float(part("sum")?)?));
        parts().map(|(count, sum)| Self { count, sum }).map_err(DecodeError::new::<Self>)
    }

    fn example_text() -> String {
        r#"{"count":2,"sum":42.0}"#.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(numbers: &[i64]) -> Total {
        let mut total = Total::default();
        numbers.iter().for_each(|number| total.add(*number));
        total
    }

    #[test]
    fn merging_is_adding_all() {
        assert_eq!(total(&[1, -5]).merged(total(&[i64::MIN])), total(&[1, -5, i64::MIN]));
        assert_eq!(total(&[]).merged(total(&[])), Total::default());
        let (mut left, mut right) = (Mean::default(), Mean::default());
        left.add(1.5);
        right.add(2.5);
        assert_eq!(left.merged(right).mean(), Some(2.0));
    }

    #[test]
    fn bytes_lead_back_and_others_are_refused() {
        let mut bytes = Vec::new();
        total(&[1, -5]).encode(&mut bytes).expect("encoded");
        assert_eq!(Total::decode(&bytes), Ok(total(&[1, -5])));
        assert!(Total::decode(&bytes[..23]).is_err());
        bytes.push(0);
        assert!(Total::decode(&bytes).is_err() && Mean::decode(&bytes).is_err());
    }
}
