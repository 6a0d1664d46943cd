//! What distinguishes one topology from another, as a text to compare and as a short hash.
//!
//! The instances of an application share its group, its internal topics and its state, so these must mean the same to
//! all of them. The text has one line per node, store and internal topic. Each line is meaningful on its own, so the
//! lines that only one of two texts has show what changed.
//!
//! The text covers what [`Topology::to_json`] contains: nodes with their names, topics, stores, successors and
//! sub-topologies; stores with their kinds and changelogs; internal topics. It does not cover the code of closures,
//! types and formats, topic settings, or the application's own settings: a new version that differs only in these may
//! run beside the old one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::graph::Topology;

/// The text's first line. A text with another first line was made by other rules.
const RULES: &str = "topology fingerprint, version 1";

/// The maximum number of new lines, and of lines that are gone, to name in a sentence.
const NAMED_MAX: usize = 4;

/// Identifies a topology; see [`Topology::fingerprint`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    text: String,
}

impl Topology {
    /// The topology's fingerprint, which is equal for programs that may share an application's state.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// let copy = |from: &'static str| {
    ///     let builder = StreamsBuilder::new();
    ///     builder.stream(Topic::<(), String>::new(from)).to(Topic::<(), String>::new("copies"));
    ///     builder.build()
    /// };
    /// let (lines, words) = (copy("lines")?.fingerprint(), copy("words")?.fingerprint());
    /// assert_eq!(lines.hash(), copy("lines")?.fingerprint().hash());
    /// assert_ne!(lines.hash(), words.hash());
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_json(&self.to_json())
    }
}

impl Fingerprint {
    /// That of a topology from its JSON.
    pub(super) fn of_json(json: &Value) -> Self {
        let all = |of: &Value, what: &str| of.get(what).and_then(Value::as_array).cloned().unwrap_or_default();
        let mut lines = vec![RULES.to_owned()];
        for part in all(json, "subtopologies") {
            let kind = if part["global"] == true { "global sub-topology" } else { "sub-topology" };
            let place = format!("{kind} {}", part["id"]);
            lines.extend(all(&part, "nodes").iter().map(|node| line("", node, &place)));
        }
        lines.extend(all(json, "stores").iter().map(|store| line(" store", store, "")));
        lines.extend(all(json, "internal_topics").iter().map(|topic| line(" topic", topic, "")));
        lines.push(String::new());
        Self { text: lines.join("\n") }
    }
}

/// The names of a text's internal topics.
fn topics_of(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let (_, name) = line.split_once(" topic ")?;
        // A node's line has its type in front of its name, and topics among its properties only.
        let is_topic = line.split(' ').nth(1) == Some("topic");
        is_topic.then(|| name.split(':').next().unwrap_or(name))
    })
}

/// An object of the JSON as a line: its type and name, its place, then its properties in the order of their names.
fn line(what: &str, thing: &Value, place: &str) -> String {
    let properties: BTreeMap<&str, &Value> =
        thing.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value)).collect();
    let text = |name: &str| thing.get(name).and_then(Value::as_str).unwrap_or_default();
    let told = properties.iter().filter_map(|(name, value)| match (*name, value) {
        // Predecessors follow from successors.
        ("name" | "type" | "predecessors", _) | (_, Value::Null | Value::Bool(false)) => None,
        (name, Value::Bool(true)) => Some(name.to_owned()),
        (_, Value::Array(values)) if values.is_empty() => None,
        (name, Value::Array(values)) => {
            let values: Vec<_> = values.iter().map(|value| value.as_str().unwrap_or_default()).collect();
            Some(format!("{name} {}", values.join(" ")))
        }
        (name, Value::String(value)) => Some(format!("{name} {value}")),
        (name, value) => Some(format!("{name} {value}")),
    });
    let place = (!place.is_empty()).then(|| place.to_owned());
    let properties = place.into_iter().chain(told).collect::<Vec<_>>().join(", ");
    let colon = if properties.is_empty() { "" } else { ": " };
    format!("{}{what} {}{colon}{properties}", text("type"), text("name"))
}

impl Fingerprint {
    /// The text, which is stored with the state and compared with [`Fingerprint::changes_since`].
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text's FNV-1a hash, the same on every machine and in every build.
    #[must_use]
    pub fn hash(&self) -> u64 {
        Self::hash_of(&self.text)
    }

