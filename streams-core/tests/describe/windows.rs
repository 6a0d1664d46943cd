//! Topologies with windows that are not aligned to the epoch.

use std::time::Duration;

use streams_core::state::SessionStore;
use streams_core::topic::Topic;
use streams_core::windows::{Session, SessionWindows, Sessions, Windowed};

use crate::topologies::{A, Named, keyed, left, replace};

const SESSION_COUNTS: Topic<Windowed<String, Session>, Option<i64>> = Topic::new("out");
const SESSION_TEXTS: Topic<Windowed<String, Session>, Option<String>> = Topic::new("out");

fn sessions() -> SessionWindows {
    Sessions::gap(Duration::from_secs(5 * 60)).grace(Duration::from_secs(60))
}

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
