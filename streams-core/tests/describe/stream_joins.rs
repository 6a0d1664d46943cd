//! Joins of two streams, in the same order and with the same names as in `StreamJoins.java`.

use std::time::Duration;

use streams_core::dsl::{KStream, StreamWithin, StreamsBuilder};
use streams_core::windows::{JoinSpan, JoinWindows};

use crate::topologies::{A, B, C, COUNTS, Named, OUT, T, keyed, out, tumbling};

type Strings<'t> = KStream<'t, String, String>;

fn span() -> JoinSpan {
    JoinWindows::of(Duration::from_secs(60)).before(Duration::from_secs(5)).grace(Duration::from_secs(30))
}

fn within(stream: Strings<'_>) -> StreamWithin<'_, String, String> {
    stream.within(span())
}

fn b(builder: &StreamsBuilder) -> StreamWithin<'_, String, String> {
    within(builder.stream(B))
}

fn left<T>(left: String, _: T) -> String {
    left
}

fn outer(left: Option<String>, _: Option<String>) -> String {
    left.unwrap_or_default()
}

pub(crate) const STREAM_JOINS: &[Named] = &[
    ("stream join", |builder| {
        builder.stream(A).join(b(builder), left).to(OUT);
    }),
    ("stream left join", |builder| {
        builder.stream(A).left_join(b(builder), left).to(OUT);
    }),
    ("stream outer join", |builder| {
        builder.stream(A).outer_join(b(builder), outer).to(OUT);
    }),
    ("stream join named", |builder| {
        builder.stream(A).join(b(builder), left).named("joining").to(OUT);
    }),
    ("stream left join named", |builder| {
        builder.stream(A).left_join(b(builder), left).named("joining").to(OUT);
    }),
    ("stream outer join named", |builder| {
        builder.stream(A).outer_join(b(builder), outer).named("joining").to(OUT);
    }),
    ("stream join with named stores", |builder| {
        builder.stream(A).join(b(builder).stores_named("both"), left).to(OUT);
    }),
    ("stream left join with named stores", |builder| {
        builder.stream(A).left_join(b(builder).stores_named("both"), left).to(OUT);
    }),
    ("stream outer join with named stores and a name", |builder| {
        builder.stream(A).outer_join(b(builder).stores_named("both"), outer).named("joining").to(OUT);
    }),
    ("stream outer join that is not logged", |builder| {
        builder.stream(A).outer_join(b(builder).not_logged(), outer).to(OUT);
    }),
    ("stream left join with topic settings", |builder| {
        builder.stream(A).left_join(b(builder).changelog_config("segment.bytes", "1048576"), left).to(OUT);
    }),
    ("stream join of changed keys", |builder| {
        let (first, second) = (keyed(builder.stream(A)), keyed(builder.stream(B)));
        first.join(within(second), left).to(OUT);
    }),
    ("stream left join of a changed key on the left", |builder| {
        keyed(builder.stream(A)).left_join(b(builder), left).to(OUT);
    }),
    ("stream left join of a changed key on the right named", |builder| {
        let second = keyed(builder.stream(B));
        builder.stream(A).left_join(within(second), left).named("joining").to(OUT);
    }),
    ("stream outer join of changed keys named", |builder| {
        let (first, second) = (keyed(builder.stream(A)), keyed(builder.stream(B)).named("keyed"));
        first.outer_join(within(second), outer).named("joining").to(OUT);
    }),
    ("self join", |builder| {
        let stream = builder.stream(A);
        stream.join(within(stream), left).to(OUT);
    }),
    ("self join of a topic that is read twice", |builder| {
        let (first, second) = (builder.stream(A), builder.stream(A));
        first.left_join(within(second), left).to(OUT);
    }),
    ("self join of a changed key", |builder| {
        let stream = keyed(builder.stream(A));
        stream.outer_join(within(stream), outer).to(OUT);
    }),
    ("self join of a changed key named", |builder| {
        let stream = keyed(builder.stream(A));
        stream.join(within(stream), left).named("joining").to(OUT);
    }),
    ("chained stream joins", |builder| {
        let (first, third) = (builder.stream(A), builder.stream(C));
        first
            .join(b(builder), left)
            .left_join(within(third), left)
            .map_values(|value| value)
            .outer_join(within(first), outer)
            .to(OUT);
    }),
    ("chained stream joins of changed keys", |builder| {
        let third = builder.stream(C);
        keyed(keyed(builder.stream(A)).join(b(builder), left)).left_join(within(third), left).to(OUT);
    }),
    ("a stream join that is aggregated", |builder| {
        builder.stream(A).left_join(b(builder), left).group_by(|_, value| value.clone()).count().to_stream().to(COUNTS);
    }),
    ("a stream join of partitioned streams", |builder| {
        let second = builder.stream(B).repartition().named("right").partitions(4);
        builder.stream(A).repartition().named("left").partitions(4).join(within(second.into()), left).to(OUT);
    }),
    ("two stream joins of a changed key", |builder| {
        let (stream, third) = (keyed(builder.stream(A)), builder.stream(C));
        stream.join(b(builder), left).to(out(1));
        stream.left_join(within(third), left).to(out(2));
    }),
    ("stream joins that share a changed key on the right", |builder| {
        let second = keyed(builder.stream(B));
        builder.stream(A).join(within(second), left).to(out(1));
        builder.stream(C).outer_join(within(second), outer).to(out(2));
    }),
    ("a stream join and table joins", |builder| {
        let table = builder.table(T);
        builder.stream(A).join(b(builder), left).join(table, left).to(out(1));
        keyed(builder.stream(C)).left_join(table, left).to(out(2));
    }),
    ("a stream join of merged streams", |builder| {
        let third = builder.stream(C);
        builder.stream(A).merge(builder.stream(B)).join(within(third), left).to(OUT);
    }),
    ("a stream join of windowed keys", |builder| {
        let counts = builder.stream(A).group_by_key().windowed_by(tumbling()).count().to_stream().filter_some();
        let others = builder.stream(B).group_by_key().windowed_by(tumbling()).count().to_stream().filter_some();
        counts.join(others.within(span()), |left, _| left).select_key(|key, _| key.key.clone()).to(COUNTS);
    }),
    ("stream joins between other parts", |builder| {
        builder.stream(C).to(out(1));
        let (first, second) = (builder.stream(A), builder.stream(B));
        second.join(within(first), left).to(out(2));
        builder.stream(T).group_by_key().count().to_stream().to(COUNTS);
    }),
];
