//! Topologies with windows that are not aligned to the epoch.

use std::time::Duration;

use streams_core::record::Timestamp;
use streams_core::state::{SessionStore, WindowStore};
use streams_core::topic::Topic;
use streams_core::windows::{
    Hopping, Session, SessionWindows, Sessions, Sliding, SlidingWindows, TimeWindows, Tumbling, Unlimited, Windowed,
};

use crate::topologies::{A, Named, keyed, left, replace};

const SESSION_COUNTS: Topic<Windowed<String, Session>, Option<i64>> = Topic::new("out");
const SESSION_TEXTS: Topic<Windowed<String, Session>, Option<String>> = Topic::new("out");

const COUNTS: Topic<Windowed<String>, Option<i64>> = Topic::new("out");
const TEXTS: Topic<Windowed<String>, Option<String>> = Topic::new("out");

fn minutes() -> TimeWindows {
    Tumbling::of(Duration::from_secs(60)).grace(Duration::from_secs(5))
}

fn sessions() -> SessionWindows {
    Sessions::gap(Duration::from_secs(5 * 60)).grace(Duration::from_secs(60))
}

fn sliding() -> SlidingWindows {
    Sliding::of(Duration::from_secs(30)).grace(Duration::from_secs(5))
}

pub(crate) const SLIDING: &[Named] = &[
    ("sliding count", |b| {
        b.stream(A).group_by_key().windowed_by(sliding()).count().to_stream().to(COUNTS);
    }),
    ("sliding count named and stored", |b| {
        let counts = b.stream(A).group_by_key().windowed_by(sliding()).count().named("counting");
        counts.stored_as(WindowStore::new("counts")).to_stream().to(COUNTS);
    }),
    ("sliding count retained without a store's name", |b| {
        b.stream(A).group_by_key().windowed_by(sliding()).count().retention(Duration::from_secs(7 * 24 * 3_600));
    }),
    ("sliding reduce of a changed key named and stored", |b| {
        let windowed = keyed(b.stream(A)).group_by_key().named("keyed").windowed_by(sliding());
        windowed.reduce(left).named("reducing").stored_as(WindowStore::new("reduced"));
    }),
    ("sliding aggregate of a changed key on close", |b| {
        let windowed = b.stream(A).group_by(|_, value| value.clone()).windowed_by(sliding());
        windowed.emit_on_close().aggregate(String::new, replace).to_stream().to(TEXTS);
    }),
    ("sliding count not cached and not logged", |b| {
        b.stream(A).group_by_key().windowed_by(sliding()).count().not_cached().not_logged();
    }),
];

pub(crate) const UNLIMITED: &[Named] = &[
    ("unlimited count", |b| {
        b.stream(A).group_by_key().windowed_by(Unlimited::starting_at(Timestamp(0))).count().to_stream().to(COUNTS);
    }),
    ("unlimited reduce of a changed key named and stored", |b| {
        let windowed =
            keyed(b.stream(A)).group_by_key().named("keyed").windowed_by(Unlimited::starting_at(Timestamp(1_000)));
        windowed.reduce(left).named("reducing").stored_as(WindowStore::new("reduced"));
    }),
    ("unlimited count not cached without a store's name", |b| {
        b.stream(A).group_by_key().windowed_by(Unlimited::starting_at(Timestamp(0))).count().not_cached();
    }),
];

pub(crate) const ON_CLOSE: &[Named] = &[
    ("tumbling count on close", |b| {
        b.stream(A).group_by_key().windowed_by(minutes()).emit_on_close().count().to_stream().to(COUNTS);
    }),
    ("tumbling count on close stored", |b| {
        b.stream(A).group_by_key().windowed_by(minutes()).emit_on_close().count().stored_as(WindowStore::new("counts"));
    }),
    ("hopping aggregate of a changed key on close", |b| {
        let hopping = Hopping::of(Duration::from_secs(60)).advance_by(Duration::from_secs(10)).no_grace();
        let windowed = b.stream(A).group_by(|_, value| value.clone()).windowed_by(hopping);
        windowed.emit_on_close().aggregate(String::new, replace).to_stream().to(TEXTS);
    }),
];

pub(crate) const SESSIONS: &[Named] = &[
    ("session count", |b| {
        b.stream(A).group_by_key().windowed_by(sessions()).count().to_stream().to(SESSION_COUNTS);
    }),
    ("session count named", |b| {
        b.stream(A).group_by_key().windowed_by(sessions()).count().named("counting").to_stream().to(SESSION_COUNTS);
    }),
    ("session count stored", |b| {
        b.stream(A).group_by_key().windowed_by(sessions()).count().stored_as(SessionStore::new("counts"));
    }),
    ("session count on close", |b| {
        b.stream(A).group_by_key().windowed_by(sessions()).emit_on_close().count().to_stream().to(SESSION_COUNTS);
    }),
    ("session reduce of a changed key on close named and stored", |b| {
        let windowed = keyed(b.stream(A)).group_by_key().named("keyed").windowed_by(sessions());
        windowed.emit_on_close().reduce(left).named("reducing").stored_as(SessionStore::new("reduced"));
    }),
    ("session count retained without a store's name", |b| {
        b.stream(A).group_by_key().windowed_by(sessions()).count().retention(Duration::from_secs(7 * 24 * 3_600));
    }),
    ("session reduce of a changed key named and stored", |b| {
        keyed(b.stream(A))
            .group_by_key()
            .named("keyed")
            .windowed_by(sessions())
            .reduce(left)
            .named("reducing")
            .stored_as(SessionStore::new("reduced"));
    }),
    ("session aggregate of a changed key", |b| {
        let texts = b.stream(A).group_by(|_, value| value.clone()).windowed_by(sessions());
        texts.aggregate(String::new, replace, |_, later| later).to_stream().to(SESSION_TEXTS);
    }),
    ("session aggregate not cached and not logged", |b| {
        let texts = b.stream(A).group_by_key().windowed_by(sessions());
        texts.aggregate(String::new, replace, |_, later| later).not_cached().not_logged();
    }),
    ("sessions of sessions", |b| {
        let counts = b.stream(A).group_by_key().windowed_by(sessions()).count();
        let counts = counts.map_values(|count| count.to_string()).to_stream();
        _ = counts.group_by(|key, _| key.key.clone()).windowed_by(sessions()).count();
    }),
];
