//! A backlog whose partitions are out of step, read through a repartition topic into windows with a short grace: aligned,
//! nothing is late, in one process and in three, or in three instances; otherwise most of it is. `cargo xtask replay` shows
//! what Kafka Streams makes of it.

use std::process::Command;
use std::time::Duration;

use millstream::prelude::*;
use millstream_tests::kafka::bootstrap_servers;
use millstream_tests::replay::{GRACE_MS, KEYS, PARTITIONS, RECORDS, Replay, WINDOW_MS, backlog, expected};
use millstream_tests::say;

/// How long to wait for an instance.
const PATIENCE: Duration = Duration::from_secs(120);

const fn ms(millis: i64) -> Duration {
    Duration::from_millis(millis.unsigned_abs())
}

fn counting(input: &Topic<i64, i64>) -> Topology {
    let builder = StreamsBuilder::new();
    let events = builder.stream(input.clone()).timestamped_by(|event, _| Timestamp(event.value));
    let windows = Tumbling::of(ms(WINDOW_MS)).grace(ms(GRACE_MS));
    _ = events.group_by(|_, time| time % KEYS).windowed_by(windows).count();
    builder.build().expect("a topology")
}

/// Replays everything in that many instances. Returns how many records were late.
fn late(id: &str, input: &Topic<i64, i64>, instances: usize, bound: Option<Duration>) -> u64 {
    let start = || {
        let app = App::new(id, counting(input)).workers(2).commit_interval(Duration::from_millis(200)).quiet();
        let app = match bound {
            Some(bound) => app.align_event_time(bound),
            None => app,
        };
        app.start(Kafka::at(bootstrap_servers())).expect("started")
    };
    let running: Vec<_> = (0..instances).map(|_| start()).collect();
    let counted = || {
        let tasks: Vec<_> = running.iter().flat_map(|running| running.tasks()).collect();
        let counting = tasks.iter().filter(|(id, _)| id.subtopology == 1).map(|(_, task)| task);
        let processed = counting.clone().map(|task| task.processed).sum::<u64>();
        (processed, counting.filter_map(|task| task.dropped.get("late").copied()).sum::<u64>())
    };
    let began = std::time::Instant::now();
    while counted().0 < RECORDS.cast_unsigned() {
        assert!(began.elapsed() < PATIENCE, "{:?} of {RECORDS} are counted", counted());
        std::thread::sleep(Duration::from_millis(50));
    }
    let (counted_all, late_ones) = counted();
    say(&format!("{id}: {late_ones} of {counted_all} late after {:.1?}", began.elapsed()));
    running.into_iter().for_each(|running| running.close().expect("no error"));
    late_ones
}

#[test]
fn a_replay_loses_nothing_if_it_is_aligned() {
    let run = millstream::testing::log_contract::unique_prefix();
    let input = Topic::<i64, i64>::named(format!("{run}-events")).expect("a name");
    let client = Client::new(Kafka::at(bootstrap_servers())).expect("a client");
    client.create_topic(&input).partitions(PARTITIONS).create().expect("created");
    let backlog = backlog();
    let all = backlog.len() as u64;
    assert_eq!(client.send_all(&input, backlog).expect("sent"), all as usize);
    assert_eq!(late(&format!("{run}-one"), &input, 1, Some(ms(GRACE_MS))), 0, "one process");
    assert_eq!(late(&format!("{run}-three"), &input, 3, Some(ms(GRACE_MS))), 0, "three instances");
    let lost = late(&format!("{run}-apart"), &input, 1, None);
    assert!(lost > all / 4, "{lost} of {all} are late without alignment");
}

#[test]
fn processes_divide_an_aligned_replay_and_lose_nothing() {
    let run = millstream::testing::log_contract::unique_prefix();
    let replay = Replay::write(bootstrap_servers(), &run);
    let instance = || Command::new(env!("CARGO_BIN_EXE_replay-instance"));
    for processes in [1, 3] {
        let replayed = replay.by(&format!("in-{processes}"), processes, instance, Some(GRACE_MS));
        say(&format!("{run}: late {:?} of {:?} in {processes} processes", replayed.late, replayed.processed));
        assert_eq!(replayed.late, vec![0; processes]);
        assert!(!replayed.processed.contains(&0), "{:?} are processed", replayed.processed);
        assert!(replayed.table == expected(), "{} records are not in the final table", replayed.missing());
    }
}
