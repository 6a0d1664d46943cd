//! Reads partitions, with a client that is told what to read and joins no group.
//!
//! It owns the positions: librdkafka's own positions are never used, because batch reading advances them on end and error
//! events too (librdkafka issue 4844), after which its pause would skip a record. For the same reason, a paused partition
//! is not paused in librdkafka: records that arrive are held here, and if there are too many, the partition is unassigned
//! and later assigned again at its exact position.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use streams_core::log::{BatchBuilder, Consumer, ConsumerOptions, Doorbell, FetchEvent, LogError, LogErrorKind};
use streams_core::record::{Offset, TopicPartition};

use crate::damage::{Damage, ring_after};
use crate::errors::Code;
use crate::native::{Client, Listener, Message, MessageBuffer, PartitionList, Role};
use crate::reasons::Reasons;
use crate::settings::Kafka;

/// The maximum number of messages to take from librdkafka at a time.
const CHUNK: usize = 512;
/// The size at which a batch is finished.
const BATCH_BYTES_MAX: usize = 4 << 20;
/// A paused partition is unassigned if more bytes than this are held.
const HELD_BYTES_MAX: usize = 1 << 20;
/// The same trouble with the brokers is reported once in this time.
const TROUBLE_INTERVAL: Duration = Duration::from_secs(10);

/// A consumer on Kafka.
pub(crate) struct KafkaConsumer {
    client: Client,
    troubles: Arc<Troubles>,
    doorbell: Doorbell,
    slots: Slots,
    buffer: MessageBuffer,
}

/// A partition that is being read.
struct Slot {
    partition: TopicPartition,
    uptake: Uptake,
    is_paused: bool,
    /// A lower bound for the offset of the next record.
    position: Offset,
    /// Where the end was last reported; not reported again until something has arrived.
    told_end: Option<Offset>,
    /// Records that arrived in this call of `fetch` and are in no event yet.
    building: BatchBuilder,
    /// Events that arrived while the partition was paused.
    held: VecDeque<FetchEvent>,
    held_bytes: usize,
    /// What arrived at this position was damaged.
    damage: Option<Damage>,
}

/// Whether librdkafka reads a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Uptake {
    /// The next call starts reading at the slot's position.
    Wanted,
    /// Being read.
    Reading,
    /// Temporarily unassigned, because too much arrived while it was paused.
    Parked,
    /// Not read before then, because what arrived was damaged.
    Resting(Instant),
    /// Not read until it is added again, because it or its position does not exist.
    Stopped,
}

#[derive(Default)]
struct Slots {
    by_partition: HashMap<TopicPartition, usize>,
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    /// Partitions that librdkafka still reads but should not.
    leaving: Vec<TopicPartition>,
    /// Whether a slot may be `Wanted`.
    is_changed: bool,
    /// Slots that have received something in this call of `fetch`.
    touched: Vec<usize>,
    /// Whether a slot may hold events back.
    is_holding: bool,
    /// When the first of the slots that rest is to be read again.
    rest_until: Option<Instant>,
}

impl KafkaConsumer {
    pub(crate) fn new(kafka: &Kafka, options: &ConsumerOptions, doorbell: &Doorbell) -> Result<Self, LogError> {
        let settings = kafka.consumer_settings(options)?;
        let (kafka_name, reasons) = (settings.kafka().to_owned(), Reasons::default());
        let troubles = Arc::new(Troubles { kafka: kafka_name, reasons, reports: Mutex::default() });
        let listener = Arc::clone(&troubles) as Arc<dyn Listener>;
        let client = Client::create(Role::Consumer, &settings.entries, kafka.log_limit(), doorbell, listener)?;
        let buffer = MessageBuffer::with_capacity(CHUNK);
        Ok(Self { client, troubles, doorbell: doorbell.clone(), slots: Slots::default(), buffer })
    }

    /// Tells librdkafka what has changed since the last call.
    fn apply_changes(&mut self, events: &mut Vec<FetchEvent>) {
        if !std::mem::take(&mut self.slots.is_changed) {
            return;
        }
        let leaving = std::mem::take(&mut self.slots.leaving);
        let mut failed = PartitionList::of(&leaving).and_then(|list| match list.is_empty() {
            true => Ok(()),
            false => self.client.assign_less(&list).map_err(|code| code.about("unassigning partitions")),
        });
        let mut list = PartitionList::new();
        for slot in self.slots.slots.iter_mut().flatten().filter(|slot| slot.uptake == Uptake::Wanted) {
            slot.uptake = Uptake::Reading;
            failed = failed.and(list.add(&slot.partition, slot.position.0));
        }
        if !list.is_empty() {
            failed = failed.and(self.client.assign_more(&list).map_err(|code| code.about("assigning partitions")));
        }
        if let Err(error) = failed {
            events.push(FetchEvent::Error { partition: None, error });
        }
    }

