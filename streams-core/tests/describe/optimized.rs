//! Topologies that are built with optimisations, in the same order and with the same names as in `tests/java/describe`.

#![allow(unused_must_use, reason = "tables that nobody reads have names and numbers, too")]

use std::time::Duration;

use streams_core::dsl::{KStream, StreamsBuilder};
use streams_core::topic::Topic;
use streams_core::topology::{Optimizations, Topology, TopologyError};
use streams_core::windows::{JoinSpan, JoinWindows, TimeWindows, Tumbling};

use crate::topologies::{A, B, COUNTS, Named, OUT, T, U, left, out, text_store};

/// Builds a topology, with optimisations if its name says so.
pub(crate) fn build(name: &str, builder: StreamsBuilder) -> Result<Topology, TopologyError> {
    builder.build_with(if name.starts_with("optimized: ") { Optimizations::ALL } else { Optimizations::NONE })
}

const fn within() -> JoinSpan {
    JoinWindows::of(Duration::from_secs(10)).no_grace()
}

fn tumbling() -> TimeWindows {
    Tumbling::of(Duration::from_secs(5 * 60)).no_grace()
}

fn keyed(b: &StreamsBuilder, topic: Topic<String, String>) -> KStream<'_, String, String> {
    crate::topologies::keyed(b.stream(topic))
}

fn last(_: String, value: String) -> String {
    value
}

pub(crate) const ALL: &[Named] = &[
    ("optimized: two aggregations of a changed key", |b| {
        let keyed = keyed(b, A);
        keyed.group_by_key().count().to_stream().to(COUNTS);
        keyed.group_by_key().reduce(last).to_stream().to(out(1));
    }),
    ("optimized: two aggregations with names", |b| {
        let keyed = keyed(b, A);
        keyed.group_by_key().named("first").count().named("counting");
        keyed.group_by_key().named("second").reduce(last);
    }),
    ("optimized: a repartition moves up", |b| {
        keyed(b, A).filter(|_, _| true).peek(|_, _| {}).group_by_key().count();
    }),
    ("optimized: filters between", |b| {
        let keyed = keyed(b, A);
        keyed.filter(|_, _| true).group_by_key().count();
        keyed.peek(|_, _| {}).group_by_key().count();
        keyed.to(OUT);
    }),
    ("optimized: a mapped value between", |b| {
        let keyed = keyed(b, A);
        keyed.map_values(|value| value).group_by_key().count();
        keyed.group_by_key().count();
        keyed.group_by_key().reduce(last);
    }),
    ("optimized: two joins of a changed key", |b| {
        let (t, u) = (b.table(T), b.table(U));
        let keyed = keyed(b, A);
        keyed.join(t, left).to(OUT);
        keyed.left_join(u, |value, _| value).named("joined").to(out(1));
    }),
    ("optimized: a join, a table and an aggregation", |b| {
        let t = b.table(T);
        let keyed = keyed(b, A);
        keyed.left_join(t, |value, _| value).to(OUT);
        keyed.to_table().to_stream().to(out(1));
        keyed.group_by_key().windowed_by(tumbling()).count();
    }),
    ("optimized: two aggregations of a group", |b| {
        let group = b.stream(A).group_by(|_, value| value.clone());
        group.count();
        group.reduce(last);
    }),
    ("optimized: a merge of changed keys", |b| {
        let merged = keyed(b, A).merge(keyed(b, B));
        merged.group_by_key().count();
        merged.group_by_key().reduce(last);
    }),
    ("optimized: a merge of which one key changed", |b| {
        let merged = keyed(b, A).merge(b.stream(B));
        merged.filter(|_, _| true).group_by_key().count();
        merged.group_by_key().reduce(last);
    }),
    ("optimized: a key that changes twice", |b| {
        let keyed = keyed(b, A);
        let again = crate::topologies::keyed(keyed);
        keyed.group_by_key().count();
        again.group_by_key().count();
        again.group_by_key().reduce(last);
    }),
    ("optimized: an explicit repartition", |b| {
        let keyed = keyed(b, A);
        keyed.repartition().group_by_key().count();
        keyed.group_by_key().count();
        keyed.group_by_key().reduce(last);
    }),
    ("optimized: a join of streams and an aggregation", |b| {
        let keyed = keyed(b, A);
        keyed.join(b.stream(B).within(within()), left).to(OUT);
        keyed.group_by_key().count();
    }),
    ("optimized: a cogroup and a count", |b| {
        let keyed = keyed(b, A);
        let append = |all: &mut String, value: String| *all += &value;
        keyed.group_by_key().cogroup(append).cogroup(b.stream(B).group_by_key(), append).aggregate(String::new);
        keyed.group_by_key().count();
    }),
    ("optimized: a table is its changelog", |b| {
        b.table(T).stored_as(text_store("kept")).to_stream().to(OUT);
    }),
    ("optimized: a table that is not kept", |b| {
        b.table(T).to_stream().to(OUT);
    }),
    ("optimized: a table of a stream has a changelog", |b| {
        b.stream(T).to_table().stored_as(text_store("kept")).to_stream().to(OUT);
    }),
    ("optimized: a filtered table and a group", |b| {
        let rows = b.table(T).filter(|_, _| true);
        rows.group_by(|key, value| (key.clone(), value.clone())).count().to_stream().to(COUNTS);
    }),
    ("optimized: a table's changes under another key", |b| {
        let keyed = b.table(T).to_stream_by(|_, row| row.cloned().unwrap_or_default());
        keyed.group_by_key().count();
        keyed.group_by_key().count().to_stream().to(COUNTS);
    }),
    ("optimized: self-join", |b| {
        let a = b.stream(A);
        a.join(a.within(within()), left).to(OUT);
    }),
    ("optimized: self-join with names", |b| {
        let a = b.stream(A);
        a.join(a.within(within()).stores_named("kept"), left).named("joined").to(OUT);
    }),
    ("optimized: self-join of a changed key", |b| {
        let keyed = keyed(b, A);
        keyed.join(keyed.within(within()), left).to(OUT);
        keyed.group_by_key().count();
    }),
    ("optimized: self-join of a topic that is read twice", |b| {
        b.stream(A).join(b.stream(A).within(within()), left).to(OUT);
    }),
    ("optimized: two self-joins and a join", |b| {
        let a = b.stream(A);
        a.join(a.within(within()), left).to(OUT);
        a.join(b.stream(B).within(within()), left).to(out(1));
        a.join(a.within(within()), left).group_by_key().count();
    }),
];
