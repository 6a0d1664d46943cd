//! Suppressions.

use std::time::Duration;

use streams_core::dsl::suppress::{Suppression, TimeLimit};
use streams_core::dsl::{KTable, StreamsBuilder, Suppress};
use streams_core::windows::Windowed;

use super::{A, Named, OUT, T, WINDOWED_COUNTS, keyed, left, swapped, text_store, tumbling};

const fn minute() -> Suppression<TimeLimit> {
    Suppress::until_time_limit(Duration::from_secs(60)).unbounded()
}

fn windowed_counts(b: &StreamsBuilder) -> KTable<'_, Windowed<String>, i64> {
    b.stream(A).group_by_key().windowed_by(tumbling()).count()
}

pub(super) const SUPPRESSIONS: &[Named] = &[
    ("suppress", |b| {
        b.table(T).suppress(minute()).to_stream().to(OUT);
    }),
    ("suppress named", |b| {
        b.table(T).suppress(minute()).named("waiting").to_stream().to(OUT);
    }),
    ("suppress of what nobody reads", |b| {
        b.table(T).suppress(minute());
    }),
    ("suppress with a limit", |b| {
        let few = Suppress::until_time_limit(Duration::from_secs(60)).max_records(10).max_bytes(1_000);
        b.table(T).suppress(few.shut_down_when_full()).to_stream().to(OUT);
    }),
    ("suppress not logged", |b| {
        b.table(T).suppress(minute()).not_logged().to_stream().to(OUT);
    }),
    ("suppress with changelog settings", |b| {
        b.table(T).suppress(minute()).changelog_config("segment.bytes", "1048576").to_stream().to(OUT);
    }),
    ("suppress of a stored table", |b| {
        b.table(T).stored_as(text_store("rows")).suppress(minute()).to_stream().to(OUT);
    }),
    ("suppress of a filtered and mapped table", |b| {
        b.table(T).filter(|_, _| true).map_values(|value| value).suppress(minute()).to_stream().to(OUT);
    }),
    ("suppress of a stream's table", |b| {
        keyed(b.stream(A)).to_table().suppress(minute()).to_stream().to(OUT);
    }),
    ("suppress of a suppressed table", |b| {
        b.table(T).suppress(minute()).map_values(|value| value).suppress(minute()).to_stream().to(OUT);
    }),
    ("suppress until a window closes", |b| {
        windowed_counts(b).suppress(Suppress::until_window_closes().unbounded()).to_stream().to(WINDOWED_COUNTS);
    }),
    ("suppress until a window closes named", |b| {
        let closed = windowed_counts(b).suppress(Suppress::until_window_closes().unbounded()).named("waiting");
        closed.to_stream().to(WINDOWED_COUNTS);
    }),
    ("suppress behind other operators until a window closes", |b| {
        let counts = windowed_counts(b).filter(|_, _| true).map_values(|value| value);
        counts.suppress(Suppress::until_window_closes().unbounded()).to_stream().to(WINDOWED_COUNTS);
    }),
    ("suppress of a changed key", |b| {
        let counts = b.stream(A).group_by(|_, value| value.clone()).windowed_by(tumbling()).count();
        counts.suppress(Suppress::until_window_closes().unbounded()).to_stream().to(WINDOWED_COUNTS);
    }),
    ("suppressed rows grouped", |b| {
        let counts = b.table(T).suppress(minute()).group_by(swapped).count();
        counts.suppress(minute()).to_stream().to(super::COUNTS);
    }),
    ("suppressed rows filtered, mapped and stored", |b| {
        let rows = b.table(T).suppress(minute()).filter(|_, _| true);
        rows.map_values(|value| value).stored_as(text_store("mapped")).to_stream().to(OUT);
    }),
    ("join with suppressed rows", |b| {
        let table = b.table(T).suppress(minute());
        b.stream(A).join(table, left).to(OUT);
    }),
    ("join with mapped suppressed rows", |b| {
        let table = b.table(T).filter(|_, _| true).suppress(minute()).map_values(|value| value);
        b.stream(A).left_join(table, |left, _| left).to(OUT);
    }),
];
