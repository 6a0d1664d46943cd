//! Names, sub-topologies, topics and `describe()`, compared with those of Kafka Streams itself for the same topologies.
//!
//! The Java program in `tests/java/describe` writes `golden.txt` and `topics.txt`; run `cargo xtask oracle-describe` to
//! write them again.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod cogroups;
mod foreign_key_joins;
mod optimized;
mod processor_stores;
mod sources;
mod stream_joins;
mod table_joins;
mod topologies;
mod transforms;
mod windows;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use streams_core::dsl::StreamsBuilder;
use streams_core::testing::TestDriver;
use streams_core::topic::{Topic, TopicRef};
use streams_core::topology::{InternalTopic, InternalTopicKind, Subtopology, Topology};

/// The texts of a golden file with their titles, in order.
fn golden(file: &'static str) -> Vec<(&'static str, &'static str)> {
    file.split("=== ").skip(1).map(|part| part.split_once('\n').unwrap()).collect()
}

fn built() -> Vec<(&'static str, Topology)> {
    let build = |(name, build): topologies::Named| {
        let builder = StreamsBuilder::new();
        build(&builder);
        (name, optimized::build(name, builder).unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    topologies::all().into_iter().map(build).collect()
}

/// Compares all texts and shows the first differences.
fn compare(golden: &[(&str, &str)], ours: &[(&str, String)]) {
    let names = |texts: &mut dyn Iterator<Item = &str>| texts.map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        names(&mut ours.iter().map(|(name, _)| *name)),
        names(&mut golden.iter().map(|(name, _)| *name)),
        "both sides have the same topologies in the same order"
    );
    let differing: Vec<_> = golden.iter().zip(ours).filter(|((_, expected), (_, actual))| expected != actual).collect();
    let shown: String = (differing.iter().take(3))
        .map(|((name, expected), (_, actual))| format!("=== {name}\n--- Kafka Streams:\n{expected}--- ours:\n{actual}"))
        .collect();
    assert!(differing.is_empty(), "{} of {} texts differ; the first:\n{shown}", differing.len(), golden.len());
}

#[test]
fn descriptions_are_kafka_streams_own_to_the_byte() {
    let ours: Vec<_> = built().into_iter().map(|(name, topology)| (name, topology.describe())).collect();
    assert!(ours.len() >= 130, "{} topologies", ours.len());
    compare(&golden(include_str!("golden.txt")), &ours);
}

#[test]
fn topics_and_their_settings_are_kafka_streams_own() {
    let mut ours: Vec<_> = built().into_iter().map(|(name, topology)| (name, topics(&topology))).collect();
    for Difference { topology, ours: our_line, java } in DIFFERENCES {
        let (_, text) = ours.iter_mut().find(|(name, _)| name == topology).unwrap();
        assert!(text.contains(our_line), "{topology}: no longer `{our_line}`, but\n{text}");
        *text = text.replace(our_line, java);
    }
    compare(&golden(include_str!("topics.txt")), &ours);
}

/// Intended differences; each is explained in DIFFERENCES.md.
struct Difference {
    topology: &'static str,
    ours: &'static str,
    java: &'static str,
}

/// Kafka Streams compares the topics of a cogroup before their repartitions.
const COGROUPED: &str = "copartitioned [a, b]\n";

const DIFFERENCES: &[Difference] = &[
    Difference {
        topology: "two joins of a changed key",
        ours: "copartitioned [app-KSTREAM-KEY-SELECT-0000000007-repartition, t, u]\n",
        java: "copartitioned [app-KSTREAM-KEY-SELECT-0000000007-repartition, t]\n",
    },
    Difference { topology: "join with suppressed rows", ours: "copartitioned [a, t]\n", java: "" },
    Difference { topology: "join with mapped suppressed rows", ours: "copartitioned [a, t]\n", java: "" },
    Difference {
        topology: "two stream joins of a changed key",
        ours: "copartitioned [app-KSTREAM-KEY-SELECT-0000000001-repartition, b, c]\n",
        java: "copartitioned [app-KSTREAM-KEY-SELECT-0000000001-repartition, b]\n",
    },
    Difference {
        topology: "stream joins that share a changed key on the right",
        ours: "copartitioned [a, app-KSTREAM-KEY-SELECT-0000000001-repartition, c]\n",
        java: "copartitioned [a, app-KSTREAM-KEY-SELECT-0000000001-repartition]\n",
    },
    Difference {
        topology: "cogroup with a changed key",
        ours: "copartitioned [app-COGROUPKSTREAM-AGGREGATE-STATE-STORE-0000000003-repartition, b]\n",
        java: COGROUPED,
    },
    Difference {
        topology: "cogroup of changed keys with names",
        ours: "copartitioned [app-first-repartition, app-second-repartition]\n",
        java: COGROUPED,
    },
    Difference {
        topology: "cogroup with a changed key stored",
        ours: "copartitioned [a, app-rows-repartition]\n",
        java: COGROUPED,
    },
    Difference {
        topology: "two cogroups of the same groups",
        ours: "copartitioned [app-COGROUPKSTREAM-AGGREGATE-STATE-STORE-0000000003-repartition, \
         app-COGROUPKSTREAM-AGGREGATE-STATE-STORE-0000000010-repartition, b]\n",
        java: COGROUPED,
    },
    Difference {
        topology: "a cogroup joined",
        ours: "copartitioned [a, app-COGROUPKSTREAM-AGGREGATE-STATE-STORE-0000000003-repartition, c, t]\n",
        java: COGROUPED,
    },
    Difference {
        topology: "optimized: a cogroup and a count",
        ours: "copartitioned [app-COGROUPKSTREAM-AGGREGATE-STATE-STORE-0000000003-repartition, b]\n",
        java: COGROUPED,
    },
    Difference {
        topology: "windowed cogroup of changed keys named and stored",
        ours: "copartitioned [app-first-repartition, app-rows-repartition]\n",
        java: COGROUPED,
    },
    Difference {
        topology: "cogroup in sliding windows of changed keys named and stored",
        ours: "copartitioned [app-first-repartition, app-rows-repartition]\n",
        java: COGROUPED,
    },
    Difference {
        topology: "cogroup in sessions of changed keys named and stored",
        ours: "copartitioned [app-first-repartition, app-rows-repartition]\n",
        java: COGROUPED,
    },
];

/// The text that `tests/java/describe` prints about a topology's topics.
fn topics(topology: &Topology) -> String {
    let mut text = String::new();
    let has_topics = |part: &&Subtopology| !part.global && part.sources.iter().any(is_named);
    for part in topology.subtopologies().iter().filter(has_topics) {
        writeln!(text, "sub-topology {}", part.id).unwrap();
        writeln!(text, "  sources {}", names(&part.sources)).unwrap();
        writeln!(text, "  sinks {}", names(&part.sinks)).unwrap();
        let mut internal: Vec<_> = topology.internal_topics().iter().collect();
        internal.sort_by_key(|topic| &topic.name);
        for topic in &internal {
            if let InternalTopicKind::Repartition { partitions } = topic.kind
                && part.sources.contains(&TopicRef::Internal(topic.name.clone()))
            {
                let partitions = partitions.map(|partitions| format!(" partitions {partitions}")).unwrap_or_default();
                writeln!(text, "  repartition {}{partitions}", settings(topology, topic)).unwrap();
            }
        }
        for topic in &internal {
            if matches!(topic.kind, InternalTopicKind::Changelog { store } if part.stores.contains(&store)) {
                writeln!(text, "  changelog {}", settings(topology, topic)).unwrap();
            }
        }
    }
    let groups: BTreeSet<_> =
        topology.copartitioned().iter().map(|group| format!("copartitioned {}\n", names(group))).collect();
    text.extend(groups);
    text
}

/// Of topics that match a pattern Kafka Streams learns when it runs.
fn is_named(topic: &TopicRef) -> bool {
    !matches!(topic, TopicRef::Matching(_))
}

fn names(topics: &BTreeSet<TopicRef>) -> String {
    let named = topics.iter().filter(|topic| is_named(topic));
    let names: BTreeSet<_> = named.map(|topic| topic.full_name("app")).collect();
    format!("[{}]", names.iter().map(|name| &**name).collect::<Vec<_>>().join(", "))
}

fn settings(topology: &Topology, topic: &InternalTopic) -> String {
    let settings = topic.settings(topology.graph(), &[], InternalTopic::WINDOW_ADDITIONAL_RETENTION);
    let settings: Vec<_> = settings.iter().map(|(setting, value)| format!("{setting}={value}")).collect();
    format!("app-{} {{{}}}", topic.name, settings.join(", "))
}

#[test]
fn every_topology_runs() {
    for (name, topology) in built() {
        let sources: BTreeSet<_> = topology
            .subtopologies()
            .iter()
            .flat_map(|part| &part.sources)
            .filter_map(|topic| match topic {
                TopicRef::External(name) => Some(name.to_string()),
                TopicRef::Internal(_) | TopicRef::Matching(_) => None,
            })
            .collect();
        let mut driver = TestDriver::new(topology);
        for topic in sources.iter().chain(&sources) {
            let topic = Topic::<String, String>::named(topic.as_str()).unwrap();
            driver.pipe(&topic, "key", format!("a value for {name}"));
        }
        driver.stop();
    }
}

/// Only rows that nobody but the engine reads are bytes to others: records that wait, and who has subscribed to a row.
#[test]
fn every_store_says_what_its_rows_are() {
    let stores = built().into_iter().flat_map(|(_, topology)| topology.stores());
    let unknown = stores.filter(|store| {
        let types = [store.shapes.key.type_name(), store.shapes.value.type_name()];
        types.contains(&"Bytes".to_owned()) && !store.name.to_lowercase().contains("subscription")
    });
    let kinds: BTreeSet<_> = unknown.map(|store| store.kind.name()).collect();
    assert_eq!(kinds, BTreeSet::from(["grace-buffer", "suppression", "unmatched"]));
}
