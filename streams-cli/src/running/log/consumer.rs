//! Reads a running application's log. A thread asks for what comes next, and waits for it at the server's.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use streams_core::log::{BatchBuilder, Consumer, Doorbell, FetchEvent, LogError};
use streams_core::record::{Header, Headers, Offset, Timestamp, TopicPartition};

use super::incomplete;
use crate::running::{CallError, Caller, escaped};

/// How many records are asked for at once.
const RECORDS: usize = 2_000;

/// How long the server waits for a record: with one topic, and with several that take turns.
const WAIT: &str = "5s";
const WAIT_OF_SEVERAL: &str = "200ms";

/// The pause before something is asked again that the server has no time for.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// A consumer. Its thread ends with it, when the server answers the next time.
pub(super) struct ConsumerOfRunning {
    shared: Arc<Shared>,
    caller: Arc<Caller>,
    doorbell: Doorbell,
    is_started: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    reading: BTreeMap<TopicPartition, Reading>,
    /// What has been read and not been fetched. Nothing more is asked for meanwhile.
    events: Vec<FetchEvent>,
    /// Whether the events up to here say that a partition has ended there.
    is_over: bool,
    /// The last number that was given to a [`Reading`].
    last: u64,
}

/// A partition that is read.
#[derive(Clone, Copy)]
struct Reading {
    position: Offset,
    is_paused: bool,
    /// Whether it is known that there is nothing more for now.
    is_at_end: bool,
    /// Each time that it is told to read somewhere, it is another one.
    number: u64,
}

impl ConsumerOfRunning {
    pub(super) fn new(caller: Arc<Caller>, doorbell: Doorbell) -> Self {
        Self { shared: Arc::default(), caller, doorbell, is_started: false }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.lock());
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is something to ask for. `None` if nobody wants to know any more.
    fn next(&self) -> Option<BTreeMap<TopicPartition, Reading>> {
        let has_nothing_to_do = |state: &mut State| {
            let is_idle = state.reading.values().all(|reading| reading.is_paused);
            !state.is_over && (is_idle || !state.events.is_empty())
        };
        let state = self.changed.wait_while(self.lock(), has_nothing_to_do).unwrap_or_else(PoisonError::into_inner);
        let active = state.reading.iter().filter(|(_, reading)| !reading.is_paused);
        (!state.is_over).then(|| active.map(|(at, reading)| (at.clone(), *reading)).collect())
    }
}

impl Consumer for ConsumerOfRunning {
    fn add(&mut self, partition: &TopicPartition, from: Offset) {
        self.change(|state| {
            state.last += 1;
            let number = state.last;
            let reading = Reading { position: from, is_paused: false, is_at_end: false, number };
            state.reading.insert(partition.clone(), reading);
            state.forget(partition);
        });
    }

    fn remove(&mut self, partition: &TopicPartition) {
        self.change(|state| {
            state.reading.remove(partition);
            state.forget(partition);
        });
    }

    fn pause(&mut self, partition: &TopicPartition) {
        self.change(|state| {
            if let Some(reading) = state.reading.get_mut(partition) {
                reading.is_paused = true;
            }
        });
    }

    fn resume(&mut self, partition: &TopicPartition) {
        self.change(|state| {
            if let Some(reading) = state.reading.get_mut(partition) {
                reading.is_paused = false;
            }
        });
    }

    fn fetch(&mut self, _: usize, events: &mut Vec<FetchEvent>) {
        // Not before it is known which partitions are wanted.
        if !self.is_started {
            self.is_started = true;
            let (shared, caller, doorbell) =
                (Arc::clone(&self.shared), Arc::clone(&self.caller), self.doorbell.clone());
            std::thread::spawn(move || read(&shared, &caller, &doorbell));
        }
        self.change(|state| events.append(&mut state.events));
    }
}

impl Drop for ConsumerOfRunning {
    fn drop(&mut self) {
        self.change(|state| state.is_over = true);
    }
}

impl State {
    /// Drops what was read of a partition.
    fn forget(&mut self, partition: &TopicPartition) {
        self.events.retain(|event| match event {
            FetchEvent::Records { partition: of, .. }
            | FetchEvent::End { partition: of, .. }
            | FetchEvent::OutOfRange { partition: of, .. } => of != partition,
            FetchEvent::Error { partition: of, .. } => of.as_ref() != Some(partition),
        });
    }

    /// Takes an answer about these partitions, as far as they are still read from where they were when it was asked for.
    fn take(&mut self, asked: &BTreeMap<TopicPartition, Reading>, page: Page) {
        let Page { records, next, is_end } = page;
        for (partition, batch) in records {
            let next = next.get(&partition).copied().unwrap_or(Offset(0));
            if let Some(reading) = self.still(asked, &partition) {
                (reading.position, reading.is_at_end) = (next, false);
                self.events.push(FetchEvent::Records { partition, batch: batch.finish(next) });
            }
        }
        for (partition, position) in next.into_iter().filter(|_| is_end) {
            if let Some(reading) = self.still(asked, &partition)
                && !(reading.is_at_end && reading.position == position)
            {
                (reading.position, reading.is_at_end) = (position, true);
                self.events.push(FetchEvent::End { partition, position });
            }
        }
    }