    /// Takes one chunk of messages, and returns their number.
    fn take_chunk(&mut self, count_max: usize, events: &mut Vec<FetchEvent>) -> usize {
        let batch = self.client.consume(&mut self.buffer, count_max);
        let mut run: Option<(usize, i32, Option<usize>)> = None;
        for message in batch.iter() {
            let (tag, partition) = (message.topic_tag(), message.partition());
            let index = match run {
                Some((last_tag, last_partition, index)) if (last_tag, last_partition) == (tag, partition) => index,
                _ => {
                    let index = self.slots.find(message);
                    self.slots.touched.extend(index);
                    run = Some((tag, partition, index));
                    index
                }
            };
            let slot = index.and_then(|index| self.slots.slots.get_mut(index)?.as_mut());
            match (message.error(), slot) {
                (None, Some(slot)) => slot.take_record(message, events),
                (Some(code), Some(slot)) => {
                    if slot.take_error(code, message, events) {
                        let uptake = slot.uptake;
                        self.slots.leaving.push(slot.partition.clone());
                        self.slots.is_changed = true;
                        if let Uptake::Resting(until) = uptake {
                            self.slots.rests_until(until);
                            ring_after(until.saturating_duration_since(Instant::now()), &self.doorbell);
                        }
                    }
                }
                (Some(code), None) if message.topic().is_none() => {
                    if is_worth_telling(code) {
                        events.push(FetchEvent::Error { partition: None, error: code.about(message.reason()) });
                    }
                }
                // A partition that is no longer read.
                (_, None) => {}
            }
        }
        batch.len()
    }
}

impl Consumer for KafkaConsumer {
    fn add(&mut self, partition: &TopicPartition, from: Offset) {
        self.slots.remove(partition);
        self.slots.insert(Slot::new(partition.clone(), from));
        self.doorbell.ring();
    }

    fn remove(&mut self, partition: &TopicPartition) {
        self.slots.remove(partition);
    }

    fn pause(&mut self, partition: &TopicPartition) {
        if let Some(slot) = self.slots.get_mut(partition) {
            slot.is_paused = true;
        }
    }

    fn resume(&mut self, partition: &TopicPartition) {
        let Some(slot) = self.slots.get_mut(partition) else { return };
        slot.is_paused = false;
        if slot.uptake == Uptake::Parked {
            slot.uptake = Uptake::Wanted;
            self.slots.is_changed = true;
        }
        self.doorbell.ring();
    }

    fn fetch(&mut self, records_max: usize, events: &mut Vec<FetchEvent>) {
        self.slots.end_rests();
        self.apply_changes(events);
        let mut count = self.slots.deliver_held(records_max, events);
        loop {
            let wanted = CHUNK.min(records_max.saturating_sub(count));
            let taken = if wanted == 0 { 0 } else { self.take_chunk(wanted, events) };
            count += taken;
            if wanted == 0 {
                // librdkafka rings only if its queue was empty before.
                self.doorbell.ring();
            }
            if taken < wanted || wanted == 0 {
                break;
            }
        }
        self.slots.finish_batches(events);
        let (general, about_topics) = self.troubles.take();
        events.extend(general.map(|error| FetchEvent::Error { partition: None, error }));
        for (code, reason) in about_topics {
            self.slots.stop_named(code, &reason, events);
        }
        self.apply_changes(events);
    }
}

impl Slots {
    fn insert(&mut self, slot: Slot) {
        let index = self.free.pop().unwrap_or(self.slots.len());
        self.by_partition.insert(slot.partition.clone(), index);
        match self.slots.get_mut(index) {
            Some(free) => *free = Some(slot),
            None => self.slots.push(Some(slot)),
        }
        self.is_changed = true;
    }

    fn remove(&mut self, partition: &TopicPartition) {
        let Some(index) = self.by_partition.remove(partition) else { return };
        self.free.push(index);
        if let Some(slot) = self.slots.get_mut(index).and_then(Option::take)
            && slot.uptake == Uptake::Reading
        {
            self.leaving.push(slot.partition);
            self.is_changed = true;
        }
    }

    fn get_mut(&mut self, partition: &TopicPartition) -> Option<&mut Slot> {
        let index = *self.by_partition.get(partition)?;
        self.slots.get_mut(index)?.as_mut()
    }

    /// The slot that a message belongs to.
    fn find(&self, message: Message<'_>) -> Option<usize> {
        let partition = TopicPartition::new(message.topic()?, message.partition());
        let index = *self.by_partition.get(&partition)?;
        let slot = self.slots.get(index)?.as_ref()?;
        (slot.uptake == Uptake::Reading).then_some(index)
    }

