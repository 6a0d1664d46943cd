//! Medians, percentiles and the like, about.
//!
//! The sketch is Masson, Rim and Lee's "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees"
//! (VLDB 2019), without a limit on its size: values are counted in buckets whose bounds grow by 2 %.

use std::collections::BTreeMap;

use serde_json::{Value as JsonValue, json};

use super::Merge;
use super::fields::Fields;
use crate::wire::json_form::{of_float, with_bytes};
use crate::wire::{DecodeError, EncodeError, Value};

/// How far an estimate may be from a value that is there.
const ERROR: f64 = 0.01;
/// Each bucket's upper bound divided by its lower one.
const GROWTH: f64 = (1.0 + ERROR) / (1.0 - ERROR);

/// The distribution of numbers: each quantile within 1 % of a value that was there.
///
/// Its size depends on how far the values are apart and not on how many there are: those between a millisecond and an hour
/// take at most 800 buckets of 12 bytes. NaN is ignored, and infinities count as the largest numbers.
///
/// ```
/// use millstream::aggregates::Quantiles;
///
/// let mut latencies = Quantiles::default();
/// assert_eq!(latencies.quantile(0.5), None);
/// (1..=1_000).for_each(|millis| latencies.add(f64::from(millis)));
/// let p99 = latencies.quantile(0.99).unwrap_or(0.0);
/// assert!((p99 - 990.0).abs() < 10.0, "{p99}");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quantiles {
    negative: Buckets,
    zeros: u64,
    positive: Buckets,
}

/// How many values there are in each bucket, by the bucket's number.
type Buckets = BTreeMap<i32, u64>;

impl Quantiles {
    /// Takes a number.
    pub fn add(&mut self, number: f64) {
        if number.is_nan() {
            return;
        }
        let size = number.abs().min(f64::MAX);
        if size < f64::MIN_POSITIVE {
            self.zeros = self.zeros.saturating_add(1);
            return;
        }
        let side = if number < 0.0 { &mut self.negative } else { &mut self.positive };
        #[allow(clippy::cast_possible_truncation, reason = "less than 40,000, as logarithms are small")]
        let bucket = (size.ln() / GROWTH.ln()).ceil() as i32;
        add(side, bucket, 1);
    }

    /// How many numbers there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        let sides = self.negative.values().chain(self.positive.values());
        sides.fold(self.zeros, |sum, count| sum.saturating_add(*count))
    }

    /// About the value below which that part of the numbers lies: 0.5 is the median, 0.99 the 99th percentile, 0 and 1 are
    /// the smallest and the largest. `None` if there are no numbers, or the part is not from 0 to 1.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank is rounded down, and is at least 0"
    )]
    pub fn quantile(&self, part: f64) -> Option<f64> {
        let last = self.count().checked_sub(1)?;
        if !(0.0..=1.0).contains(&part) {
            return None;
        }
        let rank = ((part * last as f64) as u64).min(last);
        let negative = self.negative.iter().rev().map(|(bucket, count)| (-middle(*bucket), *count));
        let positive = self.positive.iter().map(|(bucket, count)| (middle(*bucket), *count));
        let mut before = 0_u64;
        negative.chain([(0.0, self.zeros)]).chain(positive).find_map(|(value, count)| {
            before = before.saturating_add(count);
            (before > rank).then_some(value)
        })
    }
}

fn add(buckets: &mut Buckets, bucket: i32, count: u64) {
    let sum = buckets.entry(bucket).or_insert(0);
    *sum = sum.saturating_add(count);
}

/// The value that is nearest to all in a bucket, relative to them.
fn middle(bucket: i32) -> f64 {
    // The factor first: the largest bucket's upper bound is no number any more.
    (2.0 / (GROWTH + 1.0) * GROWTH.powi(bucket - 1) * GROWTH).min(f64::MAX)
}

impl Merge for Quantiles {
    fn merge(&mut self, other: Self) {
        self.zeros = self.zeros.saturating_add(other.zeros);
        other.negative.into_iter().for_each(|(bucket, count)| add(&mut self.negative, bucket, count));
        other.positive.into_iter().for_each(|(bucket, count)| add(&mut self.positive, bucket, count));
    }
}

