//! Reads the output topics as any other program could: only committed records, through the log port.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use millstream::log::{Admin, Consumer, ConsumerOptions, Doorbell, FetchEvent, Isolation, Log, RecordRef};
use millstream::record::{Offset, TopicPartition};
use millstream::topic::Topic;
use millstream::wire::Field;

use crate::Failure;
use crate::answer;
use crate::events::{Alert, UserId, Visit};
use crate::reference::Numbers;
use crate::topology::{
    ALERTS, ALSO_VIEWED, COUNTRY_TOTALS, DEAD_LETTERS, FUNNEL, PAGE_TOTALS, PAGE_WINDOWS, SESSIONS, TOP_PAGES,
};

/// The number of records to fetch at a time.
const BATCH_RECORDS: usize = 2_000;

/// How long to wait for the log to ring before the next look.
const LOOK_AFTER: Duration = Duration::from_millis(100);

/// The names of the output topics.
pub fn output_topics() -> [String; 9] {
    [
        SESSIONS.name(),
        PAGE_WINDOWS.name(),
        TOP_PAGES.name(),
        PAGE_TOTALS.name(),
        COUNTRY_TOTALS.name(),
        FUNNEL.name(),
        ALSO_VIEWED.name(),
        ALERTS.name(),
        DEAD_LETTERS.name(),
    ]
    .map(str::to_owned)
}

/// The contents of the output topics so far.
#[derive(Default)]
pub struct Results {
    /// The latest value of every number.
    pub numbers: Numbers,
    /// The latest state of every visitor's session.
    pub visitors: HashMap<UserId, Visit>,
    /// The alerts that have not been looked at, each with the time when it was read.
    pub alerts: Vec<(String, Alert, Instant)>,
    /// The number of dead letters.
    pub dead_letters: u64,
    positions: BTreeMap<TopicPartition, Offset>,
}

impl Results {
    /// Whether everything up to these offsets has been read.
    pub fn reaches(&self, ends: &[(TopicPartition, Offset)]) -> bool {
        ends.iter().all(|(partition, end)| self.positions.get(partition).is_some_and(|position| position >= end))
    }

    fn take(&mut self, topic: &str, record: &RecordRef<'_>) -> Result<(), Failure> {
        if topic == PAGE_WINDOWS.name() {
            let (key, counts) = decode(&PAGE_WINDOWS, record)?;
            self.numbers.page_windows.insert((key.window.start.0, key.key), counts);
        } else if topic == TOP_PAGES.name() {
            let (key, views) = decode(&TOP_PAGES, record)?;
            self.numbers.top_pages.insert((key.window.start.0, key.key), views);
        } else if topic == SESSIONS.name() {
            let (key, visit) = decode(&SESSIONS, record)?;
            let session = (key.key, key.window.start.0, key.window.end.0);
            match visit {
                Some(visit) => {
                    self.numbers.sessions.insert(session, visit.actions);
                    self.visitors.insert(key.key, visit);
                }
                // It has become a longer one.
                None => {
                    self.numbers.sessions.remove(&session);
                }
            }
        } else if topic == PAGE_TOTALS.name() {
            let (page, counts) = decode(&PAGE_TOTALS, record)?;
            self.numbers.pages.insert(page, counts);
        } else if topic == COUNTRY_TOTALS.name() {
            let (country, count) = decode(&COUNTRY_TOTALS, record)?;
            self.numbers.countries.insert(country, count);
        } else if topic == FUNNEL.name() {
            let (step, count) = decode(&FUNNEL, record)?;
            self.numbers.funnel.insert(step, count);
        } else if topic == ALSO_VIEWED.name() {
            let (pair, count) = decode(&ALSO_VIEWED, record)?;
            self.numbers.pairs.insert(pair, count);
        } else if topic == ALERTS.name() {
            let (page, alert) = decode(&ALERTS, record)?;
            self.alerts.push((page, alert, Instant::now()));
        } else if topic == DEAD_LETTERS.name() {
            self.dead_letters += 1;
        }
        Ok(())
    }
}

fn decode<K: Field, V: Field>(topic: &Topic<K, V>, record: &RecordRef<'_>) -> Result<(K, V), Failure> {
    let wrong = |part: &str, error| format!("the {part} at offset {} of {}: {error}", record.offset, topic.name());
    let key = K::read(record.key).map_err(|error| wrong("key", error))?;
    let value = V::read(record.value).map_err(|error| wrong("value", error))?;
    Ok((key, value))
}

/// Reads the output topics into a shared [`Results`].
pub struct Reader {
    consumer: Box<dyn Consumer>,
    doorbell: Doorbell,
}

impl Reader {
    /// Starts at the first record of each partition.
    pub fn new(log: &dyn Log, admin: &dyn Admin, partitions: u32) -> Result<Self, Failure> {
        let doorbell = Doorbell::new();
        let options = ConsumerOptions {
            client_id: "pulse-results".to_owned(),
            isolation: Isolation::ReadCommitted,
            ..ConsumerOptions::default()
        };
        let mut consumer = log.consumer(options, doorbell.clone())?;
        let partitions = partitions_of(&output_topics(), partitions);
        for (partition, start) in partitions.iter().zip(answer(|| admin.start_offsets(partitions.clone()))?) {
            consumer.add(partition, start);
        }
        Ok(Self { consumer, doorbell })
    }

    /// Reads until `is_over`.
    pub fn run(mut self, results: &Mutex<Results>, is_over: &dyn Fn() -> bool) -> Result<(), Failure> {
        let mut events = Vec::new();
        while !is_over() {
            self.consumer.fetch(BATCH_RECORDS, &mut events);
            if events.is_empty() {
                self.doorbell.wait(LOOK_AFTER);
                continue;
            }
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            for event in events.drain(..) {
                match event {
                    FetchEvent::Records { partition, batch } => {
                        for record in batch.iter() {
                            results.take(&partition.topic, &record)?;
                        }
                        results.positions.insert(partition, batch.next_offset());
                    }
                    FetchEvent::End { partition, position } => {
                        results.positions.insert(partition, position);
                    }
                    FetchEvent::OutOfRange { partition, position } => {
                        return Err(format!("{partition} no longer has offset {position}").into());
                    }
                    FetchEvent::Error { error, .. } if error.is_transient() => {}
                    FetchEvent::Error { error, .. } => return Err(error.into()),
                }
            }
        }
        Ok(())
    }
}

/// All partitions of these topics.
pub fn partitions_of(topics: &[String], partitions: u32) -> Vec<TopicPartition> {
    let numbers = 0..i32::try_from(partitions).unwrap_or(i32::MAX);
    topics.iter().flat_map(|topic| numbers.clone().map(|number| TopicPartition::new(topic.as_str(), number))).collect()
}
