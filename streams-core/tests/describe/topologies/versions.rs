//! Tables with versions of their rows.

use std::time::Duration;

use streams_core::state::VersionedStore;

use super::{A, B, Named, OUT, T, U, keyed, left, swapped};

const ROWS: VersionedStore<String, String> = VersionedStore::new("rows", Duration::from_secs(60 * 60));
const OTHERS: VersionedStore<String, String> = VersionedStore::new("others", Duration::from_secs(90));
const GRACE: Duration = Duration::from_secs(10);
const COUNTS: VersionedStore<String, i64> = VersionedStore::new("counts", Duration::from_secs(60));

pub(super) const VERSIONS: &[Named] = &[
    ("table with versions", |b| {
        b.table(T).stored_as(ROWS).to_stream().to(OUT);
    }),
    ("table with versions named", |b| {
        b.table(T).named("versions").stored_as(ROWS).to_stream().to(OUT);
    }),
    ("table with versions not logged", |b| {
        b.table(T).stored_as(ROWS).not_logged().to_stream().to(OUT);
    }),
    ("table with versions and changelog settings", |b| {
        b.table(T).stored_as(ROWS).changelog_config("segment.bytes", "1048576").to_stream().to(OUT);
    }),
    ("a stream's table with versions", |b| {
        keyed(b.stream(A)).to_table().stored_as(ROWS).to_stream().to(OUT);
    }),
    ("filtered and mapped versions", |b| {
        b.table(T).stored_as(ROWS).filter(|_, _| true).map_values(|value| value).to_stream().to(OUT);
    }),
    ("filtered and mapped with versions", |b| {
        let kept = b.table(T).filter(|_, _| true).stored_as(ROWS);
        kept.map_values(|value| value).stored_as(OTHERS).to_stream().to(OUT);
    }),
    ("counts with versions", |b| {
        b.stream(A).group_by_key().count().stored_as(COUNTS);
    }),
    ("aggregate of groups with versions", |b| {
        let sums = b.table(T).stored_as(ROWS).group_by(swapped);
        sums.aggregate(String::new, |_, _| {}, |_, _| {}).stored_as(OTHERS).to_stream().to(OUT);
    }),
    ("join with versions", |b| {
        b.stream(A).join(b.table(T).stored_as(ROWS), left).to(OUT);
    }),
    ("join with mapped versions", |b| {
        let mapped = b.table(T).stored_as(ROWS).map_values(|value| value);
        b.stream(A).left_join(mapped, |left, _| left).to(OUT);
    }),
    ("join with grace", |b| {
        b.stream(A).join(b.table(T).stored_as(ROWS).with_grace(GRACE), left).to(OUT);
    }),
    ("left join with grace named", |b| {
        let a = b.stream(A);
        a.left_join(b.table(T).stored_as(ROWS).with_grace(GRACE), |left, _| left).named("joined").to(OUT);
    }),
    ("join with grace of a changed key", |b| {
        let rows = b.table(T).stored_as(ROWS);
        keyed(b.stream(A)).join(rows.with_grace(GRACE), left).to(OUT);
    }),
    ("joins with grace, one after the other", |b| {
        let (rows, others) = (b.table(T).stored_as(ROWS), b.table(U).stored_as(OTHERS));
        let joined = b.stream(A).left_join(rows.with_grace(GRACE), |left, _| left);
        joined.join(others.with_grace(Duration::from_secs(90)), left).to(OUT);
    }),
    ("join with grace with mapped versions", |b| {
        let mapped = b.table(T).stored_as(ROWS).map_values(|value| value);
        b.stream(A).left_join(mapped.with_grace(Duration::ZERO), |left, _| left).to(OUT);
    }),
    ("table join of versions", |b| {
        let (rows, others) = (b.table(T).stored_as(ROWS), b.table(U).stored_as(OTHERS));
        rows.join(others, left).to_stream().to(OUT);
    }),
    ("table join with versions of its own", |b| {
        b.table(T).outer_join(b.table(U), |left, _| left).stored_as(ROWS).to_stream().to(OUT);
    }),
    ("a stream joined with a table join with versions", |b| {
        let joined = b.table(T).stored_as(ROWS).join(b.table(U), left).stored_as(OTHERS);
        b.stream(B).join(joined, left).to(OUT);
    }),
];
