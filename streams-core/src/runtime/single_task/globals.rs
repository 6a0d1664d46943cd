//! The global tables of a [`SingleTask`](super::SingleTask), which are written as soon as a record is there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::{RawRow, RecordIn, TASK, batch_of, rows};
use crate::clock::ManualClock;
use crate::operators::StoreId;
use crate::record::{Offset, TopicPartition};
use crate::runtime::AppError;
use crate::runtime::control::Status;
use crate::runtime::global_rows::RowCheck;
use crate::runtime::plan::Plan;
use crate::runtime::settings::OnError;
use crate::state::{GlobalStore, Memory, StateBackend as _, StoreError, StoreIndex, StoreKind};

/// All global tables.
pub(super) struct Globals(Vec<Global>);

struct Global {
    partition: TopicPartition,
    id: StoreId,
    store: Arc<GlobalStore>,
    kind: Arc<dyn StoreKind>,
    check: RowCheck,
    end: Offset,
}

impl Globals {
    /// The tables of a topology, empty.
    pub(super) fn open(
        plan: &Plan,
        on_undecodable: OnError,
        status: &Status,
        clock: &ManualClock,
    ) -> Result<Self, AppError> {
        let definitions = (0..).map(StoreId).zip(&plan.topology.graph().stores);
        let tables = definitions.filter(|(_, definition)| definition.global).filter_map(|(id, definition)| {
            let partition = TopicPartition { topic: plan.changelog(id)?, partition: TASK.partition };
            Some((id, definition, partition))
        });
        let mut all = Vec::new();
        for (id, definition, partition) in tables {
            let name = definition.name.to_string();
            let store = Memory.open(Path::new(""), std::slice::from_ref(&name)).map_err(failed)?;
            let store = Arc::new(GlobalStore::new(name, StoreIndex(1), store));
            let kind = Arc::clone(&definition.kind);
            let check = RowCheck::new(plan, (id, &store), on_undecodable, status, Arc::new(clock.clone()));
            all.extend(check.map(|check| Global { partition, id, store, kind, check, end: Offset(0) }));
        }
        Ok(Self(all))
    }

    /// The tables' stores, for the task.
    pub(super) fn stores(&self) -> BTreeMap<StoreId, Arc<GlobalStore>> {
        self.0.iter().map(|table| (table.id, Arc::clone(&table.store))).collect()
    }

    /// The topics of the tables.
    pub(super) fn topics(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|table| &*table.partition.topic)
    }

    /// Applies a record to the tables of its topic. Returns whether there are any.
    pub(super) fn apply(&mut self, topic: &str, record: &RecordIn<'_>) -> Result<bool, AppError> {
        let mut any = false;
        for table in self.0.iter_mut().filter(|table| *table.partition.topic == *topic) {
            any = true;
            let records = batch_of(record, table.end);
            table.end = table.end.next();
            let batch = table.check.changes(&table.partition, &records)?;
            table.store.write(batch).map_err(failed)?;
        }
        Ok(any)
    }

    /// Appends all rows.
    pub(super) fn rows(&self, rows: &mut Vec<RawRow>) -> Result<(), StoreError> {
        self.0.iter().try_for_each(|table| rows::of_global(&table.store, &*table.kind, rows))
    }
}

fn failed(error: StoreError) -> AppError {
    AppError::Store { task: TASK, error }
}
