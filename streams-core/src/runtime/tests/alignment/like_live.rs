//! The property that the setting is for: a replay and a live run of the same input have the same final tables, whatever the
//! number of workers and instances, if what is aggregated is commutative and the grace is no shorter than the bound and the
//! disorder of the input.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::replays::{BOUND, COUNTS, EVENTS, Event, Replay, WINDOW, settings};
use crate::dsl::StreamsBuilder;
use crate::runtime::Guarantee;
use crate::topology::Topology;
use crate::windows::Tumbling;

/// How far the input itself is out of order.
const DISORDER_MS: i64 = 200;

/// Records of so many milliseconds come at once in a live run.
const STEP_MS: i64 = 300;

/// Through two repartition topics, one after the other.
fn through_two() -> Topology {
    let builder = StreamsBuilder::new();
    let words = builder.stream(EVENTS).select_key(|_, word: &String| word.clone()).repartition();
    let lengths = words.group_by(|word, _| format!("{word}{word}"));
    let windows = Tumbling::of(WINDOW).grace(BOUND * 2 + Duration::from_millis(DISORDER_MS.cast_unsigned()));
    lengths.windowed_by(windows).count().to_stream().to(COUNTS);
    builder.build().expect("a topology")
}

/// Twenty seconds, in which each partition has as many records as it likes.
fn input() -> impl Strategy<Value = Vec<Event>> {
    let event = |partition: i32| {
        (0..20_000_i64, 0..DISORDER_MS, 0..4_u8)
            .prop_map(move |(at, early, word)| (at, Event::new(partition, &format!("w{word}"), (at - early).max(0))))
    };
    let of_partition = move |partition: i32| prop::collection::vec(event(partition), 0..200);
    (of_partition(0), of_partition(1), of_partition(2), of_partition(3)).prop_map(|parts| {
        let mut all: Vec<_> = [parts.0, parts.1, parts.2, parts.3].concat();
        all.sort_by_key(|(at, _)| *at);
        all.into_iter().map(|(_, event)| event).collect()
    })
}

type Counts = BTreeMap<(String, i64), i64>;

/// Everything is there when the instances begin.
fn replayed(events: &[Event], guarantee: Guarantee, workers: usize, count: usize) -> (Counts, u64) {
    let mut settings = settings(guarantee, workers, true);
    settings.records_per_round = 20;
    let replay = Replay::with(through_two(), events, settings);
    let mut instances = replay.instances(count);
    replay.run(&mut instances);
    (replay.counted(), replay.late(&instances))
}

/// Records come as time passes, and are processed at once.
fn live(events: &[Event]) -> Counts {
    let mut live = Replay::with(through_two(), &[], settings(Guarantee::ExactlyOnce, 1, false));
    let mut instances = live.instances(1);
    (0..20).for_each(|_| live.step(&mut instances));
    let mut rest = events;
    while let Some(first) = rest.first() {
        let later = |event: &Event| event.time > first.time + STEP_MS;
        let (now, left) = rest.split_at(rest.iter().position(later).unwrap_or(rest.len()));
        live.send(now);
        (0..25).for_each(|_| live.step(&mut instances));
        rest = left;
    }
    live.run(&mut instances);
    live.counted()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, ..ProptestConfig::default() })]

    #[test]
    fn a_replay_has_the_tables_of_a_live_run(events in input(), workers in 1..4_usize, count in 1..4_usize) {
        let live = live(&events);
        for guarantee in [Guarantee::ExactlyOnce, Guarantee::AtLeastOnce] {
            let (replayed, late) = replayed(&events, guarantee, workers, count);
            prop_assert_eq!(late, 0, "{:?}, {} workers, {} instances", guarantee, workers, count);
            prop_assert_eq!(&replayed, &live, "{:?}, {} workers, {} instances", guarantee, workers, count);
        }
    }
}
