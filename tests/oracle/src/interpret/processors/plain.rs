//! Behaviours without a store.

use std::time::Duration;

use bytes::Bytes;
use millstream::dsl::processor::{Forward, ForwardValues, ValueProcessor};
use millstream::prelude::{Processor, PunctuationId, PunctuationTime, Refs, Schedule, Timestamp};
use millstream::record::{Headers, Record};

use super::shown;
use crate::behaviour::{Behaviour, Clock};
use crate::functions::{Nullable, cut, hash};
use crate::seen::Seen;
use crate::step::StepId;
use crate::text::Text;

type Item = Record<Nullable, Nullable>;

/// A processor without a store.
pub(super) struct Doing {
    does: Behaviour,
    seen: Seen,
    step: StepId,
    scheduled: Option<PunctuationId>,
    ticks: u64,
}

/// What the context tells.
struct Looks {
    stream_time: i64,
    wall_clock: i64,
    topic: Option<Text>,
}

impl Doing {
    pub(super) fn new(does: Behaviour, seen: Seen, step: StepId) -> Self {
        Self { does, seen, step, scheduled: None, ticks: 0 }
    }

    fn begin(&mut self, schedule: &mut Schedule) {
        let Behaviour::Tick { every, clock, start, .. } = &self.does else { return };
        let time = if *clock == Some(Clock::Wall) { PunctuationTime::WallClock } else { PunctuationTime::Stream };
        self.scheduled = Some(every_from(schedule, *every, *start, time));
    }

    /// What is forwarded for a record.
    fn results(&self, item: Item, looks: Looks) -> Vec<Item> {
        let with_value = |item: Item, value: Nullable| vec![Record { value, ..item }];
        match &self.does {
            Behaviour::Twice {} => {
                let mut again = item.clone();
                again.timestamp.0 = again.timestamp.0.saturating_add(1);
                again.headers.push("n", "2");
                vec![item, again]
            }
            Behaviour::Only { r#where } if !r#where.holds(&item.key, &item.value) => vec![],
            Behaviour::Rekey { key } => vec![Record { key: key.apply(&item.key, &item.value), ..item }],
            Behaviour::Value { value } => {
                let value = value.apply(&item.key, &item.value);
                with_value(item, value)
            }
            Behaviour::Shift { by } => {
                vec![Record { timestamp: Timestamp(item.timestamp.0.saturating_add(*by)), ..item }]
            }
            Behaviour::Clock {} => with_value(item, Some(format!("{}/{}", looks.stream_time, looks.wall_clock).into())),
            Behaviour::Origin {} => with_value(item, Some(shown(looks.topic.as_ref()).into())),
            Behaviour::AddHeader { name, text } => {
                let mut headers = item.headers.clone();
                headers.push(name.as_str(), Bytes::copy_from_slice(text.as_bytes()));
                vec![Record { headers, ..item }]
            }
            Behaviour::DropHeader { name } => {
                let mut headers = Headers::new();
                for header in item.headers.iter().filter(|header| header.name != *name) {
                    headers.push_header(header.clone());
                }
                vec![Record { headers, ..item }]
            }
            Behaviour::ReadHeader { name } => {
                let last = item.headers.iter().filter(|header| header.name == *name).last();
                let text = last.and_then(|header| header.value.as_ref()).map(|value| String::from_utf8_lossy(value));
                let text = cut(text.as_deref().unwrap_or("null"));
                with_value(item, Some(text))
            }
            _ => vec![item],
        }
    }
}

/// Schedules a punctuation, anchored if a start is given.
pub(super) fn every_from(
    schedule: &mut Schedule,
    every: u64,
    start: Option<i64>,
    time: PunctuationTime,
) -> PunctuationId {
    let every = Duration::from_millis(every);
    match start {
        Some(start) => schedule.every_from(Timestamp(start), every, time),
        None => schedule.every(every, time),
    }
}

impl Processor<Nullable, Nullable, Nullable, Nullable> for Doing {
    type Stores = ();

    fn init(&mut self, schedule: &mut Schedule) {
        if !matches!(self.does, Behaviour::Tick { late: Some(true), .. }) {
            self.begin(schedule);
        }
    }

    fn process(&mut self, (): Refs<'_, ()>, item: Item, out: &mut Forward<'_, Nullable, Nullable>) {
        if self.scheduled.is_none() {
            self.begin(out.schedule());
        }
        match &self.does {
            Behaviour::Commit {} => out.request_commit(),
            Behaviour::ToChild { children } => {
                let child = usize::try_from(hash(&item.value)).unwrap_or(0) % children.len().max(1);
                if let Some(child) = children.get(child) {
                    out.send_to(child, item);
                }
                return;
            }
            _ => {}
        }
        let topic = out.position().map(|position| position.topic.to_string().into());
        let looks = Looks { stream_time: out.stream_time().0, wall_clock: out.wall_clock().0, topic };
        for result in self.results(item, looks) {
            out.send_record(result);
        }
    }

    fn punctuate(
        &mut self,
        punctuation: PunctuationId,
        time: Timestamp,
        (): Refs<'_, ()>,
        out: &mut Forward<'_, Nullable, Nullable>,
    ) {
        let Behaviour::Tick { times, .. } = self.does else { return };
        self.ticks += 1;
        if times.is_some_and(|times| self.ticks >= times) {
            out.schedule().cancel(punctuation);
        }
        out.send_with(Some("tick".into()), Some(self.ticks.to_string().into()), time, Headers::new());
    }

    fn close(&mut self) {
        if matches!(self.does, Behaviour::Farewell {}) {
            self.seen.closed(self.step);
        }
    }
}

/// The same for `process_values`.
pub(super) struct KeyKept(pub(super) Doing);

impl ValueProcessor<Nullable, Nullable, Nullable> for KeyKept {
    type Stores = ();

    fn process(&mut self, (): Refs<'_, ()>, item: Item, out: &mut ForwardValues<'_, Nullable>) {
        if matches!(self.0.does, Behaviour::Commit {}) {
            out.request_commit();
        }
        let topic = out.position().map(|position| position.topic.to_string().into());
        let looks = Looks { stream_time: out.stream_time().0, wall_clock: out.wall_clock().0, topic };
        if let Behaviour::ToChild { children } = &self.0.does {
            let child = usize::try_from(hash(&item.value)).unwrap_or(0) % children.len().max(1);
            if let Some(child) = children.get(child) {
                out.send_to(child, item.value, item.timestamp, item.headers);
            }
            return;
        }
        for Record { value, timestamp, headers, .. } in self.0.results(item, looks) {
            out.send_with(value, timestamp, headers);
        }
    }

    fn close(&mut self) {
        Processor::close(&mut self.0);
    }
}
