//! How far a store has got in the topics that it is made of.

use std::fmt;
use std::str::FromStr;

use crate::record::{Offset, Partition, TopicPartition};

/// How far a store has got: for each partition that its task reads, the offset of the next record that it will process.
///
/// An answer tells its position ([`Query::with_position`](crate::query::Query::with_position)), and a question may ask for
/// one at least ([`at_least`](crate::query::KeyValues::at_least)), so that one reads what one has written. As a text it is
/// `topic-partition:offset`, separated by commas.
///
/// ```
/// use millstream::query::Position;
///
/// let position: Position = "views-0:42,views-1:7".parse()?;
/// assert_eq!(position.to_string(), "views-0:42,views-1:7");
/// assert!("views-0:43,views-1:7".parse::<Position>()?.includes(&position));
/// # Ok::<_, millstream::query::PositionError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position(
    /// In the order of the partitions, each once: there are few, and every answer has some.
    Vec<(TopicPartition, Offset)>,
);

impl Position {
    /// The position behind one record: what is asked for by whoever has written it, and was told its place.
    #[must_use]
    pub fn behind(partition: TopicPartition, offset: Offset) -> Self {
        Self::from_iter([(partition, Offset(offset.0.saturating_add(1)))])
    }

    /// The partitions with their offsets.
    pub fn iter(&self) -> impl Iterator<Item = (&TopicPartition, Offset)> {
        self.0.iter().map(|(partition, offset)| (partition, *offset))
    }

    /// The offset in one partition, if it has one.
    #[must_use]
    pub fn get(&self, partition: &TopicPartition) -> Option<Offset> {
        self.find(partition).ok().and_then(|place| self.0.get(place)).map(|(_, offset)| *offset)
    }

    /// Whether it has no partition.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is as far as another one, in every partition of that one.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        other.iter().all(|(partition, offset)| self.get(partition).is_some_and(|own| own >= offset))
    }

    /// Adds another one; where both have a partition, the later offset counts.
    pub fn merge(&mut self, other: &Self) {
        for (partition, offset) in other.iter() {
            self.add(partition.clone(), offset, Offset::max);
        }
    }

    fn find(&self, partition: &TopicPartition) -> Result<usize, usize> {
        self.0.binary_search_by(|(own, _)| own.cmp(partition))
    }

    /// Where it has the partition already, `chosen` is what becomes of its own offset and the other one.
    fn add(&mut self, partition: TopicPartition, offset: Offset, chosen: impl FnOnce(Offset, Offset) -> Offset) {
        match self.find(&partition) {
            Ok(place) => {
                if let Some((_, own)) = self.0.get_mut(place) {
                    *own = chosen(*own, offset);
                }
            }
            Err(place) => self.0.insert(place, (partition, offset)),
        }
    }
}

impl FromIterator<(TopicPartition, Offset)> for Position {
    fn from_iter<T: IntoIterator<Item = (TopicPartition, Offset)>>(offsets: T) -> Self {
        let offsets = offsets.into_iter();
        let mut position = Self(Vec::with_capacity(offsets.size_hint().0));
        offsets.for_each(|(partition, offset)| position.add(partition, offset, |_, later| later));
        position
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (partition, offset)) in self.iter().enumerate() {
            write!(f, "{}{partition}:{}", if number == 0 { "" } else { "," }, offset.0)?;
        }
        Ok(())
    }
}

/// A text that is no [`Position`].
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{part}` is no position; expected `topic-partition:offset`, for instance `views-0:42`, several separated by commas"
)]
pub struct PositionError {
    /// The part that cannot be read.
    pub part: String,
}

crate::debug_says_what_display_says!(PositionError);

impl FromStr for Position {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        let parse = |part: &str| {
            let (partition, offset) = part.rsplit_once(':')?;
            let (topic, partition) = partition.rsplit_once('-')?;
            let (partition, offset) = (partition.parse::<i32>().ok()?, offset.parse::<i64>().ok()?);
            (!topic.is_empty() && partition >= 0 && offset >= 0)
                .then(|| (TopicPartition { topic: topic.into(), partition: Partition(partition) }, Offset(offset)))
        };
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| parse(part).ok_or_else(|| PositionError { part: part.to_owned() })).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_leads_back_to_its_position() {
        for text in ["", "a-0:0", "a.b-c-12:9223372036854775807,z-0:1"] {
            assert_eq!(text.parse::<Position>().map(|position| position.to_string()), Ok(text.to_owned()));
        }
        for text in ["a", "a:1", "a-b:1", "a-0:", "-0:1", "a-0:-1", "a-0:1,b", "a-99999999999:1"] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_position_includes_what_it_has_passed_in_every_partition() {
        let position = |text: &str| text.parse::<Position>().unwrap();
        for (one, other, includes) in [
            ("a-0:5", "a-0:5", true),
            ("a-0:5", "a-0:6", false),
            ("a-0:5,a-1:1", "a-1:0", true),
            ("a-0:5", "a-1:0", false),
            ("", "", true),
        ] {
            assert_eq!(position(one).includes(&position(other)), includes, "{one} {other}");
        }
        let mut merged = position("a-0:5,a-1:1");
        merged.merge(&position("a-0:4,a-1:2,b-0:0"));
        assert_eq!(merged.to_string(), "a-0:5,a-1:2,b-0:0");
        assert_eq!(Position::behind(TopicPartition::new("a", 1), Offset(7)).to_string(), "a-1:8");
    }
}