    /// Reads partitions again that have rested long enough.
    fn end_rests(&mut self) {
        let Some(first) = self.rest_until else { return };
        let now = Instant::now();
        if now < first {
            return;
        }
        let mut next: Option<Instant> = None;
        for slot in self.slots.iter_mut().flatten() {
            match slot.uptake {
                Uptake::Resting(until) if until <= now => {
                    slot.uptake = Uptake::Wanted;
                    self.is_changed = true;
                }
                Uptake::Resting(until) => next = next.map_or(Some(until), |first| Some(first.min(until))),
                _ => {}
            }
        }
        self.rest_until = next;
    }

    /// A partition is not to be read before then.
    fn rests_until(&mut self, until: Instant) {
        self.rest_until = Some(self.rest_until.map_or(until, |first| first.min(until)));
    }

    /// Delivers held events of partitions that are not paused any more. Returns the number of records.
    fn deliver_held(&mut self, records_max: usize, events: &mut Vec<FetchEvent>) -> usize {
        let mut count = 0;
        if !std::mem::take(&mut self.is_holding) {
            return count;
        }
        for slot in self.slots.iter_mut().flatten().filter(|slot| !slot.held.is_empty()) {
            while !slot.is_paused
                && count < records_max
                && let Some(event) = slot.held.pop_front()
            {
                if let FetchEvent::Records { batch, .. } = &event {
                    count += batch.len();
                    slot.held_bytes = slot.held_bytes.saturating_sub(batch.size());
                }
                events.push(event);
            }
            self.is_holding |= !slot.held.is_empty();
        }
        count
    }

    /// Stops reading the partition that the reason is about. The reason starts with the partition's name as librdkafka
    /// writes it.
    fn stop_named(&mut self, code: Code, reason: &str, events: &mut Vec<FetchEvent>) {
        for slot in self.slots.iter_mut().flatten().filter(|slot| slot.uptake == Uptake::Reading) {
            let TopicPartition { topic, partition } = &slot.partition;
            if reason.starts_with(&format!("{topic} [{partition}]: ")) && slot.fail(code, events) {
                self.leaving.push(slot.partition.clone());
                self.is_changed = true;
            }
        }
    }

    /// Turns the records that have arrived into events.
    fn finish_batches(&mut self, events: &mut Vec<FetchEvent>) {
        for index in self.touched.drain(..) {
            let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) else { continue };
            slot.finish_batch(slot.position, events);
            self.is_holding |= !slot.held.is_empty();
            if slot.is_paused && slot.held_bytes > HELD_BYTES_MAX && slot.uptake == Uptake::Reading {
                slot.uptake = Uptake::Parked;
                self.leaving.push(slot.partition.clone());
                self.is_changed = true;
            }
        }
    }
}

impl Slot {
    fn new(partition: TopicPartition, from: Offset) -> Self {
        Self {
            partition,
            uptake: Uptake::Wanted,
            is_paused: false,
            position: from,
            told_end: None,
            building: BatchBuilder::default(),
            held: VecDeque::new(),
            held_bytes: 0,
            damage: None,
        }
    }

    fn take_record(&mut self, message: Message<'_>, events: &mut Vec<FetchEvent>) {
        let offset = Offset(message.offset());
        if self.uptake != Uptake::Reading || offset < self.position {
            return;
        }
        self.building.push(offset, message.timestamp(), message.key(), message.value(), &message.headers());
        self.position = offset.next();
        self.told_end = None;
        if self.building.bytes() >= BATCH_BYTES_MAX {
            self.finish_batch(self.position, events);
        }
    }

    /// Processes an event that is not a record. Returns whether reading the partition must stop.
    fn take_error(&mut self, code: Code, message: Message<'_>, events: &mut Vec<FetchEvent>) -> bool {
        if self.uptake != Uptake::Reading {
            return false;
        }
        let offset = Offset(message.offset());
        match code {
            Code::PARTITION_EOF => {
                self.position = self.position.max(offset);
                self.finish_batch(self.position, events);
                if self.told_end.replace(self.position) != Some(self.position) {
                    let (partition, position) = (self.partition.clone(), self.position);
                    self.hand_out(FetchEvent::End { partition, position }, events);
                }
                false
            }
            // An error about an earlier position may still arrive after the position has moved.
            Code::AUTO_OFFSET_RESET | Code::OFFSET_OUT_OF_RANGE if offset < self.position => false,
            // Nor may one about a later one be believed: librdkafka has passed what is no record, or was led astray by what
            // was damaged. If our own position does not exist, that is said when it is asked for.
            Code::AUTO_OFFSET_RESET | Code::OFFSET_OUT_OF_RANGE if offset > self.position => {
                self.finish_batch(self.position, events);
                self.uptake = Uptake::Wanted;
                true
            }
            Code::AUTO_OFFSET_RESET | Code::OFFSET_OUT_OF_RANGE => {
                self.finish_batch(self.position, events);
                self.uptake = Uptake::Stopped;
                self.hand_out(FetchEvent::OutOfRange { partition: self.partition.clone(), position: offset }, events);
                true
            }
            code if code.is_damage() => {
                self.rest(code, message, events);
                true
            }
            code => self.fail(code, events),
        }
    }

