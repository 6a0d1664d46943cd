//! Groups that are aggregated together, in the same order and with the same names as in `tests/java/describe`.

#![allow(unused_must_use, reason = "tables that nobody reads have names and numbers, too")]

use std::time::Duration;

use streams_core::dsl::{CogroupedKStream, KGroupedStream, StreamsBuilder};
use streams_core::state::{SessionStore, WindowStore};
use streams_core::topic::Topic;
use streams_core::windows::{SessionWindows, Sessions, Sliding, SlidingWindows};

use crate::table_joins::maybe_right;
use crate::topologies::{A, B, C, Named, OUT, T, left, out, swapped, text_store, tumbling};

pub(crate) const ALL: &[Named] = &[
    ("cogroup", |b| {
        two(keyed(b, A), keyed(b, B)).aggregate(String::new).to_stream().to(OUT);
    }),
    ("cogroup of one", |b| {
        keyed(b, A).cogroup(append).aggregate(String::new);
    }),
    ("cogroup named", |b| {
        two(keyed(b, A), keyed(b, B)).aggregate(String::new).named("both").to_stream().to(OUT);
    }),
    ("cogroup stored", |b| {
        two(keyed(b, A), keyed(b, B)).aggregate(String::new).stored_as(text_store("rows")).to_stream().to(OUT);
    }),
    ("cogroup named and stored of three", |b| {
        let all = two(keyed(b, A), keyed(b, B)).cogroup(keyed(b, C), append).aggregate(String::new);
        all.named("all").stored_as(text_store("rows"));
    }),
    ("cogroup not cached", |b| {
        two(keyed(b, A), keyed(b, B)).aggregate(String::new).not_cached();
    }),
    ("cogroup with a changed key", |b| {
        two(changed(b, A), keyed(b, B)).aggregate(String::new);
    }),
    ("cogroup of changed keys with names", |b| {
        let (first, second) = (changed(b, A).named("first"), changed(b, B).named("second"));
        two(first, second).aggregate(String::new).stored_as(text_store("rows")).to_stream().to(OUT);
    }),
    ("cogroup with a changed key stored", |b| {
        two(keyed(b, A), changed(b, B)).aggregate(String::new).stored_as(text_store("rows")).to_stream().to(OUT);
    }),
    ("a cogroup aggregated twice", |b| {
        let one = changed(b, A).named("foo").cogroup(append);
        one.aggregate(String::new);
        one.aggregate(String::new);
    }),
    ("two cogroups of the same groups", |b| {
        let (first, second) = (changed(b, A), keyed(b, B));
        let one = two(first, second).aggregate(String::new);
        let other = two(first, second).aggregate(String::new);
        other.to_stream().to(out(1));
        one.to_stream().to(out(2));
    }),
    ("a group that is added twice", |b| {
        let a = keyed(b, A);
        two(a, keyed(b, B)).cogroup(a, append).aggregate(String::new);
    }),
    ("cogroup of one topic", |b| {
        two(keyed(b, A), keyed(b, A)).aggregate(String::new);
    }),
    ("a cogroup grouped", |b| {
        two(keyed(b, A), keyed(b, B)).aggregate(String::new).group_by(swapped).count();
    }),
    ("a cogroup joined", |b| {
        let both = two(keyed(b, A), changed(b, B)).aggregate(String::new);
        both.left_join(b.table(T), maybe_right).to_stream().to(out(1));
        b.stream(C).join(both, left).to(out(2));
    }),
    ("windowed cogroup", |b| {
        two(keyed(b, A), keyed(b, B)).windowed_by(tumbling()).aggregate(String::new);
    }),
    ("windowed cogroup of changed keys named and stored", |b| {
        let both = two(changed(b, A).named("first"), changed(b, B)).windowed_by(tumbling()).aggregate(String::new);
        let both = both.named("both").stored_as(WindowStore::new("rows"));
        both.to_stream().select_key(|windowed, _| windowed.key.clone()).to(OUT);
    }),
    ("cogroup in sliding windows", |b| {
        two(keyed(b, A), keyed(b, B)).windowed_by(sliding()).aggregate(String::new);
    }),
    ("cogroup in sliding windows of changed keys named and stored", |b| {
        let both = two(changed(b, A).named("first"), changed(b, B)).windowed_by(sliding()).aggregate(String::new);
        let both = both.named("both").stored_as(WindowStore::new("rows"));
        both.to_stream_by(|windowed, _| windowed.key.clone()).to(OUT);
    }),
    ("cogroup in sessions", |b| {
        two(keyed(b, A), keyed(b, B)).windowed_by(sessions()).aggregate(String::new, left);
    }),
    ("cogroup in sessions of changed keys named and stored", |b| {
        let both = two(changed(b, A).named("first"), changed(b, B)).windowed_by(sessions());
        let both = both.aggregate(String::new, left).named("both").stored_as(SessionStore::new("rows"));
        both.to_stream_by(|windowed, _| windowed.key.clone()).to(OUT);
    }),
];

fn sliding() -> SlidingWindows {
    Sliding::of(Duration::from_secs(5 * 60)).grace(Duration::from_secs(60))
}

fn sessions() -> SessionWindows {
    Sessions::gap(Duration::from_secs(5 * 60)).grace(Duration::from_secs(60))
}

type Group<'t> = KGroupedStream<'t, String, String>;

fn keyed(builder: &StreamsBuilder, topic: Topic<String, String>) -> Group<'_> {
    builder.stream(topic).group_by_key()
}

fn changed(builder: &StreamsBuilder, topic: Topic<String, String>) -> Group<'_> {
    builder.stream(topic).group_by(|_, value| value.clone())
}

fn two<'t>(first: Group<'t>, second: Group<'t>) -> CogroupedKStream<'t, String, String> {
    first.cogroup(append).cogroup(second, append)
}

fn append(aggregate: &mut String, value: String) {
    *aggregate += &value;
}
