//! Sources with options and patterns.

#![allow(unused_must_use, reason = "tables that nobody reads have names and numbers, too")]

use std::time::Duration;

use streams_core::record::Timestamp;
use streams_core::topic::{OffsetReset, TimestampPolicy, TopicPattern};

use crate::topologies::{A, B, Named, OUT, T, U, keyed, out};

pub(crate) const ALL: &[Named] = &[
    ("a pattern", |b| {
        b.stream(MANY).to(OUT);
    }),
    ("a pattern named and read twice", |b| {
        b.stream(MANY).named("many").map_values(|value| value).to(out(1));
        b.stream(A).to(out(2));
        b.stream(MANY).to(out(3));
    }),
    ("two patterns and a topic", |b| {
        let both = b.stream(MANY).merge(b.stream(TopicPattern::<String, String>::new("b-[0-9]+|c")));
        both.merge(b.stream(A)).group_by_key().count();
    }),
    ("a pattern by another key", |b| {
        keyed(b.stream(MANY)).group_by_key().count();
    }),
    ("sources with options", |b| {
        b.stream(A).named("n-a").timestamps(TimestampPolicy::Skip).offset_reset(OffsetReset::Latest).to(out(1));
        b.stream(B).timestamped_by(|_, _| Timestamp(0)).to(out(2));
        b.table(T).named("n-t").timestamped_by(|_, _| Timestamp(0)).offset_reset(OffsetReset::Earliest).to_stream();
        let an_hour = OffsetReset::ByDuration(Duration::from_secs(60 * 60));
        b.table(U).timestamps(TimestampPolicy::WallClock).offset_reset(an_hour).to_stream();
    }),
];

const MANY: TopicPattern<String, String> = TopicPattern::new("many-.*");
