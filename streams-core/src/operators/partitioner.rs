//! Partitioners: which partitions of its topic a record goes to, where the application decides that.
//!
//! Only the core knows how many partitions a topic has, so a choice is checked here, and adapters get a partition that
//! exists.

use std::collections::BTreeSet;
use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::{Destination, OperatorError};
use crate::record::{Headers, Partition, Timestamp};

/// The application's choice for one record.
pub(crate) type Partitioner<K, V> = Arc<dyn Fn(&K, &V, &Target<'_>) -> Partitions + Send + Sync>;

/// The partitions that were chosen. Usually it is one.
pub(crate) type Chosen = SmallVec<[Partition; 2]>;

/// What a partitioner knows besides a record's key and value.
#[derive(Debug)]
#[non_exhaustive]
pub struct Target<'a> {
    /// The full name of the topic that the record is sent to.
    pub topic: &'a str,
    /// How many partitions the topic has. They are numbered from 0.
    pub partitions: u32,
    /// The record's timestamp.
    pub timestamp: Timestamp,
    /// The record's headers.
    pub headers: &'a Headers,
}

/// The partitions that a record goes to.
///
/// A number means one partition, so a partitioner usually just returns that. A partition that the topic does not have is
/// an error, which names the topic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Partitions {
    /// As without a partitioner: murmur2 of the key's bytes (of the inner key's if the key is windowed); records without
    /// a key are spread over all partitions.
    #[default]
    ByKey,
    /// The partition with this number.
    One(i64),
    /// The same record once to each of these. With none, the record is dropped and counted.
    Several(BTreeSet<i64>),
    /// The same record once to every partition.
    All,
}

impl Partitions {
    /// Several partitions by their numbers, in ascending order and each once.
    #[must_use]
    pub fn several<N: Into<i64>>(numbers: impl IntoIterator<Item = N>) -> Self {
        Self::Several(numbers.into_iter().map(Into::into).collect())
    }

    /// No partition: the record is dropped and counted.
    #[must_use]
    pub const fn none() -> Self {
        Self::Several(BTreeSet::new())
    }

    /// The chosen numbers; `None` leaves the choice to the key.
    pub(super) fn chosen(self, node: &str, destination: &Destination) -> Result<Option<Chosen>, OperatorError> {
        let checked = |number: i64| match i32::try_from(number) {
            Ok(partition) if (0..i64::from(destination.partitions)).contains(&number) => Ok(Partition(partition)),
            _ => Err(OperatorError::Partition {
                node: node.to_owned(),
                topic: destination.topic.to_string(),
                partition: number,
                partitions: destination.partitions,
            }),
        };
        match self {
            Self::ByKey => Ok(None),
            Self::One(number) => checked(number).map(|partition| Some(smallvec![partition])),
            Self::Several(numbers) => numbers.into_iter().map(checked).collect::<Result<_, _>>().map(Some),
            Self::All => (0..i64::from(destination.partitions)).map(checked).collect::<Result<_, _>>().map(Some),
        }
    }
}

/// What a partitioner may return: a partition's number, or [`Partitions`].
#[diagnostic::on_unimplemented(
    message = "a partitioner returns a partition's number or `Partitions`, not `{Self}`",
    label = "neither a number nor `Partitions`",
    note = "`|key, value, to| key.len() % to.partitions as usize`, or for instance `Partitions::All`"
)]
pub trait IntoPartitions {
    /// The choice.
    fn into_partitions(self) -> Partitions;
}

impl IntoPartitions for Partitions {
    fn into_partitions(self) -> Self {
        self
    }
}

impl IntoPartitions for Partition {
    fn into_partitions(self) -> Partitions {
        Partitions::One(self.0.into())
    }
}

/// What a partitioner may return where a record goes to a single partition: its number, or an `Option` of that.
#[diagnostic::on_unimplemented(
    message = "here a partitioner returns one partition's number, not `{Self}`",
    label = "not a number",
    note = "`|key, to| key.len() % to.partitions as usize`; an `Option` may leave the choice to the key, with `None`"
)]
pub trait IntoPartition {
    /// The choice: [`Partitions::One`] or [`Partitions::ByKey`].
    fn into_partition(self) -> Partitions;
}

impl IntoPartition for Partition {
    fn into_partition(self) -> Partitions {
        self.into_partitions()
    }
}

macro_rules! numbers {
    ($($number:ty)+) => { $(
        impl IntoPartitions for $number {
            fn into_partitions(self) -> Partitions {
                // What is too large for an `i64` is too large for a partition, too.
                Partitions::One(i64::try_from(self).unwrap_or(i64::MAX))
            }
        }

        impl IntoPartition for $number {
            fn into_partition(self) -> Partitions {
                self.into_partitions()
            }
        }

        impl IntoPartition for Option<$number> {
            fn into_partition(self) -> Partitions {
                self.map_or(Partitions::ByKey, IntoPartitions::into_partitions)
            }
        }
    )+ };
}

numbers!(i32 u32 i64 u64 usize);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::TopicHandle;

    fn chosen(partitions: impl IntoPartitions, of: u32) -> Result<Option<Vec<i32>>, String> {
        let destination = Destination {
            topic: "out".into(),
            handle: TopicHandle(0),
            partitions: of,
            is_internal: false,
            marks: None,
        };
        let chosen = partitions.into_partitions().chosen("NODE", &destination);
        chosen
            .map(|chosen| chosen.map(|chosen| chosen.into_iter().map(|partition| partition.0).collect()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_choice_is_any_number_of_partitions_that_exist() {
        for (partitions, expected) in [
            (Partitions::ByKey, None),
            (3_u32.into_partitions(), Some(vec![3])),
            (Partition(0).into_partitions(), Some(vec![0])),
            (Partitions::several([2, 0, 2]), Some(vec![0, 2])),
            (Partitions::All, Some(vec![0, 1, 2, 3])),
            (Partitions::none(), Some(vec![])),
        ] {
            assert_eq!(chosen(partitions.clone(), 4), Ok(expected), "{partitions:?}");
        }
    }

    #[test]
    fn a_partition_that_does_not_exist_is_an_error_with_the_topic() {
        for (partitions, number) in [
            (4_usize.into_partitions(), "4"),
            ((-1).into_partitions(), "-1"),
            (u64::MAX.into_partitions(), "9223372036854775807"),
            (Partitions::several([0, 7]), "7"),
        ] {
            let expected =
                format!("NODE: its partitioner chose partition {number} of topic out, which has 4, from 0 on");
            assert_eq!(chosen(partitions.clone(), 4), Err(expected), "{partitions:?}");
        }
    }
}
