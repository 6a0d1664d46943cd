//! The smallest, the largest, and the few largest.

use std::cmp::Reverse;

use serde_json::Value as JsonValue;

use super::Merge;
use crate::wire::{DecodeError, EncodeError, Field, List, Nullable, Value};

/// The smallest value.
///
/// ```
/// use millstream::aggregates::Min;
///
/// let mut min = Min::default();
/// [7, 3, 5].into_iter().for_each(|number| min.add(number));
/// assert_eq!(min.get(), Some(&3));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Min<T>(Option<T>);

/// The largest value.
///
/// ```
/// use millstream::aggregates::Max;
///
/// let mut max = Max::default();
/// [3, 7, 5].into_iter().for_each(|number| max.add(number));
/// assert_eq!(max.get(), Some(&7));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Max<T>(Option<T>);

macro_rules! extreme {
    ($name:ident, $better:ident) => {
        impl<T> Default for $name<T> {
            fn default() -> Self {
                Self(None)
            }
        }

        impl<T: Ord> $name<T> {
            /// Takes a value. Of equal ones the first stays.
            pub fn add(&mut self, value: T) {
                if self.0.as_ref().is_none_or(|best| value.cmp(best).$better()) {
                    self.0 = Some(value);
                }
            }
        }

        impl<T> $name<T> {
            /// The value, if there were any.
            #[must_use]
            pub const fn get(&self) -> Option<&T> {
                self.0.as_ref()
            }
        }

        impl<T: Ord> Merge for $name<T> {
            fn merge(&mut self, other: Self) {
                if let Some(value) = other.0 {
                    self.add(value);
                }
            }
        }

        /// A byte that says whether there is a value, and the value's bytes.
        impl<T: Value> Value for $name<T> {
            fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
                out.push(u8::from(self.0.is_some()));
                self.0.as_ref().map_or(Ok(()), |value| value.encode(out))
            }

            fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
                match bytes.split_first() {
                    Some((0, [])) => Ok(Self(None)),
                    Some((1, value)) => T::decode(value).map(|value| Self(Some(value))),
                    _ => Err(DecodeError::new::<Self>("it begins with neither 0 nor 1")),
                }
            }

            /// The value, or null if there were none.
            fn to_json(&self) -> Result<JsonValue, EncodeError> {
                self.0.write_json()
            }

            fn from_json(json: &JsonValue) -> Result<Self, DecodeError> {
                Option::read_json(json).map(Self)
            }

            fn from_text(text: &str) -> Result<Self, DecodeError> {
                Option::read_text(text).map(Self)
            }

            fn example_text() -> String {
                <T as Value>::example_text()
            }
        }
    };
}

extreme!(Min, is_lt);
extreme!(Max, is_gt);

/// The `N` largest values, the largest first. Equal ones count each.
///
/// What is largest is up to the type's order: for the names with the most points, take pairs of points and name as a type
/// of your own.
///
/// ```
/// use millstream::aggregates::Top;
///
/// let mut top = Top::<i64, 2>::default();
/// [3, 9, 5, 7].into_iter().for_each(|number| top.add(number));
/// assert_eq!(top.get(), [9, 7]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Top<T, const N: usize>(List<T>);

impl<T, const N: usize> Default for Top<T, N> {
    fn default() -> Self {
        Self(List::default())
    }
}

impl<T: Ord, const N: usize> Top<T, N> {
    /// Takes a value.
    pub fn add(&mut self, value: T) {
        let largest = &mut self.0.0;
        let place = largest.partition_point(|other| *other >= value);
        if place < N {
            largest.insert(place, value);
            largest.truncate(N);
        }
    }
}

impl<T, const N: usize> Top<T, N> {
    /// The values, the largest first.
    #[must_use]
    pub fn get(&self) -> &[T] {
        &self.0.0
    }
}

impl<T: Ord, const N: usize> Merge for Top<T, N> {
    fn merge(&mut self, other: Self) {
        other.0.0.into_iter().for_each(|value| self.add(value));
    }
}

/// A [`List`].
impl<T: Nullable + Ord, const N: usize> Value for Top<T, N>
where
    List<T>: Value,
{
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.0.encode(out)
    }

    /// `N` may have been another one before.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::in_order(List::decode(bytes)?)
    }

    fn to_json(&self) -> Result<JsonValue, EncodeError> {
        self.0.to_json()
    }

    fn from_json(json: &JsonValue) -> Result<Self, DecodeError> {
        Self::in_order(List::from_json(json)?)
    }

    fn example_text() -> String {
        <List<T> as Value>::example_text()
    }
}

impl<T: Ord, const N: usize> Top<T, N> {
    fn in_order(mut list: List<T>) -> Result<Self, DecodeError> {
        if !list.0.is_sorted_by_key(Reverse) {
            return Err(DecodeError::new::<Self>("its values are not in order"));
        }
        list.0.truncate(N);
        Ok(Self(list))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn top(numbers: &[i64]) -> Top<i64, 3> {
        let mut top = Top::default();
        numbers.iter().for_each(|number| top.add(*number));
        top
    }

    fn bytes(value: &impl Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        value.encode(&mut bytes).expect("encoded");
        bytes
    }

    #[test]
    fn merging_is_adding_all() {
        assert_eq!(top(&[5, 1, 5]).merged(top(&[7, 5, 2, 0])), top(&[5, 1, 5, 7, 5, 2, 0]));
        assert_eq!(top(&[5, 1, 5, 7]).get(), [7, 5, 5]);
        let min = |number| Min(Some(number));
        assert_eq!(min(3).merged(min(2)), min(2));
        assert_eq!(min(3).merged(Min(None)).merged(min(4)), min(3));
        assert_eq!(Max(None).merged(Max(Some("b"))).merged(Max(Some("a"))), Max(Some("b")));
    }

    #[test]
    fn bytes_lead_back_and_others_are_refused() {
        assert_eq!(Top::decode(&bytes(&top(&[1, 2, 3, 4]))), Ok(top(&[4, 3, 2])));
        assert_eq!(Top::<i64, 1>::decode(&bytes(&top(&[1, 2]))).map(|top| top.get().to_vec()), Ok(vec![2]));
        assert!(Top::<i64, 3>::decode(&bytes(&List(vec![1_i64, 2]))).is_err());
        for text in [Max(None), Max(Some(String::new())), Max(Some("a".to_owned()))] {
            assert_eq!(Max::decode(&bytes(&text)), Ok(text));
        }
        assert!(Min::<i64>::decode(&[]).is_err() && Min::<i64>::decode(&[0, 1]).is_err());
    }
}
