//! Joins of two tables, in the same order and with the same names as in `tests/java/describe`.

#![allow(unused_must_use, reason = "tables that nobody reads have names and numbers, too")]

use streams_core::dsl::{KTable, StreamsBuilder};
use streams_core::topic::Topic;

use crate::topologies::{A, B, COUNTS, Named, OUT, T, U, left, out, swapped, text_store, tumbling};

pub(crate) const ALL: &[Named] = &[
    ("table join", |b| {
        b.table(T).join(b.table(U), left).to_stream().to(OUT);
    }),
    ("table left join", |b| {
        b.table(T).left_join(b.table(U), maybe_right).to_stream().to(OUT);
    }),
    ("table outer join", |b| {
        b.table(T).outer_join(b.table(U), either).to_stream().to(OUT);
    }),
    ("table join named", |b| {
        let t = b.table(T);
        t.join(b.table(U).named("rows"), left).named("joining").to_stream().to(OUT);
    }),
    ("table join stored", |b| {
        b.table(T).join(b.table(U), left).stored_as(text_store("joined")).to_stream().to(OUT);
    }),
    ("table left join named and stored", |b| {
        let joined = b.table(T).left_join(b.table(U), maybe_right).named("joining");
        joined.stored_as(text_store("joined")).to_stream().to(OUT);
    }),
    ("table outer join not cached", |b| {
        b.table(T).outer_join(b.table(U), either).not_cached().to_stream().to(OUT);
    }),
    ("table join not logged", |b| {
        b.table(T).join(b.table(U), left).stored_as(text_store("joined")).not_logged().to_stream().to(OUT);
    }),
    ("joins of three tables", |b| {
        b.table(T).join(b.table(U), left).left_join(table(b, "v"), maybe_right).to_stream().to(OUT);
    }),
    ("joins of four tables in pairs", |b| {
        let first = b.table(T).join(b.table(U), left);
        let second = table(b, "v").outer_join(table(b, "w"), either);
        second.left_join(first, maybe_right).to_stream().to(OUT);
    }),
    ("a stored table join joined again", |b| {
        let joined = b.table(T).join(b.table(U), left).stored_as(text_store("joined"));
        joined.outer_join(table(b, "v"), either).to_stream().to(OUT);
    }),
    ("a table join grouped", |b| {
        b.table(T).join(b.table(U), left).group_by(swapped).count();
    }),
    ("a stored table outer join grouped", |b| {
        let joined = b.table(T).outer_join(b.table(U), either).stored_as(text_store("joined"));
        joined.filter(|_, _| true).group_by(swapped).count();
    }),
    ("a table joined with itself", |b| {
        let t = b.table(T);
        t.join(t, left).to_stream().to(OUT);
    }),
    ("a table joined with its own rows", |b| {
        let t = b.table(T);
        t.map_values(|value| value).left_join(t.filter(|_, _| true), maybe_right).to_stream().to(OUT);
    }),
    ("join of tables that are computed and stored", |b| {
        let mapped = b.table(T).map_values(|value| value).stored_as(text_store("mapped"));
        mapped.outer_join(b.table(U).filter(|_, _| true), either).to_stream().to(OUT);
    }),
    ("join of aggregates", |b| {
        let first = b.stream(A).group_by_key().count();
        let second = b.stream(B).group_by(|_, value| value.clone()).count();
        first.left_join(second, |left, _| left).to_stream().to(COUNTS);
    }),
    ("join of grouped tables", |b| {
        let first = b.table(T).group_by(swapped).count();
        let second = b.table(U).group_by(swapped).count();
        first.join(second, |left, _| left).to_stream().to(COUNTS);
    }),
    ("join of streams' tables", |b| {
        let first = b.stream(A).to_table();
        let second = b.stream(B).select_key(|_, value| value.clone()).to_table();
        first.outer_join(second, either).to_stream().to(OUT);
    }),
    ("join of windowed tables", |b| {
        let first = b.stream(A).group_by_key().windowed_by(tumbling()).count();
        let second = b.stream(B).group_by_key().windowed_by(tumbling()).count();
        let joined = first.outer_join(second, |left, right| left.or(right).unwrap_or(0));
        joined.to_stream().select_key(|windowed, _| windowed.key.clone()).to(COUNTS);
    }),
    ("a stream joined with a table join", |b| {
        let joined = b.table(T).left_join(b.table(U), maybe_right);
        b.stream(A).join(joined, left).to(OUT);
    }),
    ("two joins of two tables", |b| {
        let (t, u) = (b.table(T), b.table(U));
        t.join(u, left).to_stream().to(out(1));
        let second = u.left_join(t, maybe_right).named("second").stored_as(text_store("second-store"));
        second.to_stream().to(out(2));
    }),
];

pub(crate) fn table<'t>(builder: &'t StreamsBuilder, name: &str) -> KTable<'t, String, String> {
    builder.table(Topic::<String, String>::named(name).unwrap())
}

pub(crate) fn maybe_right(left: String, _: Option<String>) -> String {
    left
}

fn either(left: Option<String>, right: Option<String>) -> String {
    left.or(right).unwrap_or_default()
}
