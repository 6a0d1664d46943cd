//! Counts words on Kafka, using only the facade: `external HOST:PORT` prints `word<TAB>count` lines.

use std::collections::BTreeMap;
use std::time::Duration;

use millstream::log::{ConsumerOptions, Doorbell, FetchEvent, Log, NewTopic, OutgoingRecord, ProducerOptions};
use millstream::prelude::*;
use millstream::record::{Offset, Partition, TopicPartition};

const TEXT: &str = "to be or not to be that is the question";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let servers = std::env::args().nth(1).ok_or("usage: external HOST:PORT")?;
    let run = std::process::id();
    let (lines, counts) = (format!("external-{run}-lines"), format!("external-{run}-counts"));
    let kafka = || Kafka::at(&servers);

    let topic = |name: &String| NewTopic { name: name.clone(), partitions: 1, replication: None, configs: Vec::new() };
    let created = kafka().admin(Doorbell::new())?.create_topics(vec![topic(&lines), topic(&counts)]).wait();
    for answer in created.ok_or("the broker did not answer")?? {
        answer?;
    }
    produce(&kafka(), &lines)?;

    let builder = StreamsBuilder::new();
    builder
        .stream(Topic::<(), String>::named(&lines)?)
        .flat_map_values(|line| line.split_whitespace().map(str::to_owned).collect())
        .group_by(|_, word| word.clone())
        .count()
        .to_stream()
        .to(Topic::<String, i64>::named(&counts)?);
    let folder = std::env::temp_dir().join(format!("external-{run}"));
    App::new(format!("external-{run}"), builder.build()?)
        .state_in(RocksDb::default())
        .state_dir(&folder)
        .run_until_idle(kafka())?;
    std::fs::remove_dir_all(&folder)?;

    for (word, count) in last_counts(&kafka(), &counts)? {
        println!("{word}\t{count}");
    }
    Ok(())
}

fn produce(kafka: &Kafka, topic: &str) -> Result<(), Box<dyn std::error::Error>> {
    let doorbell = Doorbell::new();
    let mut producer = kafka.producer(ProducerOptions::default(), doorbell.clone())?;
    let topic = producer.topic(topic);
    let headers = Headers::new();
    let record = OutgoingRecord { key: None, value: Some(TEXT.as_bytes()), timestamp: Timestamp(0), headers: &headers };
    producer.send(topic, Partition(0), record)?;
    while producer.flush()?.is_pending() {
        doorbell.wait(Duration::from_millis(5));
    }
    Ok(())
}

fn last_counts(kafka: &Kafka, topic: &str) -> Result<BTreeMap<String, i64>, Box<dyn std::error::Error>> {
    let doorbell = Doorbell::new();
    let mut consumer = kafka.consumer(ConsumerOptions::default(), doorbell.clone())?;
    consumer.add(&TopicPartition::new(topic, 0), Offset(0));
    let (mut counts, mut events) = (BTreeMap::new(), Vec::new());
    loop {
        consumer.fetch(1_000, &mut events);
        for event in events.drain(..) {
            match event {
                FetchEvent::Records { batch, .. } => {
                    for record in batch.iter() {
                        let word = String::from_utf8(record.key.unwrap_or_default().to_vec())?;
                        counts.insert(word, i64::from_be_bytes(record.value.unwrap_or_default().try_into()?));
                    }
                }
                FetchEvent::End { .. } => return Ok(counts),
                FetchEvent::OutOfRange { .. } => return Err("the topic lost its beginning".into()),
                FetchEvent::Error { error, .. } => return Err(error.into()),
            }
        }
        doorbell.wait(Duration::from_millis(50));
    }
}
