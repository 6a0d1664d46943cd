//! Joins over foreign keys, in the same order and with the same names as in `tests/java/describe`.

#![allow(unused_must_use, reason = "tables that nobody reads have names and numbers, too")]

use crate::table_joins::{maybe_right, table};
use crate::topologies::{A, B, Named, OUT, T, U, left, out, swapped, text_store};

pub(crate) const ALL: &[Named] = &[
    ("foreign-key join", |b| {
        b.table(T).join_on(b.table(U), key, left).to_stream().to(OUT);
    }),
    ("foreign-key left join", |b| {
        b.table(T).left_join_on(b.table(U), key, maybe_right).to_stream().to(OUT);
    }),
    ("foreign-key join named", |b| {
        b.table(T).join_on(b.table(U), key, left).named("joining").to_stream().to(OUT);
    }),
    ("foreign-key join stored", |b| {
        b.table(T).join_on(b.table(U), key, left).stored_as(text_store("joined")).to_stream().to(OUT);
    }),
    ("foreign-key left join named and stored", |b| {
        let joined = b.table(T).left_join_on(b.table(U), key, maybe_right).named("joining");
        joined.stored_as(text_store("joined")).not_logged().to_stream().to(OUT);
    }),
    ("foreign-key join with itself", |b| {
        let t = b.table(T);
        t.join_on(t, key, left).to_stream().to(OUT);
    }),
    ("foreign-key joins in a row", |b| {
        let joined = b.table(T).join_on(b.table(U), key, left);
        joined.left_join_on(table(b, "v"), key, maybe_right).to_stream().to(OUT);
    }),
    ("foreign-key joins with one table", |b| {
        let u = b.table(U);
        b.table(T).join_on(u, key, left).to_stream().to(out(1));
        table(b, "v").left_join_on(u, key, maybe_right).named("second").to_stream().to(out(2));
    }),
    ("foreign-key join of computed tables", |b| {
        let t = b.table(T).filter(|_, _| true);
        let u = b.table(U).map_values(|value| value).stored_as(text_store("mapped")).map_values(|value| value);
        t.join_on(u, key, left).to_stream().to(OUT);
    }),
    ("foreign-key join of a stream's table with an aggregate", |b| {
        let t = b.stream(A).select_key(|_, value| value.clone()).to_table();
        let u = b.stream(B).group_by_key().count();
        t.left_join_on(u, key, |left, _| left).to_stream().to(OUT);
    }),
    ("a foreign-key join grouped", |b| {
        b.table(T).join_on(b.table(U), key, left).group_by(swapped).count();
    }),
    ("a foreign-key join joined by key", |b| {
        let joined = b.table(T).left_join_on(b.table(U), key, maybe_right);
        joined.outer_join(table(b, "v"), |left, right| left.or(right)).to_stream().to(out(1));
        b.stream(A).join(joined, left).to(out(2));
    }),
];

#[expect(clippy::ptr_arg, reason = "a closure gets key and row as they are")]
fn key(_: &String, row: &String) -> String {
    row.clone()
}