    /// The hash of a fingerprint by its text.
    #[must_use]
    pub fn hash_of(text: &str) -> u64 {
        const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        text.bytes().fold(BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
    }

    /// The names of a text's internal topics.
    pub(super) fn topics_in(text: &str) -> impl Iterator<Item = &str> {
        topics_of(text)
    }

    /// Whether a fingerprint, by its text, has an internal topic of that name (without the application's id).
    #[must_use]
    pub fn names_topic(text: &str, topic: &str) -> bool {
        text.split([' ', ',', ':', '\n']).any(|word| word == topic)
    }

    /// The internal topics, without the application's id, that this topology has in addition to those of an earlier one, by
    /// its text. `None` if that is not all: if the earlier one had a topic that this one has not, so that one may have taken
    /// the other's place; or if that text was made by other rules.
    #[must_use]
    pub fn topics_added_since(&self, earlier: &str) -> Option<BTreeSet<&str>> {
        if earlier.lines().next() != Some(RULES) {
            return None;
        }
        let mut topics = topics_of(&self.text).collect::<BTreeSet<_>>();
        topics_of(earlier).all(|topic| topics.remove(topic)).then_some(topics)
    }

    /// The differences from an earlier text, in a few words; `None` if there are none, or if that text was made by other
    /// rules.
    #[must_use]
    pub fn changes_since(&self, earlier: &str) -> Option<String> {
        if earlier == self.text || earlier.lines().next() != Some(RULES) {
            return None;
        }
        let (before, now): (BTreeSet<&str>, BTreeSet<&str>) = (earlier.lines().collect(), self.text.lines().collect());
        let [new, gone] = [(&now, &before), (&before, &now)].map(|(these, others)| {
            let lines: Vec<_> = these.difference(others).copied().collect();
            let more = lines.len().saturating_sub(NAMED_MAX);
            let named = lines.iter().take(NAMED_MAX).map(|line| format!("[{line}]")).collect::<Vec<_>>().join(" ");
            match (lines.is_empty(), more) {
                (true, _) => "nothing".to_owned(),
                (false, 0) => named,
                (false, more) => format!("{named} and {more} more"),
            }
        });
        Some(format!("new: {new}; gone: {gone}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsl::StreamsBuilder;
    use crate::topic::Topic;
    use crate::windows::Tumbling;
    use std::time::Duration;

    const LINES: Topic<String, String> = Topic::new("lines");
    const WORDS: Topic<String, String> = Topic::new("words");
    const PLACES: Topic<String, String> = Topic::new("places");
    const COUNTS: Topic<String, i64> = Topic::new("counts");

    fn count(from: Topic<String, String>, windowed: bool, global: bool) -> Topology {
        let builder = StreamsBuilder::new();
        let mut words = builder.stream(from);
        if global {
            words = words.join_global(builder.global_table(PLACES), |key, _| key.clone(), |word, _| word);
        }
        let words = words.group_by(|_, word| word.clone()).named("by-word");
        if windowed {
            let windows = Tumbling::of(Duration::from_secs(60)).no_grace();
            words.windowed_by(windows).count().to_stream().map(|word, count| (word.key, count)).to(COUNTS);
        } else {
            words.count().to_stream().to(COUNTS);
        }
        builder.build().expect("a topology")
    }

    #[test]
    fn the_text_says_what_instances_must_agree_on() {
        let expected = "\
topology fingerprint, version 1
source KSTREAM-SOURCE-0000000000: sub-topology 0, successors by-word, topics lines
processor by-word: sub-topology 0, successors by-word-repartition-filter
processor by-word-repartition-filter: sub-topology 0, successors by-word-repartition-sink
sink by-word-repartition-sink: sub-topology 0, topics by-word-repartition
";
        let text = count(LINES, false, false).fingerprint().text;
        assert_eq!(text.get(..expected.len()), Some(expected), "{text}");
        for line in [
            "table store KSTREAM-AGGREGATE-STATE-STORE-0000000002: changelog \
             KSTREAM-AGGREGATE-STATE-STORE-0000000002-changelog",
            "repartition topic by-word-repartition",
        ] {
            assert!(text.lines().any(|found| found == line), "{line:?} in {text}");
        }
        let global = count(LINES, false, true).fingerprint().text;
        assert!(global.contains(": global sub-topology "), "{global}");
    }

    #[test]
    fn topics_are_added_only_where_none_is_gone() {
        let copy = {
            let builder = StreamsBuilder::new();
            builder.stream(LINES).to(WORDS);
            builder.build().expect("a topology").fingerprint()
        };
        let counted = count(LINES, false, false).fingerprint();
        let all = ["KSTREAM-AGGREGATE-STATE-STORE-0000000002-changelog", "by-word-repartition"];
        assert_eq!(counted.topics_added_since(copy.text()), Some(BTreeSet::from(all)));
        assert_eq!(counted.topics_added_since(counted.text()), Some(BTreeSet::new()));
        assert_eq!(copy.topics_added_since(counted.text()), None);
        // The windowed store has another number.
        let other = count(LINES, true, true).fingerprint();
        assert_eq!(other.topics_added_since(counted.text()), None);
        assert_eq!(counted.topics_added_since("topology fingerprint, version 0\n"), None);
    }

    /// Nodes are numbered in the order of the builder's calls, so that order matters too.
    #[test]
    fn another_topic_or_store_is_another_topology_and_another_closure_is_not() {
        let hashes = [(LINES, false, false), (WORDS, false, false), (LINES, true, false), (LINES, false, true)]
            .map(|(from, windowed, global)| count(from, windowed, global).fingerprint().hash());
        assert_eq!(hashes.iter().collect::<BTreeSet<_>>().len(), hashes.len(), "{hashes:?}");
        let shout = |loud: bool| {
            let builder = StreamsBuilder::new();
            let shouted = builder.stream(LINES).map_values(move |line| if loud { line.to_uppercase() } else { line });
            shouted.to(WORDS);
            builder.build().expect("a topology").fingerprint()
        };
        assert_eq!(shout(true), shout(false));
    }

    /// Members of other builds and on other machines compare it.
    #[test]
    fn the_hash_is_the_same_everywhere() {
        for (text, expected) in
            [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)]
        {
            assert_eq!(Fingerprint::hash_of(text), expected, "{text:?}");
        }
    }

    #[test]
    fn changes_are_told_in_a_few_words() {
        let (lines, words) = (count(LINES, false, false).fingerprint(), count(WORDS, false, false).fingerprint());
        let source = |topic: &str| {
            format!("[source KSTREAM-SOURCE-0000000000: sub-topology 0, successors by-word, topics {topic}]")
        };
        let changes = words.changes_since(lines.text());
        assert_eq!(changes, Some(format!("new: {}; gone: {}", source("words"), source("lines"))));
        assert_eq!(lines.changes_since(lines.text()), None);
        assert_eq!(lines.changes_since("topology fingerprint, version 0\nx\n"), None, "made by other rules");
        let all_new = lines.changes_since(&format!("{RULES}\n")).unwrap_or_default();
        assert!(all_new.contains(" more; gone: nothing"), "{all_new}");
    }
}
