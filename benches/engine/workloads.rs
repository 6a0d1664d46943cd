//! The workloads: input, topology, reference.
//!
//! Values have 100 bytes and keys 16; there are 4 partitions and a fixed seed. Event time advances by one second per
//! 10,000 records.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use bytes::Bytes;
use clap::ValueEnum;
use millstream::log::{Doorbell, Log, LogErrorKind, NewTopic, OutgoingRecord, ProducerOptions, SendError};
use millstream::prelude::*;
use millstream::wire::murmur2::partition_of;

use crate::measure::Measured;

type Failure = Box<dyn std::error::Error>;

const PARTITIONS: u32 = 4;
const SEED: u64 = 42;
const RECORDS_PER_SECOND: u64 = 10_000;
const HOT_KEYS: u64 = 10_000;
const MANY_KEYS: u64 = 100_000;
const WINDOW: Duration = Duration::from_secs(10);

/// A topology with its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// source -> map -> filter (keeps all) -> sink
    PassThrough,
    /// group by key -> count -> sink, 10,000 keys, commit every 30 s
    HotCount,
    /// 10-second tumbling count, 100,000 keys
    TumblingCount,
}

impl std::fmt::Display for Workload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::PassThrough => "pass-through",
            Self::HotCount => "hot count",
            Self::TumblingCount => "tumbling count",
        })
    }
}

/// The names of a run's topics; each run has its own.
struct Names {
    application: String,
    input: Topic<Bytes, Bytes>,
    output: String,
}

impl Workload {
    /// The workloads that make sense on a log.
    pub(crate) fn for_log(on_kafka: bool) -> Vec<Self> {
        if on_kafka {
            vec![Self::PassThrough, Self::HotCount]
        } else {
            vec![Self::PassThrough, Self::HotCount, Self::TumblingCount]
        }
    }

    fn keys(self) -> u64 {
        match self {
            Self::PassThrough | Self::HotCount => HOT_KEYS,
            Self::TumblingCount => MANY_KEYS,
        }
    }

    /// Runs the workload once and compares its output with the reference.
    pub(crate) fn measure(self, bootstrap_servers: Option<&str>, records: u64) -> Result<Measured, Failure> {
        match bootstrap_servers {
            None => {
                let log = Embedded::in_memory();
                self.measure_on(log.clone(), log, records)
            }
            Some(servers) => self.measure_on(Kafka::at(servers), Kafka::at(servers), records),
        }
    }

    fn measure_on<L: Log>(self, log: L, tools: L, records: u64) -> Result<Measured, Failure> {
        let run = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_nanos();
        let names = Names {
            application: format!("bench-{run}"),
            input: Topic::named(format!("bench-{run}-in"))?,
            output: format!("bench-{run}-out"),
        };
        create_topics(&tools, &names)?;
        write_input(&tools, &names, self.keys(), records)?;
        let topology = self.topology(&names)?;
        let app = App::new(&names.application, topology).quiet().at_least_once().workers(1).cache_bytes(256 << 20);
        let measured = Measured::of(records, || app.run_until_idle(log).map(drop).map_err(Failure::from))?;
        self.check(&tools, &names, records)?;
        Ok(measured)
    }

    fn topology(self, names: &Names) -> Result<Topology, Failure> {
        let builder = StreamsBuilder::new();
        let input = builder.stream(names.input.clone());
        match self {
            Self::PassThrough => {
                let output: Topic<Bytes, Bytes> = Topic::named(&names.output)?;
                input.map_values(|value| value).filter(|_, value| !value.is_empty()).to(output);
            }
            Self::HotCount => {
                let output: Topic<Bytes, i64> = Topic::named(&names.output)?;
                input.group_by_key().count().to_stream().to(output);
            }
            Self::TumblingCount => {
                let output: Topic<Windowed<Bytes>, i64> = Topic::named(&names.output)?;
                input.group_by_key().windowed_by(Tumbling::of(WINDOW).grace(WINDOW)).count().to_stream().to(output);
            }
        }
        Ok(builder.build()?)
    }

