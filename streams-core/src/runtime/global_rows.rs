//! Decides which records of a global table's topic become rows, and which rows a global processor makes of them.
//!
//! Each record is decoded once before it is stored. Otherwise an undecodable one would be noticed only when a task
//! looks it up, long after its offset is forgotten. Keys are encoded again, because lookups use their own type's
//! bytes, and another program may have written them differently.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use super::control::Status;
use super::drop_notices::DropNotices;
use super::metrics::MetricsBoard;
use super::plan::Plan;
use super::settings::OnError;
use super::summary::{Tally, Totals};
use super::worker::panic_message;
use super::{AppError, TaskMetrics, TaskPhase};
use crate::clock::SharedClock;
use crate::log::{LogError, RecordBatch, TopicHandle};
use crate::operators::{
    BuildError, Collector, Context, Destination, DropReason, NodeId, OperatorError, Recipe, RecordPosition, StoreId,
    TaskBuilder, TaskServices,
};
use crate::record::{Headers, Partition, TaskId, Timestamp, TopicPartition};
use crate::state::kinds::ChangelogRecord;
use crate::state::{CacheBudget, GlobalStore, StoreAccess, StoreBatch, StoreKind, TaskState};
use crate::topic::TopicRef;
use crate::windows::WindowSizes;

/// Checks a global table's records.
pub(crate) struct RowCheck {
    subtopology: u32,
    node: NodeId,
    name: Arc<str>,
    source: Recipe,
    store: Arc<GlobalStore>,
    kind: Arc<dyn StoreKind>,
    windows: WindowSizes,
    on_undecodable: OnError,
    metrics: MetricsBoard,
    notices: DropNotices,
    totals: Totals,
    clock: SharedClock,
}

impl RowCheck {
    /// The check for the global table in that store; `None` if the topology has no such table.
    pub(crate) fn new(
        plan: &Plan,
        (id, store): (StoreId, &Arc<GlobalStore>),
        on_undecodable: OnError,
        status: &Status,
        clock: SharedClock,
    ) -> Option<Self> {
        let sub = plan.topology.subtopologies().iter().find(|sub| sub.global && sub.stores.contains(&id))?;
        let node = *sub.nodes.first()?;
        let source = plan.topology.graph().node(node)?;
        let (name, source) = (Arc::clone(&source.name), source.recipe.clone());
        let (metrics, notices, totals) = (status.metrics.clone(), status.drops.clone(), status.totals.clone());
        let (store, definition) = (Arc::clone(store), plan.topology.graph().store(id)?);
        let (kind, windows, subtopology) = (Arc::clone(&definition.kind), definition.windows, sub.id);
        Some(Self {
            subtopology,
            node,
            name,
            source,
            store,
            kind,
            windows,
            on_undecodable,
            metrics,
            notices,
            totals,
            clock,
        })
    }

    /// What a batch changes in the store. Records that cannot become rows are dropped and counted, or are an error.
    pub(crate) fn changes(&self, partition: &TopicPartition, batch: &RecordBatch) -> Result<StoreBatch, AppError> {
        let task = TaskId { subtopology: self.subtopology, partition: partition.partition };
        let failed = |error| AppError::Store { task, error };
        let state = Rc::new(RefCell::new(self.store.as_state()));
        let mut alone = Alone { check: self, state: &state };
        let mut builder = TaskBuilder::new(task, &mut alone);
        builder
            .build(self.node, &self.name, &[], false, &self.source)
            .map_err(|error| AppError::Build { task, error })?;
        let parts = builder.finish();
        for (_, newest) in &parts.stream_times {
            newest.set(self.store.newest().map_err(failed)?);
        }
        let sources = parts.sources;
        let rows = Rc::new(RefCell::new(CollectedRows(Vec::with_capacity(batch.len()))));
        let mut context = Context::new(task, Rc::clone(&rows) as Rc<RefCell<dyn Collector>>);
        for record in batch.iter() {
            context.position = Some(RecordPosition {
                topic: Arc::clone(&partition.topic),
                partition: partition.partition,
                offset: record.offset,
            });
            let read = catch_unwind(AssertUnwindSafe(|| {
                sources.iter().try_for_each(|(_, source)| source.borrow_mut().process(&mut context, record))
            }));
            match read.unwrap_or_else(|panic| Err(self.panicked(&*panic))) {
                Ok(()) => {}
                Err(error @ OperatorError::Decode { .. })
                    if matches!(self.on_undecodable, OnError::Skip | OnError::DeadLetter) =>
                {
                    context.skip_record(DropReason::Undecodable, &error);
                }
                Err(error) => {
                    let (partition, offset) = (partition.clone(), record.offset.0);
                    return Err(AppError::Record { task, partition, offset, error });
                }
            }
        }
        self.count(task, &context);
        self.notices.note(task, 0, context.take_drops(), self.clock.now());
        // Either it has sent rows, or it has written some to its state.
        let mut changes = state.borrow().pending_batch();
        for row in rows.take().0 {
            // A table accepts any bytes, so no row is lost here.
            match self.kind.to_store(row.record()) {
                Some((key, Some(row))) => changes.put(self.store.index(), key, row),
                Some((key, None)) => changes.delete(self.store.index(), key),
                None => {}
            }
        }
        for (_, newest) in &parts.stream_times {
            GlobalStore::note_newest(&mut changes, newest.get());
        }
        Ok(changes)
    }

