//! Which tables are kept in stores, and which nodes send old values.

use streams_core::dsl::StreamsBuilder;
use streams_core::state::KeyValueStore;
use streams_core::topic::Topic;
use streams_core::topology::{Node, NodeKind, Topology};

use crate::{A, B, OUT, topology};

const T: Topic<String, String> = Topic::new("t");

/// The processors with their stores; a `+` marks those that send old values.
fn tables(topology: &Topology) -> String {
    let is_shown = |node: &&Node| node.kind == NodeKind::Processor && !node.name.contains("TOSTREAM");
    let nodes = topology.graph().nodes.iter().filter(is_shown);
    let line = |node: &Node| {
        let stores: Vec<_> =
            node.stores.iter().map(|store| topology.graph().store(*store).unwrap().name.to_string()).collect();
        let old = if node.sends_old_values { "+" } else { "" };
        format!("{}{old} [{}]\n", node.name, stores.join(" "))
    };
    nodes.map(line).collect()
}

#[track_caller]
fn check(write: impl FnOnce(&StreamsBuilder), expected: &[&str]) {
    let text = tables(&topology(write));
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_table_that_nobody_asks_is_not_kept() {
    check(
        |b| _ = b.table(T).filter(|_, _| true).to_stream().to(OUT),
        &["KTABLE-SOURCE-0000000002 []", "KTABLE-FILTER-0000000003 []"],
    );
    check(|b| _ = b.stream(A).to_table().to_stream().to(OUT), &["KSTREAM-TOTABLE-0000000001 []"]);
}

#[test]
fn a_join_has_the_table_kept_that_the_rows_come_from() {
    check(
        |b| {
            let table = b.table(T).filter(|_, _| true).map_values(|value| value);
            b.stream(A).join(table, |left, _| left).named("join").to(OUT);
        },
        &[
            "KTABLE-SOURCE-0000000002 [t-STATE-STORE-0000000000]",
            "KTABLE-FILTER-0000000003 []",
            "KTABLE-MAPVALUES-0000000004 []",
            "join [t-STATE-STORE-0000000000]",
        ],
    );
    check(
        |b| {
            let table = b.table(T).filter(|_, _| true).stored_as(KeyValueStore::new("few"));
            b.stream(A).join(table.map_values(|value| value), |left, _| left).named("join").to(OUT);
        },
        &[
            "KTABLE-SOURCE-0000000002 []",
            "KTABLE-FILTER-0000000003 [few]",
            "KTABLE-MAPVALUES-0000000005 []",
            "join [few]",
        ],
    );
}

#[test]
fn a_group_of_rows_needs_old_values_all_the_way_up() {
    check(
        |b| _ = b.table(T).filter(|_, _| true).map_values(|value| value).group_by(|k, v| (v, k.clone())).count(),
        &[
            "KTABLE-SOURCE-0000000002+ [t-STATE-STORE-0000000000]",
            "KTABLE-FILTER-0000000003+ []",
            "KTABLE-MAPVALUES-0000000004+ []",
            "KTABLE-SELECT-0000000005 []",
            "KTABLE-AGGREGATE-0000000009 [KTABLE-AGGREGATE-STATE-STORE-0000000006]",
        ],
    );
}

#[test]
fn a_join_of_tables_has_both_kept_and_its_result_only_if_asked() {
    let both = |left: Option<String>, right: Option<String>| left.or(right);
    check(
        |b| _ = b.table(T).join(b.table(A).filter(|_, _| true), |left, _| left).to_stream().to(OUT),
        &[
            "KTABLE-SOURCE-0000000002 [t-STATE-STORE-0000000000]",
            "KTABLE-SOURCE-0000000005 [a-STATE-STORE-0000000003]",
            "KTABLE-FILTER-0000000006 []",
            "KTABLE-JOINTHIS-0000000008 [a-STATE-STORE-0000000003]",
            "KTABLE-JOINOTHER-0000000009 [t-STATE-STORE-0000000000]",
            "KTABLE-MERGE-0000000007 []",
        ],
    );
    // A left join has to know whether there was a row on the left, an outer join on both sides.
    check(
        |b| _ = b.table(T).left_join(b.table(A), |left, _| left).not_cached(),
        &[
            "KTABLE-SOURCE-0000000002+ [t-STATE-STORE-0000000000]",
            "KTABLE-SOURCE-0000000005 [a-STATE-STORE-0000000003]",
            "KTABLE-JOINTHIS-0000000008 [a-STATE-STORE-0000000003]",
            "KTABLE-JOINOTHER-0000000009 [t-STATE-STORE-0000000000]",
            "KTABLE-MERGE-0000000007 [KTABLE-MERGE-STATE-STORE-0000000006]",
        ],
    );
    check(
        |b| {
            let joined = b.table(T).outer_join(b.table(A), both).stored_as(KeyValueStore::new("joined"));
            b.stream(B).join(joined, |left, _| left).named("join").to(OUT);
        },
        &[
            "KTABLE-SOURCE-0000000002+ [t-STATE-STORE-0000000000]",
            "KTABLE-SOURCE-0000000005+ [a-STATE-STORE-0000000003]",
            "KTABLE-JOINTHIS-0000000007 [a-STATE-STORE-0000000003]",
            "KTABLE-JOINOTHER-0000000008 [t-STATE-STORE-0000000000]",
            "KTABLE-MERGE-0000000006 [joined]",
            "join [joined]",
        ],
    );
    check(
        |b| {
            let joined = b.table(T).join(b.table(A), |left, _| left);
            _ = joined
                .filter(|_, _| true)
                .group_by(|k, v| (v, k.clone()))
                .count()
                .stored_as(KeyValueStore::new("counts"));
            b.stream(B).join(joined, |left, _| left).named("join").to(OUT);
        },
        &[
            "KTABLE-SOURCE-0000000002+ [t-STATE-STORE-0000000000]",
            "KTABLE-SOURCE-0000000005+ [a-STATE-STORE-0000000003]",
            "KTABLE-JOINTHIS-0000000007+ [a-STATE-STORE-0000000003]",
            "KTABLE-JOINOTHER-0000000008+ [t-STATE-STORE-0000000000]",
            "KTABLE-MERGE-0000000006+ []",
            "KTABLE-FILTER-0000000009+ []",
            "KTABLE-SELECT-0000000010 []",
            "KTABLE-AGGREGATE-0000000013 [counts]",
            "join [t-STATE-STORE-0000000000 a-STATE-STORE-0000000003]",
        ],
    );
}

#[test]
fn a_kept_table_is_asked_for_old_values_no_further_up() {
    check(
        |b| {
            let few = b.table(T).map_values(|value| value).stored_as(KeyValueStore::new("few"));
            few.group_by(|k, v| (v, k.clone())).count().stored_as(KeyValueStore::new("counts"));
        },
        &[
            "KTABLE-SOURCE-0000000002 []",
            "KTABLE-MAPVALUES-0000000003+ [few]",
            "KTABLE-SELECT-0000000004 []",
            "KTABLE-AGGREGATE-0000000007 [counts]",
        ],
    );
}

#[test]
fn a_filter_is_told_old_values_if_they_are_at_hand() {
    // A filter of a kept table need not delete rows that it never forwarded.
    check(
        |b| _ = b.table(T).stored_as(KeyValueStore::new("rows")).filter(|_, _| true).to_stream().to(OUT),
        &["KTABLE-SOURCE-0000000001+ [rows]", "KTABLE-FILTER-0000000002+ []"],
    );
    check(
        |b| _ = b.stream(A).group_by_key().count().filter(|_, _| true),
        &["KSTREAM-AGGREGATE-0000000002+ [KSTREAM-AGGREGATE-STATE-STORE-0000000001]", "KTABLE-FILTER-0000000003+ []"],
    );
    // The order of the calls matters, as in Java: the first filter comes before the join that keeps the table.
    check(
        |b| {
            let table = b.table(T);
            _ = table.filter(|_, _| true).named("before");
            b.stream(A).join(table, |left, _| left).named("join").to(OUT);
            _ = table.filter(|_, _| true).named("after");
        },
        &[
            "KTABLE-SOURCE-0000000002+ [t-STATE-STORE-0000000000]",
            "before []",
            "join [t-STATE-STORE-0000000000]",
            "after+ []",
        ],
    );
}

#[test]
fn tasks_share_nothing_but_topics() {
    let built = topology(|b| {
        let table = b.table(T);
        b.stream(A).join(table, |left, _| left).to(OUT);
        _ = b.stream(B).group_by(|_, value| value.clone()).count();
        _ = b.global_table(Topic::<String, String>::new("g"));
    });
    let parts: Vec<_> = built
        .subtopologies()
        .iter()
        .map(|part| {
            let names = |topics: &std::collections::BTreeSet<streams_core::topic::TopicRef>| {
                topics.iter().map(|topic| topic.short_name().to_owned()).collect::<Vec<_>>().join(" ")
            };
            (part.id, part.global, names(&part.sources), names(&part.sinks), part.nodes.len(), part.stores.len())
        })
        .collect();
    let repartition = "KSTREAM-AGGREGATE-STATE-STORE-0000000008-repartition".to_owned();
    assert_eq!(
        parts,
        [
            (0, false, "a t".to_owned(), "out".to_owned(), 5, 1),
            (1, false, "b".to_owned(), repartition.clone(), 4, 0),
            (2, false, repartition, String::new(), 2, 1),
            (3, true, "g".to_owned(), String::new(), 2, 1),
        ]
    );
    for (number, node) in built.graph().nodes.iter().enumerate() {
        assert!(node.parents.iter().all(|parent| (parent.0 as usize) < number), "{} comes before a parent", node.name);
    }
}