    /// Stops reading what arrives damaged, for a while if it is worth another attempt.
    fn rest(&mut self, code: Code, message: Message<'_>, events: &mut Vec<FetchEvent>) {
        self.finish_batch(self.position, events);
        let damage = Damage::again(self.damage, &self.partition, self.position);
        self.damage = Some(damage);
        if let Some(pause) = damage.pause() {
            self.uptake = Uptake::Resting(Instant::now() + pause);
            return;
        }
        self.uptake = Uptake::Stopped;
        let error = damage.error(code, &self.partition, message.reason());
        events.push(FetchEvent::Error { partition: Some(self.partition.clone()), error });
    }

    /// Reports an error. Returns whether reading the partition must stop.
    fn fail(&mut self, code: Code, events: &mut Vec<FetchEvent>) -> bool {
        let error = code.about(format!("reading {} at offset {}", self.partition, self.position));
        let is_final = !error.is_transient();
        self.finish_batch(self.position, events);
        if is_final {
            self.uptake = Uptake::Stopped;
        }
        events.push(FetchEvent::Error { partition: Some(self.partition.clone()), error });
        is_final
    }

    /// Turns the records that have arrived into an event, if there are any.
    fn finish_batch(&mut self, next_offset: Offset, events: &mut Vec<FetchEvent>) {
        self.damage = self.damage.filter(|damage| !damage.is_over(&self.partition, next_offset));
        if self.building.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.building).finish(next_offset);
        self.hand_out(FetchEvent::Records { partition: self.partition.clone(), batch }, events);
    }

    fn hand_out(&mut self, event: FetchEvent, events: &mut Vec<FetchEvent>) {
        // Held events come first, even if the partition has been resumed.
        if !self.is_paused && self.held.is_empty() {
            return events.push(event);
        }
        if let FetchEvent::Records { batch, .. } = &event {
            self.held_bytes += batch.size();
        }
        self.held.push_back(event);
    }
}

/// Whether an error without a partition concerns a client that only reads.
fn is_worth_telling(code: Code) -> bool {
    // The group is only a name: it does not matter whether this client may join it, or how often it polls.
    !matches!(code, Code::GROUP_AUTHORIZATION_FAILED | Code::MAX_POLL_EXCEEDED)
}

/// Errors that the client reports independently of calls.
struct Troubles {
    kafka: String,
    reasons: Reasons,
    reports: Mutex<Reports>,
}

#[derive(Default)]
struct Reports {
    /// The last error about the brokers.
    general: Option<LogError>,
    told: HashMap<Code, Instant>,
    /// Errors about topics that do not exist or must not be read. Only librdkafka's text says which topics they are.
    about_topics: Vec<(Code, String)>,
}

impl Listener for Troubles {
    fn error(&self, code: Code, reason: &str) {
        let best = self.reasons.best(code, reason);
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(code.kind(), LogErrorKind::UnknownTopic | LogErrorKind::Denied) && code.0 > 0 {
            reports.about_topics.push((code, reason.to_owned()));
        } else if let Some(error) = broker_trouble(code, &best, &self.kafka) {
            let now = Instant::now();
            if reports.told.get(&code).is_none_or(|last| now.duration_since(*last) >= TROUBLE_INTERVAL) {
                reports.told.insert(code, now);
                reports.general = Some(error);
            }
        }
    }
}

impl Troubles {
    fn take(&self) -> (Option<LogError>, Vec<(Code, String)>) {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        (reports.general.take(), std::mem::take(&mut reports.about_topics))
    }
}

/// The error for a client's own report of trouble; `None` if it is no reason for concern yet.
///
/// A lost connection alone is none, because librdkafka reconnects. No broker at all, a name that does not resolve, and
/// refused credentials are.
pub(crate) fn broker_trouble(code: Code, reason: &str, kafka: &str) -> Option<LogError> {
    match code {
        Code::ALL_BROKERS_DOWN | Code::RESOLVE => Some(LogError::new(
            LogErrorKind::Unavailable,
            format!("{kafka}: no broker can be reached: {reason}; trying again"),
        )),
        Code::AUTHENTICATION | Code::SSL => Some(code.about(format!("{kafka}: {reason}"))),
        Code::TRANSPORT => None,
        code if code.kind() == LogErrorKind::Fenced => Some(code.about(reason)),
        _ => None,
    }
}