    /// The error for a panic in the application's code.
    fn panicked(&self, panic: &(dyn Any + Send)) -> OperatorError {
        OperatorError::Panic { node: Some(self.name.to_string()), message: panic_message(panic) }
    }

    /// Publishes the number of dropped records. A global table has no task, so it appears in the metrics only once
    /// something is dropped.
    fn count(&self, task: TaskId, context: &Context) {
        if DropReason::ALL.iter().all(|reason| context.dropped(*reason) == 0) {
            return;
        }
        let mut metrics = TaskMetrics { phase: TaskPhase::Running, ..self.metrics.get(task) };
        for reason in DropReason::ALL.into_iter().filter(|reason| context.dropped(*reason) > 0) {
            *metrics.dropped.entry(reason.label()).or_insert(0) += context.dropped(reason);
        }
        self.metrics.publish(task, metrics);
        let dropped = DropReason::ALL.map(|reason| context.dropped(reason));
        self.totals.add(&Tally { dropped, ..Tally::default() });
    }
}

/// A row of a global table, as its source node sends it.
struct GlobalRow {
    key: Vec<u8>,
    value: Option<Vec<u8>>,
    timestamp: Timestamp,
}

impl GlobalRow {
    /// The row as a record of the table's changelog.
    fn record(&self) -> ChangelogRecord<'_> {
        ChangelogRecord { key: &self.key, value: self.value.as_deref(), timestamp: self.timestamp }
    }
}

/// Collects what a source node sends.
#[derive(Default)]
struct CollectedRows(Vec<GlobalRow>);

impl Collector for CollectedRows {
    fn send(
        &mut self,
        _: &Destination,
        _: Partition,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Timestamp,
        _: &Headers,
    ) -> Result<(), LogError> {
        self.0.extend(key.map(|key| GlobalRow { key: key.to_vec(), value: value.map(<[u8]>::to_vec), timestamp }));
        Ok(())
    }
}

/// The services for a source node without a task: a destination, whose name is not used, and the store that it fills.
struct Alone<'a> {
    check: &'a RowCheck,
    /// The store under what the batch has changed so far.
    state: &'a Rc<RefCell<TaskState>>,
}

impl TaskServices for Alone<'_> {
    fn destination(&mut self, topic: &TopicRef) -> Result<Destination, BuildError> {
        Ok(Destination {
            topic: topic.short_name().into(),
            handle: TopicHandle(0),
            partitions: 1,
            is_internal: true,
            marks: None,
        })
    }

    fn store(&mut self, _: StoreId) -> Result<StoreAccess, BuildError> {
        let RowCheck { store, kind, windows, .. } = self.check;
        let access = StoreAccess::new(store.name().into(), store.index(), Rc::clone(self.state), None);
        Ok(access.of(Arc::clone(kind), *windows).cached(false))
    }

    fn global_store(&mut self, _: StoreId) -> Result<Arc<GlobalStore>, BuildError> {
        Ok(Arc::clone(&self.check.store))
    }

    fn cache_budget(&self) -> CacheBudget {
        CacheBudget::off()
    }

    fn repeats_flaws(&self) -> bool {
        false
    }
}