    /// Compares the last value of every key (or the number of records) with the result of a simple loop over the input.
    fn check(self, tools: &dyn Log, names: &Names, records: u64) -> Result<(), Failure> {
        let output = read_all(tools, &names.output)?;
        if self == Self::PassThrough {
            return equal("records", output.count, records);
        }
        let mut expected: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
        for (key, timestamp) in input(self.keys(), records) {
            let mut key = key.to_vec();
            if self == Self::TumblingCount {
                let window = i64::try_from(WINDOW.as_millis())?;
                key.extend_from_slice(&(timestamp.0 / window * window).to_be_bytes());
            }
            *expected.entry(key).or_default() += 1;
        }
        equal("keys", output.last.len() as u64, expected.len() as u64)?;
        for (key, count) in expected {
            let found =
                output.last.get(&key).and_then(|bytes| bytes.as_slice().try_into().ok()).map(i64::from_be_bytes);
            if found != Some(count) {
                return Err(format!(
                    "{self}: key {} has count {found:?}, the reference says {count}",
                    key.escape_ascii()
                )
                .into());
            }
        }
        Ok(())
    }
}

fn equal(what: &str, found: u64, expected: u64) -> Result<(), Failure> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{found} {what} came out, the reference says {expected}").into())
    }
}

/// The keys and timestamps of the input, the same in every call.
fn input(keys: u64, records: u64) -> impl Iterator<Item = ([u8; 16], Timestamp)> {
    let mut random = fastrand::Rng::with_seed(SEED);
    (0..records).map(move |number| {
        let mut key = *b"key-000000000000";
        let mut rest = random.u64(0..keys);
        for digit in key.iter_mut().rev() {
            if rest == 0 {
                break;
            }
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        let time = i64::try_from(number * 1_000 / RECORDS_PER_SECOND).unwrap_or(i64::MAX);
        (key, Timestamp(time))
    })
}

fn create_topics(log: &dyn Log, names: &Names) -> Result<(), Failure> {
    let admin = log.admin(Doorbell::new())?;
    let topic =
        |name: &str| NewTopic { name: name.to_owned(), partitions: PARTITIONS, replication: None, configs: Vec::new() };
    let answers =
        admin.create_topics(vec![topic(names.input.name()), topic(&names.output)]).wait().ok_or("no answer")??;
    for answer in answers {
        match answer {
            Err(error) if error.kind != LogErrorKind::TopicExists => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

fn write_input(log: &dyn Log, names: &Names, keys: u64, records: u64) -> Result<(), Failure> {
    let doorbell = Doorbell::new();
    let mut producer = log.producer(ProducerOptions::default(), doorbell.clone())?;
    let topic = producer.topic(names.input.name());
    let value = [b'v'; 100];
    let headers = Headers::new();
    for (key, timestamp) in input(keys, records) {
        let record = OutgoingRecord { key: Some(&key), value: Some(&value), timestamp, headers: &headers };
        while let Err(error) = producer.send(topic, partition_of(&key, PARTITIONS), record) {
            match error {
                SendError::Full => {
                    producer.poll()?;
                    doorbell.wait(Duration::from_millis(1));
                }
                SendError::Refused(error) => return Err(error.into()),
            }
        }
    }
    while producer.flush()?.is_pending() {
        doorbell.wait(Duration::from_millis(1));
    }
    Ok(())
}

#[derive(Default)]
struct Output {
    count: u64,
    last: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// Reads a topic: the number of records, and each key's last value.
fn read_all(log: &dyn Log, topic: &str) -> Result<Output, Failure> {
    use millstream::log::{ConsumerOptions, FetchEvent};
    use millstream::record::{Offset, TopicPartition};

    let doorbell = Doorbell::new();
    let mut consumer = log.consumer(ConsumerOptions::default(), doorbell.clone())?;
    for partition in 0..PARTITIONS {
        consumer.add(&TopicPartition::new(topic, i32::try_from(partition)?), Offset(0));
    }
    let (mut output, mut ended, mut events) = (Output::default(), HashSet::new(), Vec::new());
    while ended.len() < PARTITIONS as usize {
        consumer.fetch(10_000, &mut events);
        if events.is_empty() {
            doorbell.wait(Duration::from_millis(10));
        }
        for event in events.drain(..) {
            match event {
                FetchEvent::Records { batch, .. } => {
                    output.count += batch.len() as u64;
                    for record in batch.iter() {
                        if let (Some(key), Some(value)) = (record.key, record.value) {
                            output.last.insert(key.to_vec(), value.to_vec());
                        }
                    }
                }
                FetchEvent::End { partition, .. } => _ = ended.insert(partition),
                FetchEvent::OutOfRange { .. } => return Err("the output topic has lost its first records".into()),
                FetchEvent::Error { error, .. } => return Err(error.into()),
            }
        }
    }
    Ok(output)
}
