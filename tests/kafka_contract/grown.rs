//! Topics that get more partitions while applications read them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use millstream::prelude::*;
use millstream::runtime::{AppError, Running, Settings};
use millstream::testing::log_contract::unique_prefix;
use millstream_tests::PATIENCE;
use millstream_tests::kafka::{add_partitions, bootstrap_servers};

const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");

/// The clients look at topics every half second, not every five minutes.
fn kafka() -> Kafka {
    Kafka::at(bootstrap_servers()).set("topic.metadata.refresh.interval.ms", "500")
}

struct Grown {
    id: String,
    client: Client,
    input: Topic<String, String>,
    output: Topic<String, String>,
}

impl Grown {
    fn new() -> Self {
        let id = unique_prefix();
        let [input, output] = ["in", "out"].map(|name| Topic::named(format!("{id}-{name}")).expect("a name"));
        let client = Client::new(kafka()).expect("a client");
        for topic in [&input, &output] {
            client.create_topic(topic).partitions(2).create().expect("created");
        }
        Self { id, client, input, output }
    }

    fn start(&self, topology: Topology) -> Running {
        let settings = Settings {
            metadata_max_age: Some(Duration::from_secs(1)),
            commit_interval: Some(Duration::from_millis(100)),
            ..Settings::default()
        };
        App::new(&self.id, topology).settings(settings).exactly_once().quiet().start(kafka()).expect("started")
    }

    /// A client looks only now and then how many partitions there are, so this is another one each time.
    fn send(&self, values: std::ops::Range<u32>) {
        let records = values.map(|value| (value.to_string(), value.to_string()));
        Client::new(kafka()).expect("a client").send_all(&self.input, records).expect("sent");
    }

    /// The number of partitions with records.
    fn partitions_used(&self) -> usize {
        let records = self.client.records(&self.input).expect("records");
        let partitions = records.map(|received| received.expect("a record").partition.partition);
        partitions.collect::<BTreeSet<_>>().len()
    }

    fn written(&self) -> Vec<String> {
        let records = self.client.records(&self.output).expect("records");
        records.map(|received| received.expect("a record").record.value).collect()
    }
}

fn wait_until(what: &str, reached: impl Fn() -> bool) {
    let began = Instant::now();
    while !reached() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn two_instances_divide_new_partitions_and_neither_lose_nor_repeat_a_record() {
    let grown = Grown::new();
    let copy = || {
        let builder = StreamsBuilder::new();
        builder.stream(grown.input.clone()).to(grown.output.clone());
        builder.build().expect("a topology")
    };
    let running = [grown.start(copy()), grown.start(copy())];
    grown.send(0..50);
    wait_until("the first ones", || grown.written().len() == 50);
    add_partitions(grown.input.name(), 6);
    wait_until("six tasks", || running.iter().map(|running| running.assignment().len()).sum::<usize>() == 6);
    grown.send(50..150);
    assert_eq!(grown.partitions_used(), 6);
    wait_until("all", || grown.written().len() >= 150);
    let mut written: Vec<u32> = grown.written().iter().map(|value| value.parse().expect("a number")).collect();
    written.sort_unstable();
    assert_eq!(written, (0..150).collect::<Vec<_>>());
    running.into_iter().for_each(|running| running.close().expect("no error"));
}

#[test]
fn an_application_with_state_ends_and_tells_both_numbers() {
    let grown = Grown::new();
    let builder = StreamsBuilder::new();
    let counts = builder.stream(grown.input.clone()).group_by_key().count().stored_as(COUNTS);
    counts.to_stream().map_values(|count| format!("{count:?}")).to(grown.output.clone());
    let running = grown.start(builder.build().expect("a topology"));
    grown.send(0..50);
    wait_until("the first ones", || grown.written().len() == 50);
    add_partitions(grown.input.name(), 3);
    let error = running.wait().expect_err("it ends");
    let AppError::InputsGrown { inputs, internal } = &error else { panic!("{error}") };
    assert_eq!(inputs, &format!("`{}` has 3 partitions now, not 2", grown.input.name()));
    assert_eq!(internal, &format!("`{}-counts-changelog` has 2", grown.id));
}
