//! A backlog whose partitions are out of step, and its replay through a repartition topic into windows with a short grace,
//! by any program that prints what it has counted: by ours (`replay-instance`) and by Kafka Streams (`tests/java/replay`).
//!
//! Both have the same command line, `SERVERS ID INPUT OUTPUT STATE_FOLDER [BOUND_MS]`, and print `counted processed=N late=N`
//! whenever that has changed. When their input ends, so do they.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use millstream::log::Isolation;
use millstream::prelude::{Client, Kafka, Topic};
use millstream::wire::murmur2::partition_of;

use crate::PATIENCE;
use crate::program::Program;
use crate::records::TopicOf;

/// Of the backlog, the repartition topic and the output.
pub const PARTITIONS: u32 = 4;

/// How many records the backlog has.
pub const RECORDS: i64 = 200_004;

/// The windows' size and grace in milliseconds. The grace is also the bound for event times.
pub const WINDOW_MS: i64 = 60_000;
/// See [`WINDOW_MS`].
pub const GRACE_MS: i64 = 5_000;

/// Records are counted by their times modulo this.
pub const KEYS: i64 = 100;

/// The last count of each key and window, by the bytes of both.
pub type Table = BTreeMap<Vec<u8>, i64>;

/// Ten hours, of which the partitions have a half, a quarter, a sixth and a twelfth of the records: keys and times.
///
/// # Panics
/// Never: each partition has keys.
#[must_use]
pub fn backlog() -> Vec<(i64, i64)> {
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

/// The table of a backlog of which no record is late.
#[must_use]
pub fn expected() -> Table {
    let mut table = Table::new();
    for (_, time) in backlog() {
        let key = [(time % KEYS).to_be_bytes(), (time / WINDOW_MS * WINDOW_MS).to_be_bytes()].concat();
        *table.entry(key).or_default() += 1;
    }
    table
}

/// A backlog on a broker.
pub struct Replay {
    servers: String,
    run: String,
    input: String,
}

/// What several processes have made of the backlog.
#[derive(Debug)]
pub struct Replayed {
    /// The records that each of them has dropped as late.
    pub late: Vec<u64>,
    /// The records that each of them has processed, those of the repartition topic too.
    pub processed: Vec<u64>,
    /// What the output topic has.
    pub table: Table,
}

impl Replay {
    /// Writes the backlog to the broker; `run` comes before all names.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn write(servers: &str, run: &str) -> Self {
        let input = Topic::<i64, i64>::named(format!("{run}-events")).expect("a name");
        let client = Client::new(Kafka::at(servers)).expect("a client");
        client.create_topic(&input).partitions(PARTITIONS).create().expect("created");
        assert_eq!(client.send_all(&input, backlog()).expect("sent").to_string(), RECORDS.to_string());
        Self { servers: servers.to_owned(), run: run.to_owned(), input: input.name().to_owned() }
    }

    /// Replays it in that many processes of an application with this name.
    ///
    /// # Panics
    /// When one of them fails, or they are not done in time.
    #[must_use]
    pub fn by(&self, name: &str, processes: usize, command: impl Fn() -> Command, bound_ms: Option<i64>) -> Replayed {
        let id = format!("{}-{name}", self.run);
        let log = Kafka::at(&*self.servers);
        let output = TopicOf::create(&log, &format!("{id}-counts"), PARTITIONS);
        let state = tempfile::tempdir().expect("a folder");
        let start = |number: usize| {
            let mut command = command();
            command.args([&*self.servers, &id, &self.input, output.name()]).arg(state.path().join(number.to_string()));
            command.args(bound_ms.map(|bound| bound.to_string()));
            Program::start(&format!("{name} {number}"), &mut command)
        };
        let processes: Vec<_> = (0..processes).map(start).collect();
        until_counted(&processes);
        let of_each = |name| processes.iter().map(|process| last(process, name)).collect();
        let (late, processed) = (of_each("late"), of_each("processed"));
        processes.into_iter().for_each(|process| drop(process.finish()));
        Replayed { late, processed, table: table(&output) }
    }
}

impl Replayed {
    /// How many records are not in the table.
    #[must_use]
    pub fn missing(&self) -> i64 {
        RECORDS - self.table.values().sum::<i64>()
    }
}

fn table(output: &TopicOf<'_>) -> Table {
    let ends: i64 = output.ends().iter().sum();
    assert!(ends > 0, "{} has no records", output.name());
    let mut table = Table::new();
    output.read(Isolation::ReadUncommitted, |record| {
        let count = record.value.and_then(|value| value.try_into().ok()).map_or(0, i64::from_be_bytes);
        table.insert(record.key.unwrap_or_default().to_vec(), count);
    });
    table
}

/// The last number of this name that a process has printed.
fn last(process: &Program, name: &str) -> u64 {
    let number =
        |line: &String| line.split(' ').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
    process.lines().iter().rev().find_map(number).unwrap_or(0)
}

/// Waits until both parts of the topology have processed all records.
fn until_counted(processes: &[Program]) {
    let began = Instant::now();
    loop {
        let processed: u64 = processes.iter().map(|process| last(process, "processed")).sum();
        if processed >= 2 * RECORDS.cast_unsigned() {
            return;
        }
        for process in processes {
            let ended = process.ended();
            assert!(ended.is_none(), "a process has ended ({ended:?})\n{}", process.last_lines());
        }
        assert!(began.elapsed() < PATIENCE, "{processed} records are processed, and not all");
        std::thread::sleep(Duration::from_millis(50));
    }
}
