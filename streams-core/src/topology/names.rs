//! Names as Kafka Streams gives them.
//!
//! One counter per topology; a generated name is a prefix and the counter in ten digits. A name that the
//! user gave still burns a number, so naming one operator never renames another. The prefixes and the
//! order in which numbers are burned are Java's: state and repartition topics found by name depend on them.

/// Prefixes of generated names that the planner gives; an operator that is one node and nothing else has its
/// own, in `dsl`.
pub(crate) mod prefix {
    pub(crate) const SOURCE: &str = "KSTREAM-SOURCE-";
    pub(crate) const SINK: &str = "KSTREAM-SINK-";
    pub(crate) const FILTER: &str = "KSTREAM-FILTER-";
    pub(crate) const KEY_SELECT: &str = "KSTREAM-KEY-SELECT-";
    pub(crate) const BRANCH: &str = "KSTREAM-BRANCH-";
    pub(crate) const MERGE: &str = "KSTREAM-MERGE-";
    pub(crate) const REPARTITION: &str = "KSTREAM-REPARTITION-";
    pub(crate) const TO_TABLE: &str = "KSTREAM-TOTABLE-";
    pub(crate) const AGGREGATE: &str = "KSTREAM-AGGREGATE-";
    pub(crate) const REDUCE: &str = "KSTREAM-REDUCE-";
    pub(crate) const JOIN: &str = "KSTREAM-JOIN-";
    pub(crate) const LEFT_JOIN: &str = "KSTREAM-LEFTJOIN-";
    pub(crate) const TABLE_SOURCE: &str = "KTABLE-SOURCE-";
    pub(crate) const TABLE_FILTER: &str = "KTABLE-FILTER-";
    pub(crate) const TABLE_MAP_VALUES: &str = "KTABLE-MAPVALUES-";
    pub(crate) const TABLE_TO_STREAM: &str = "KTABLE-TOSTREAM-";
    pub(crate) const TABLE_SELECT: &str = "KTABLE-SELECT-";
    pub(crate) const TABLE_AGGREGATE: &str = "KTABLE-AGGREGATE-";
    pub(crate) const TABLE_REDUCE: &str = "KTABLE-REDUCE-";
}

const REPARTITION_SUFFIX: &str = "-repartition";

/// The counter.
#[derive(Debug, Default)]
pub(crate) struct Names {
    next: u64,
}

impl Names {
    /// A node's name: the user's, or a generated one. Burns a number either way.
    pub(crate) fn node(&mut self, given: Option<&str>, prefix: &str) -> String {
        let generated = self.generate(prefix);
        given.map_or(generated, str::to_owned)
    }

    /// A node's name that is made from the name of the operation it belongs to.
    pub(crate) fn node_of(&mut self, given: Option<&str>, suffix: &str, prefix: &str) -> String {
        let generated = self.generate(prefix);
        given.map_or(generated, |name| format!("{name}{suffix}"))
    }

    /// A store's generated name.
    pub(crate) fn store(&mut self, prefix: &str) -> String {
        self.generate(&format!("{prefix}STATE-STORE-"))
    }

    /// Burns a number that names nothing.
    pub(crate) fn burn(&mut self) {
        self.next += 1;
    }

    /// The names around a repartition topic, which is called `base` and `-repartition`.
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

/// The names around a repartition topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepartitionNames {
    /// The topic, without the application's id.
    pub(crate) topic: String,
    /// The node before the topic that may drop null keys.
    pub(crate) filter: String,
    /// The node that writes the topic.
    pub(crate) sink: String,
    /// The node that reads it.
    pub(crate) source: String,
}

fn repartition_topic(base: &str) -> String {
    if base.ends_with(REPARTITION_SUFFIX) { base.to_owned() } else { format!("{base}{REPARTITION_SUFFIX}") }
}

/// A table group's repartition topic, which Java names without looking for the suffix.
pub(crate) fn table_repartition_topic(base: &str) -> String {
    format!("{base}{REPARTITION_SUFFIX}")
}

/// A store's changelog.
pub(crate) fn changelog_topic(store: &str) -> String {
    format!("{store}-changelog")
}

/// Whether Java would take the name for a generated one (`KSTREAM.*-[0-9]{10}`).
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
