//! Transformed tables, streams of tables under other keys, and tables that say how they are partitioned, in the same order
//! and with the same names as in `tests/java/describe`.

use streams_core::dsl::RecordContext;

use crate::topologies::{A, COUNTS, Named, OUT, T, U, left, out, swapped, text_store};

pub(crate) const ALL: &[Named] = &[
    ("transform_values", |b| {
        _ = b.table(T).transform_values((), same).to_stream().to(OUT);
    }),
    ("transform_values named", |b| {
        _ = b.table(T).transform_values((), same).named("transformed").to_stream().to(OUT);
    }),
    ("transform_values named and stored", |b| {
        let transformed = b.table(T).transform_values((), same).named("transformed").stored_as(text_store("rows"));
        _ = transformed.not_logged().to_stream().to(OUT);
    }),
    ("transform_values not cached", |b| {
        _ = b.table(T).transform_values((), same).not_cached().to_stream().to(OUT);
    }),
    ("transform_values with stores", |b| {
        let stores = (text_store("one"), text_store("two"));
        _ = b.table(T).transform_values(stores, |_, _, row, _| row).to_stream().to(OUT);
    }),
    ("transform_values with a store and stored", |b| {
        let transformed = b.table(T).transform_values(text_store("own"), |_, _, row, _| row);
        _ = transformed.stored_as(text_store("rows")).to_stream().to(OUT);
    }),
    ("a transformed table joined", |b| {
        let transformed = b.table(T).filter(|_, _| true).transform_values((), same);
        _ = b.stream(A).join(transformed, left).to(OUT);
    }),
    ("a transformed table joined with a table and grouped", |b| {
        let transformed = b.table(T).transform_values((), same).join(b.table(U), left).transform_values((), same);
        _ = transformed.group_by(swapped).count().to_stream().to(COUNTS);
    }),
    ("to_stream_by", |b| {
        _ = b.table(T).to_stream_by(|_, row| row.cloned().unwrap_or_default()).to(OUT);
    }),
    ("to_stream_by named and grouped", |b| {
        let stream = b.table(T).to_stream_by(|_, row| row.cloned().unwrap_or_default()).named("changes");
        _ = stream.group_by_key().count().to_stream().to(COUNTS);
    }),
    ("to_stream_by joined", |b| {
        let stream = b.table(T).filter(|_, _| true).to_stream_by(|_, row| row.cloned().unwrap_or_default());
        _ = stream.filter_some().join(b.table(U), left).to(out(1));
    }),
    ("foreign-key join partitioned", |b| {
        let u = b.table(U).partitioned_by(|key, to| key.len() % to.partitions as usize);
        let joined = b.table(T).partitioned_by(|_, _| 0).join_on(u, |_, row| row.clone(), left);
        _ = joined.named("joining").to_stream().to(OUT);
    }),
];

fn same((): (), _: &String, row: Option<String>, _: &RecordContext<'_>) -> Option<String> {
    row
}