    fn still(&mut self, asked: &BTreeMap<TopicPartition, Reading>, partition: &TopicPartition) -> Option<&mut Reading> {
        let number = asked.get(partition)?.number;
        self.reading.get_mut(partition).filter(|reading| reading.number == number)
    }

    /// Nothing more comes of these partitions.
    fn fail(&mut self, asked: &BTreeMap<TopicPartition, Reading>, error: &CallError) {
        for (partition, reading) in asked {
            if self.still(asked, partition).is_none() {
                continue;
            }
            self.reading.remove(partition);
            let (partition, position) = (partition.clone(), reading.position);
            self.events.push(match error {
                CallError::Refused { code, .. } if code == "out_of_range" => {
                    FetchEvent::OutOfRange { partition, position }
                }
                error => FetchEvent::Error { partition: Some(partition), error: error.clone().into() },
            });
        }
    }
}

/// An answer of the server's.
struct Page {
    records: BTreeMap<TopicPartition, BatchBuilder>,
    next: BTreeMap<TopicPartition, Offset>,
    is_end: bool,
}

/// Reads until the consumer is gone.
fn read(shared: &Shared, caller: &Caller, doorbell: &Doorbell) {
    while let Some(wanted) = shared.next() {
        let mut topics: BTreeMap<Arc<str>, BTreeMap<TopicPartition, Reading>> = BTreeMap::new();
        for (at, reading) in wanted {
            topics.entry(Arc::clone(&at.topic)).or_default().insert(at, reading);
        }
        let wait = if topics.len() > 1 { WAIT_OF_SEVERAL } else { WAIT };
        for (topic, asked) in topics {
            // Whoever does not know yet that there is nothing wants to know that at once.
            let wait = asked.values().all(|reading| reading.is_at_end).then_some(wait);
            let answer = caller.get(&path(&topic, &asked, wait));
            let page = answer.map_err(Ok).and_then(|answer| page(&topic, &answer).map_err(Err));
            let mut state = shared.lock();
            match page {
                Ok(page) => state.take(&asked, page),
                Err(Ok(CallError::Refused { code, .. })) if code == "busy" || code == "log_silent" => {
                    drop(state);
                    Doorbell::new().wait(RETRY_AFTER);
                    continue;
                }
                Err(Ok(error)) => state.fail(&asked, &error),
                Err(Err(error)) => state.fail(&asked, &CallError::Unreachable(error.message)),
            }
            drop(state);
            doorbell.ring();
        }
    }
}

fn path(topic: &str, asked: &BTreeMap<TopicPartition, Reading>, wait: Option<&str>) -> String {
    let list = |item: &dyn Fn(&TopicPartition, &Reading) -> String| {
        asked.iter().map(|(at, reading)| item(at, reading)).collect::<Vec<_>>().join(",")
    };
    let partitions = list(&|at, _| at.partition.to_string());
    let from = list(&|at, reading| format!("{}:{}", at.partition, reading.position));
    let wait = wait.map(|wait| format!("&wait={wait}")).unwrap_or_default();
    let topic = escaped(topic);
    format!("/api/topics/{topic}/records?raw=true&limit={RECORDS}&partition={partitions}&from={from}{wait}")
}

fn page(topic: &Arc<str>, answer: &Json) -> Result<Page, LogError> {
    let missing = || incomplete("which records there are");
    let at = |partition: i32| TopicPartition::new(Arc::clone(topic), partition);
    let mut records: BTreeMap<TopicPartition, BatchBuilder> = BTreeMap::new();
    for record in answer.get("records").and_then(Json::as_array).ok_or_else(missing)? {
        let (partition, record) = one(record).ok_or_else(missing)?;
        let Raw { offset, timestamp, key, value, headers } = record;
        let batch = records.entry(at(partition)).or_default();
        batch.push(offset, timestamp, key.as_deref(), value.as_deref(), &headers);
    }
    let next: streams_core::client::PartitionOffsets =
        answer.get("next").and_then(Json::as_str).and_then(|next| next.parse().ok()).ok_or_else(missing)?;
    let next = next.0.into_iter().map(|(partition, offset)| (at(partition.0), offset)).collect();
    Ok(Page { records, next, is_end: answer.get("is_end") == Some(&Json::Bool(true)) })
}

struct Raw {
    offset: Offset,
    timestamp: Timestamp,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Headers,
}

/// A record and its partition.
fn one(json: &Json) -> Option<(i32, Raw)> {
    let number = |name: &str| json.get(name)?.as_i64();
    let header = |pair: &Json| {
        let name = pair.get(0)?.as_str()?.to_owned();
        Some(Header { name, value: bytes(pair.get(1)?)?.map(Into::into) })
    };
    let raw = Raw {
        offset: Offset(number("offset")?),
        timestamp: Timestamp(number("timestamp")?),
        key: bytes(json.get("key")?)?,
        value: bytes(json.get("value")?)?,
        headers: json.get("headers")?.as_array()?.iter().map(header).collect::<Option<_>>()?,
    };
    Some((i32::try_from(number("partition")?).ok()?, raw))
}

/// Bytes or null; `None` if it is neither.
fn bytes(json: &Json) -> Option<Option<Vec<u8>>> {
    match json {
        Json::Null => Some(None),
        Json::String(text) => STANDARD.decode(text).ok().map(Some),
        _ => None,
    }
}