/// The number of zeros and of negative buckets, and the number and count of each bucket.
impl Value for Quantiles {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let negative = u32::try_from(self.negative.len()).map_err(|_| EncodeError::new::<Self>("too many buckets"))?;
        out.extend_from_slice(&self.zeros.to_be_bytes());
        out.extend_from_slice(&negative.to_be_bytes());
        for (bucket, count) in self.negative.iter().chain(&self.positive) {
            out.extend_from_slice(&bucket.to_be_bytes());
            out.extend_from_slice(&count.to_be_bytes());
        }
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut fields = Fields(bytes);
        let zeros = u64::from_be_bytes(fields.next::<Self, 8>()?);
        let negative = u32::from_be_bytes(fields.next::<Self, 4>()?);
        let mut found = Self { zeros, ..Self::default() };
        for _ in 0..negative {
            read_bucket(&mut fields, &mut found.negative)?;
        }
        while !fields.0.is_empty() {
            read_bucket(&mut fields, &mut found.positive)?;
        }
        Ok(found)
    }

    /// What it says, and the sketch itself, which is all that is read again.
    fn to_json(&self) -> Result<JsonValue, EncodeError> {
        let part = |part| self.quantile(part).map(of_float);
        with_bytes(json!({ "count": self.count(), "p50": part(0.5), "p90": part(0.9), "p99": part(0.99) }), self)
    }

    fn example_text() -> String {
        Self::default().to_json().map(|json| json.to_string()).unwrap_or_default()
    }
}

fn read_bucket(fields: &mut Fields<'_>, side: &mut Buckets) -> Result<(), DecodeError> {
    let bucket = i32::from_be_bytes(fields.next::<Quantiles, 4>()?);
    let count = u64::from_be_bytes(fields.next::<Quantiles, 8>()?);
    if bucket.unsigned_abs() > 40_000 || count == 0 {
        return Err(DecodeError::new::<Quantiles>("a bucket is impossible"));
    }
    add(side, bucket, count);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: impl IntoIterator<Item = f64>) -> Quantiles {
        let mut quantiles = Quantiles::default();
        numbers.into_iter().for_each(|number| quantiles.add(number));
        quantiles
    }

    #[test]
    fn each_quantile_is_within_one_percent_of_the_value_at_its_rank() {
        let numbers: Vec<_> = (-500..=1_500).map(|number| f64::from(number).powi(3)).collect();
        let quantiles = of(numbers.iter().rev().copied());
        assert_eq!(quantiles.count(), 2_001);
        for percent in 0..=100_u32 {
            let part = f64::from(percent) / 100.0;
            let expected = numbers[percent as usize * 20];
            let found = quantiles.quantile(part).expect("there are numbers");
            // The quotient may be rounded to just below the rank.
            let below = numbers[(percent as usize * 20).saturating_sub(1)];
            let is_near = |value: f64| (found - value).abs() <= value.abs() * 0.010_001;
            assert!(is_near(expected) || is_near(below), "{found} instead of {expected} at {percent} %");
        }
    }

    #[test]
    fn numbers_at_the_ends_of_what_there_is_are_counted() {
        let ends = of([f64::NAN, f64::INFINITY, f64::MAX, -f64::MAX, f64::MIN_POSITIVE, 0.0, -0.0, 5e-324]);
        assert_eq!((ends.count(), ends.zeros), (7, 3));
        for part in [0.0, 0.2, 0.5, 0.9, 1.0] {
            assert!(ends.quantile(part).is_some_and(f64::is_finite), "{part}");
        }
        assert_eq!([-0.1, 1.1, f64::NAN].map(|part| ends.quantile(part)), [None; 3]);
        assert_eq!(Quantiles::default().quantile(0.5), None);
    }

    #[test]
    fn merging_is_adding_all() {
        let (low, high) = (|| (-9..5).map(f64::from), || (2..99).map(f64::from));
        assert_eq!(of(low()).merged(of(high())), of(low().chain(high())));
    }

    #[test]
    fn bytes_lead_back_and_others_are_refused() {
        for quantiles in [of([]), of([1.0, -2.0, 0.0, 1.0]), of([-7.5, -1e300])] {
            let mut bytes = Vec::new();
            quantiles.encode(&mut bytes).expect("encoded");
            assert_eq!(Quantiles::decode(&bytes), Ok(quantiles));
            assert!(Quantiles::decode(&bytes[..bytes.len() - 1]).is_err());
        }
    }
}
