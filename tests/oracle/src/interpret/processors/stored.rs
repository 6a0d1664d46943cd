//! Behaviours with a store.

use std::marker::PhantomData;

use millstream::dsl::processor::{Forward, ForwardValues, ProcessorStore, StoreTuple, ValueProcessor};
use millstream::prelude::{Processor, PunctuationId, PunctuationTime, Refs, Schedule, Timestamp};
use millstream::record::{Headers, Record};

use super::plain::every_from;
use crate::behaviour::Behaviour;
use crate::functions::Nullable;
use crate::text::Text;

/// A record that has a key.
pub(super) struct Item<'a> {
    pub(super) key: &'a Text,
    pub(super) value: &'a Nullable,
    pub(super) time: i64,
}

/// What is done with a kind of store.
pub(super) trait Work: 'static {
    type Store: ProcessorStore + StoreTuple;

    /// The value to forward; `None` to forward nothing.
    fn work(does: &Behaviour, store: &mut Refs<'_, Self::Store>, item: &Item<'_>) -> Option<Nullable>;

    /// The rows that `hold` forwards and deletes.
    fn held(_: &Refs<'_, Self::Store>) -> Vec<(Text, Text)> {
        Vec::new()
    }

    fn delete(_: &mut Refs<'_, Self::Store>, _: &Text) {}
}

/// A processor with a store.
pub(super) struct Worker<W> {
    does: Behaviour,
    work: PhantomData<fn(W)>,
}

impl<W> Worker<W> {
    pub(super) const fn new(does: Behaviour) -> Self {
        Self { does, work: PhantomData }
    }
}

impl<W: Work> Processor<Nullable, Nullable, Nullable, Nullable> for Worker<W> {
    type Stores = W::Store;

    fn init(&mut self, schedule: &mut Schedule) {
        match self.does {
            Behaviour::Hold { every, start, .. } => _ = every_from(schedule, every, start, PunctuationTime::Stream),
            Behaviour::HoldWall { every, start, .. } => {
                _ = every_from(schedule, every, start, PunctuationTime::WallClock);
            }
            _ => {}
        }
    }

    fn process(
        &mut self,
        mut store: Refs<'_, W::Store>,
        record: Record<Nullable, Nullable>,
        out: &mut Forward<'_, Nullable, Nullable>,
    ) {
        let Some(key) = &record.key else { return };
        let item = Item { key, value: &record.value, time: record.timestamp.0 };
        if let Some(value) = W::work(&self.does, &mut store, &item) {
            out.send_record(Record { value, ..record });
        }
    }

    fn punctuate(
        &mut self,
        _: PunctuationId,
        time: Timestamp,
        mut store: Refs<'_, W::Store>,
        out: &mut Forward<'_, Nullable, Nullable>,
    ) {
        for (key, value) in W::held(&store) {
            out.send_with(Some(key.clone()), Some(value), time, Headers::new());
            W::delete(&mut store, &key);
        }
    }
}

/// The same for `process_values`.
pub(super) struct KeyKept<W>(pub(super) Worker<W>);

impl<W: Work> ValueProcessor<Nullable, Nullable, Nullable> for KeyKept<W> {
    type Stores = W::Store;

    fn process(
        &mut self,
        mut store: Refs<'_, W::Store>,
        record: Record<Nullable, Nullable>,
        out: &mut ForwardValues<'_, Nullable>,
    ) {
        let Some(key) = &record.key else { return };
        let item = Item { key, value: &record.value, time: record.timestamp.0 };
        if let Some(value) = W::work(&self.0.does, &mut store, &item) {
            out.send_with(value, record.timestamp, record.headers);
        }
    }
}
