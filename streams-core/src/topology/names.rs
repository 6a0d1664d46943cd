//! Names, assigned as in Kafka Streams.
//!
//! There is one counter per topology; a generated name is a prefix and the counter with ten digits. A name from the user
//! still burns a number, so naming one operator never renames another. The prefixes and the order in which numbers are
//! burned are Java's, because state and repartition topics are found by these names.

use super::error::{CallSite, TopologyError};
use crate::topic::{NAME_LENGTH_MAX, check_name};

/// Checks a name that a call gives to a topic, a store or a node.
///
/// # Errors
/// When it breaks the rule for names.
pub(super) fn check(name: &str, at: CallSite) -> Result<(), TopologyError> {
    check_name(name.as_bytes(), NAME_LENGTH_MAX).map_err(|error| TopologyError::Name {
        name: name.to_owned(),
        error,
        at,
    })
}

/// The prefixes of generated names, except those of operators that are a single node, which are in `dsl`.
pub(crate) mod prefix {
    pub(crate) const SOURCE: &str = "KSTREAM-SOURCE-";
    pub(crate) const SINK: &str = "KSTREAM-SINK-";
    pub(crate) const FILTER: &str = "KSTREAM-FILTER-";
    pub(crate) const KEY_SELECT: &str = "KSTREAM-KEY-SELECT-";
    /// Not in Kafka Streams.
    pub(crate) const DISTINCT: &str = "KSTREAM-DISTINCT-";
    /// Not in Kafka Streams.
    pub(crate) const HANDLE: &str = "KSTREAM-HANDLE-";
    pub(crate) const BRANCH: &str = "KSTREAM-BRANCH-";
    pub(crate) const MERGE: &str = "KSTREAM-MERGE-";
    pub(crate) const REPARTITION: &str = "KSTREAM-REPARTITION-";
    pub(crate) const TO_TABLE: &str = "KSTREAM-TOTABLE-";
    pub(crate) const AGGREGATE: &str = "KSTREAM-AGGREGATE-";
    pub(crate) const REDUCE: &str = "KSTREAM-REDUCE-";
    pub(crate) const JOIN: &str = "KSTREAM-JOIN-";
    pub(crate) const LEFT_JOIN: &str = "KSTREAM-LEFTJOIN-";
    pub(crate) const WINDOWED: &str = "KSTREAM-WINDOWED-";
    pub(crate) const JOIN_THIS: &str = "KSTREAM-JOINTHIS-";
    pub(crate) const JOIN_OTHER: &str = "KSTREAM-JOINOTHER-";
    pub(crate) const OUTER_THIS: &str = "KSTREAM-OUTERTHIS-";
    pub(crate) const OUTER_OTHER: &str = "KSTREAM-OUTEROTHER-";
    pub(crate) const OUTER_SHARED: &str = "KSTREAM-OUTERSHARED-";
    pub(crate) const TABLE_SOURCE: &str = "KTABLE-SOURCE-";
    pub(crate) const TABLE_FILTER: &str = "KTABLE-FILTER-";
    pub(crate) const TABLE_MAP_VALUES: &str = "KTABLE-MAPVALUES-";
    pub(crate) const TABLE_TRANSFORM_VALUES: &str = "KTABLE-TRANSFORMVALUES-";
    pub(crate) const TABLE_TO_STREAM: &str = "KTABLE-TOSTREAM-";
    pub(crate) const TABLE_SELECT: &str = "KTABLE-SELECT-";
    pub(crate) const TABLE_SUPPRESS: &str = "KTABLE-SUPPRESS-";
    pub(crate) const TABLE_AGGREGATE: &str = "KTABLE-AGGREGATE-";
    pub(crate) const TABLE_REDUCE: &str = "KTABLE-REDUCE-";
    pub(crate) const TABLE_JOIN_THIS: &str = "KTABLE-JOINTHIS-";
    pub(crate) const TABLE_JOIN_OTHER: &str = "KTABLE-JOINOTHER-";
    pub(crate) const TABLE_MERGE: &str = "KTABLE-MERGE-";
    pub(crate) const COGROUP_AGGREGATE: &str = "COGROUPKSTREAM-AGGREGATE-";
    pub(crate) const COGROUP_MERGE: &str = "COGROUPKSTREAM-MERGE-";
    pub(crate) const TABLE_SINK: &str = "KTABLE-SINK-";
    pub(crate) const FK_REGISTRATION: &str = "KTABLE-FK-JOIN-SUBSCRIPTION-REGISTRATION-";
    pub(crate) const FK_STORE: &str = "KTABLE-FK-JOIN-SUBSCRIPTION-STATE-STORE-";
    pub(crate) const FK_PROCESSOR: &str = "KTABLE-FK-JOIN-SUBSCRIPTION-PROCESSOR-";
    pub(crate) const FK_RESPONSE: &str = "KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-";
    pub(crate) const FK_RESOLVER: &str = "KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-RESOLVER-PROCESSOR-";
    pub(crate) const FK_OUTPUT: &str = "KTABLE-FK-JOIN-OUTPUT-";
}

const REPARTITION_SUFFIX: &str = "-repartition";

