//! Which optimisations of a topology are applied.

use std::fmt;
use std::str::FromStr;

/// The optimisations that are applied to a topology when it is built, as Kafka Streams' `topology.optimization`.
///
/// An optimised topology does the same with less: fewer topics and stores, and fewer records in them. It has other topics
/// than one that is not optimised, so an application that has run before must be reset when this changes.
///
/// ```
/// use millstream::prelude::*;
/// use millstream::topology::Optimizations;
///
/// const WORDS: Topic<u64, String> = Topic::new("words");
///
/// let topics = |optimizations| {
///     let builder = StreamsBuilder::new();
///     let words = builder.stream(WORDS).map(|_, word| (word, 1_i64));
///     words.group_by_key().count();
///     words.group_by_key().reduce(|sum, one| sum + one);
///     builder.build_with(optimizations).map(|topology| topology.internal_topics().len())
/// };
/// // Two changelogs, and a repartition topic for each of the aggregations or for both.
/// assert_eq!(topics(Optimizations::NONE)?, 4);
/// assert_eq!(topics(Optimizations::ALL)?, 3);
/// # Ok::<(), TopologyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Optimizations {
    reuse_source_topics: bool,
    merge_repartition_topics: bool,
    single_store_self_join: bool,
}

const REUSE: &str = "reuse.ktable.source.topics";
const MERGE: &str = "merge.repartition.topics";
const SELF_JOIN: &str = "single.store.self.join";

impl Optimizations {
    /// `none`, the default.
    pub const NONE: Self =
        Self { reuse_source_topics: false, merge_repartition_topics: false, single_store_self_join: false };
    /// `all` that there are.
    pub const ALL: Self =
        Self { reuse_source_topics: true, merge_repartition_topics: true, single_store_self_join: true };

    /// `reuse.ktable.source.topics`: the topic that a table reads is its changelog, too, up to where it has been processed.
    /// The topic must keep each key's latest record (`cleanup.policy=compact`), or a table that is restored lacks rows.
    ///
    /// Rows are restored as they are in the topic: with the record's own timestamp whatever an extractor said, and even if
    /// a record was skipped because it cannot be decoded.
    #[must_use]
    pub const fn reuse_source_topics(self) -> Self {
        Self { reuse_source_topics: true, ..self }
    }

    /// `merge.repartition.topics`: several operators that need the same new keys share one repartition topic, directly
    /// behind the operator that made the keys. The topic is named after the first of them.
    #[must_use]
    pub const fn merge_repartition_topics(self) -> Self {
        Self { merge_repartition_topics: true, ..self }
    }

    /// `single.store.self.join`: an inner join of a stream with itself keeps each record once rather than twice. A record
    /// that is so late that it is about to expire is not joined with itself then, as in Kafka Streams.
    #[must_use]
    pub const fn single_store_self_join(self) -> Self {
        Self { single_store_self_join: true, ..self }
    }

    pub(crate) const fn reuses_source_topics(self) -> bool {
        self.reuse_source_topics
    }

    pub(crate) const fn merges_repartition_topics(self) -> bool {
        self.merge_repartition_topics
    }

    pub(crate) const fn has_single_store_self_joins(self) -> bool {
        self.single_store_self_join
    }
}

/// Kafka Streams' words: `none`, `all`, or a list of optimisations with commas between.
impl FromStr for Optimizations {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "none" => return Ok(Self::NONE),
            "all" => return Ok(Self::ALL),
            _ => {}
        }
        text.split(',').map(str::trim).try_fold(Self::NONE, |chosen, word| match word {
            REUSE => Ok(chosen.reuse_source_topics()),
            MERGE => Ok(chosen.merge_repartition_topics()),
            SELF_JOIN => Ok(chosen.single_store_self_join()),
            _ => Err(format!(
                "`{word}` is not one of the optimisations `{REUSE}`, `{MERGE}` and `{SELF_JOIN}`; `all` and `none` \
                 stand alone"
            )),
        })
    }
}

impl fmt::Display for Optimizations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chosen = [
            (self.reuse_source_topics, REUSE),
            (self.merge_repartition_topics, MERGE),
            (self.single_store_self_join, SELF_JOIN),
        ];
        let chosen: Vec<_> = chosen.iter().filter_map(|(is_chosen, word)| is_chosen.then_some(*word)).collect();
        match chosen.as_slice() {
            [] => f.write_str("none"),
            _ if *self == Self::ALL => f.write_str("all"),
            chosen => f.write_str(&chosen.join(",")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Optimizations;

    #[test]
    fn kafka_streams_words_are_read_and_written() {
        for (text, expected, shown) in [
            ("none", Optimizations::NONE, "none"),
            (" all ", Optimizations::ALL, "all"),
            ("single.store.self.join", Optimizations::NONE.single_store_self_join(), "single.store.self.join"),
            (
                "merge.repartition.topics , reuse.ktable.source.topics",
                Optimizations::NONE.merge_repartition_topics().reuse_source_topics(),
                "reuse.ktable.source.topics,merge.repartition.topics",
            ),
            ("reuse.ktable.source.topics,merge.repartition.topics,single.store.self.join", Optimizations::ALL, "all"),
        ] {
            let read: Optimizations = text.parse().expect(text);
            assert_eq!((read, read.to_string()), (expected, shown.to_owned()), "{text}");
        }
        for text in ["", "all,none", "none,merge.repartition.topics", "merge", "reuse"] {
            assert!(text.parse::<Optimizations>().is_err(), "{text}");
        }
    }
}
