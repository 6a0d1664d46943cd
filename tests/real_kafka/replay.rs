//! A backlog whose partitions are out of step, read through a repartition topic into windows with a short grace: aligned,
//! nothing is late, in one process and in three instances; otherwise most of it is.

use std::time::Duration;

use millstream::prelude::*;
use millstream::wire::murmur2::partition_of;
use millstream_tests::kafka::bootstrap_servers;
use millstream_tests::say;

const PARTITIONS: u32 = 4;
const RECORDS: i64 = 200_004;
const MINUTE: Duration = Duration::from_secs(60);

/// The windows' grace, and the bound.
const GRACE: Duration = Duration::from_secs(5);

/// How long to wait for an instance.
const PATIENCE: Duration = Duration::from_secs(120);

/// Ten hours, of which the partitions have a half, a quarter, a sixth and a twelfth of the records.
fn backlog() -> Vec<(i64, i64)> {
    const TEN_HOURS_MS: i64 = 10 * 3_600_000;
    let key_in = |partition: i32| {
        (0_i64..).find(|key| partition_of(&key.to_be_bytes(), PARTITIONS).0 == partition).expect("some key is there")
    };
    let of_partition = |(partition, share): (i32, i64)| {
        let (key, count) = (key_in(partition), RECORDS * share / 12);
        (0..count).map(move |number| (key, number * TEN_HOURS_MS / count))
    };
    [(0, 6), (1, 3), (2, 2), (3, 1)].into_iter().flat_map(of_partition).collect()
}

fn counting(input: &Topic<i64, i64>) -> Topology {
    let builder = StreamsBuilder::new();
    let events = builder.stream(input.clone()).timestamped_by(|event, _| Timestamp(event.value));
    let windows = Tumbling::of(MINUTE).grace(GRACE);
    _ = events.group_by(|_, time| time % 100).windowed_by(windows).count();
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
    assert_eq!(late(&format!("{run}-one"), &input, 1, Some(GRACE)), 0, "one process");
    assert_eq!(late(&format!("{run}-three"), &input, 3, Some(GRACE)), 0, "three instances");
    let lost = late(&format!("{run}-apart"), &input, 1, None);
    assert!(lost > all / 4, "{lost} of {all} are late without alignment");
}