/// Generates names with a topology's counter.
#[derive(Debug, Default)]
pub(crate) struct Names {
    next: u64,
}

impl Names {
    /// A node's name: the user's or a generated one. Burns a number either way.
    pub(crate) fn node(&mut self, given: Option<&str>, prefix: &str) -> String {
        let generated = self.generate(prefix);
        given.map_or(generated, str::to_owned)
    }

    /// A node's name, derived from the name of its operation if that has one.
    pub(crate) fn node_of(&mut self, given: Option<&str>, suffix: &str, prefix: &str) -> String {
        let generated = self.generate(prefix);
        given.map_or(generated, |name| format!("{name}{suffix}"))
    }

    /// A store's generated name. Burns a number.
    pub(crate) fn store(&mut self, prefix: &str) -> String {
        self.generate(&format!("{prefix}STATE-STORE-"))
    }

    /// Burns a number without using it.
    pub(crate) fn burn(&mut self) {
        self.next += 1;
    }

    /// The names around a repartition topic, whose own name is `base` with the suffix `-repartition`.
    pub(crate) fn repartition(&mut self, base: &str) -> RepartitionNames {
        let topic = repartition_topic(base);
        let sink = self.generate(prefix::SINK);
        let filter = self.generate(prefix::FILTER);
        let source = self.generate(prefix::SOURCE);
        if is_generated(base) {
            RepartitionNames { topic, filter, sink, source }
        } else {
            let of_topic = |what: &str| format!("{topic}-{what}");
            RepartitionNames { filter: of_topic("filter"), sink: of_topic("sink"), source: of_topic("source"), topic }
        }
    }

    fn generate(&mut self, prefix: &str) -> String {
        let name = format!("{prefix}{:010}", self.next);
        self.burn();
        name
    }
}

/// The names of a repartition topic and its nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepartitionNames {
    /// Without the application's id.
    pub(crate) topic: String,
    /// The node before the topic, which may drop null keys.
    pub(crate) filter: String,
    /// The node that writes the topic.
    pub(crate) sink: String,
    /// The node that reads the topic.
    pub(crate) source: String,
}

fn repartition_topic(base: &str) -> String {
    if base.ends_with(REPARTITION_SUFFIX) { base.to_owned() } else { format!("{base}{REPARTITION_SUFFIX}") }
}

/// A grouped table's repartition topic. Java appends the suffix here without checking whether the name already has it.
pub(crate) fn table_repartition_topic(base: &str) -> String {
    format!("{base}{REPARTITION_SUFFIX}")
}

/// The name of a store's changelog, without the application's id.
pub(crate) fn changelog_topic(store: &str) -> String {
    format!("{store}-changelog")
}

/// Whether Java would consider the name generated (`KSTREAM.*-[0-9]{10}`).
fn is_generated(name: &str) -> bool {
    name.strip_prefix("KSTREAM").and_then(|rest| rest.len().checked_sub(11).and_then(|at| rest.get(at..))).is_some_and(
        |end| end.strip_prefix('-').is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_digit())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_name_burns_a_number() {
        let mut names = Names::default();
        assert_eq!(names.node(None, prefix::BRANCH), "KSTREAM-BRANCH-0000000000");
        assert_eq!(names.node(Some("clean"), prefix::BRANCH), "clean");
        assert_eq!(names.node_of(Some("users"), "-source", prefix::SOURCE), "users-source");
        assert_eq!(names.store(prefix::AGGREGATE), "KSTREAM-AGGREGATE-STATE-STORE-0000000003");
    }

    #[test]
    fn a_repartition_keeps_generated_names_only_behind_a_generated_name() {
        let mut names = Names::default();
        let generated = names.repartition("KSTREAM-AGGREGATE-STATE-STORE-0000000007");
        assert_eq!(
            (&*generated.topic, &*generated.sink, &*generated.filter, &*generated.source),
            (
                "KSTREAM-AGGREGATE-STATE-STORE-0000000007-repartition",
                "KSTREAM-SINK-0000000000",
                "KSTREAM-FILTER-0000000001",
                "KSTREAM-SOURCE-0000000002"
            )
        );
        let named = names.repartition("by-country");
        assert_eq!(
            (&*named.topic, &*named.sink, &*named.filter, &*named.source),
            (
                "by-country-repartition",
                "by-country-repartition-sink",
                "by-country-repartition-filter",
                "by-country-repartition-source"
            )
        );
        assert_eq!(names.node(None, prefix::BRANCH), "KSTREAM-BRANCH-0000000006");
        assert_eq!(names.repartition("x-repartition").topic, "x-repartition");
    }

    #[test]
    fn generated_names_are_told_by_their_shape() {
        for (name, expected) in [
            ("KSTREAM-BRANCH-0000000001", true),
            ("KSTREAM-0000000001", true),
            ("KSTREAM-BRANCH-000000001", false),
            ("KTABLE-MAP-0000000001", false),
            ("KSTREAM-BRANCH-00000000x1", false),
            ("KSTREAM", false),
            ("KSTREAM-BRANCH-0000000001-sink", false),
        ] {
            assert_eq!(is_generated(name), expected, "{name}");
        }
    }
}
