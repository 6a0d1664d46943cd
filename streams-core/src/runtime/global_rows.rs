//! Which records of a global table's topic are its rows.
//!
//! A global table keeps its topic's bytes as they are, so nobody would notice a record that cannot be read
//! before some task looks it up, long after its offset is forgotten. So each is read once, by the same source
//! as a task's, before it is kept.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::metrics::MetricsBoard;
use super::plan::Plan;
use super::settings::OnUndecodable;
use super::{AppError, TaskMetrics, TaskPhase};
use crate::log::{LogError, RecordBatch, RecordRef};
use crate::operators::{
    BuildError, Collector, Context, Destination, DropReason, NodeId, OperatorError, Recipe, RecordPosition, StoreId,
    TaskBuilder, TaskServices,
};
use crate::record::{Headers, Partition, TaskId, Timestamp, TopicPartition};
use crate::state::{GlobalStore, StoreAccess};
use crate::topic::TopicRef;

/// Reads a global table's records, to see whether they can be read.
pub(crate) struct RowCheck {
    subtopology: u32,
    node: NodeId,
    name: Arc<str>,
    source: Recipe,
    on_undecodable: OnUndecodable,
    metrics: MetricsBoard,
}

impl RowCheck {
    /// For the global table kept in that store; `None` if the topology has no such table.
    pub(crate) fn new(
        plan: &Plan,
        store: StoreId,
        on_undecodable: OnUndecodable,
        metrics: MetricsBoard,
    ) -> Option<Self> {
        let sub = plan.topology.subtopologies.iter().find(|sub| sub.global && sub.stores.contains(&store))?;
        let node = *sub.nodes.first()?;
        let source = plan.topology.graph.node(node)?;
        let (name, source) = (Arc::clone(&source.name), source.recipe.clone());
        Some(Self { subtopology: sub.id, node, name, source, on_undecodable, metrics })
    }

    /// The batch's records that are rows; the others are counted as dropped, or are an error.
    pub(crate) fn rows<'a>(
        &self,
        partition: &TopicPartition,
        batch: &'a RecordBatch,
    ) -> Result<Vec<RecordRef<'a>>, AppError> {
        let task = TaskId { subtopology: self.subtopology, partition: partition.partition };
        let mut nothing = Nothing;
        let mut builder = TaskBuilder::new(task, &mut nothing);
        builder
            .build(self.node, &self.name, &[], false, &self.source)
            .map_err(|error| AppError::Build { task, error })?;
        let sources = builder.finish().sources;
        let mut context = Context::new(task, Rc::new(RefCell::new(Nothing)));
        let mut rows = Vec::with_capacity(batch.len());
        for record in batch.iter() {
            context.position = Some(RecordPosition {
                topic: Arc::clone(&partition.topic),
                partition: partition.partition,
                offset: record.offset,
            });
            // A row has a key.
            if record.key.is_none() {
                context.drop_record(&self.name, DropReason::NullKey);
                continue;
            }
            let read = sources.iter().try_for_each(|(_, source)| source.borrow_mut().process(&mut context, record));
            match read {
                // Global tables are not synchronised in time, so any time will do.
                Ok(()) | Err(OperatorError::NegativeTimestamp(_)) => rows.push(record),
                Err(error) if self.on_undecodable == OnUndecodable::Fail => {
                    let (partition, offset) = (partition.clone(), record.offset.0);
                    return Err(AppError::Record { task, partition, offset, error });
                }
                Err(error) => {
                    tracing::warn!(%partition, offset = record.offset.0, %error, "record skipped");
                    context.drop_record(&self.name, DropReason::Undecodable);
                }
            }
        }
        self.count(task, &context);
        Ok(rows)
    }

    /// Publishes what was dropped. A table of which nothing is dropped has no counters, as it has no task.
    fn count(&self, task: TaskId, context: &Context) {
        if DropReason::ALL.iter().all(|reason| context.dropped(*reason) == 0) {
            return;
        }
        let mut metrics = TaskMetrics { phase: TaskPhase::Running, ..self.metrics.get(task) };
        for reason in DropReason::ALL.into_iter().filter(|reason| context.dropped(*reason) > 0) {
            *metrics.dropped.entry(reason.label()).or_insert(0) += context.dropped(reason);
        }
        self.metrics.publish(task, metrics);
    }
}

/// A source alone needs nothing and sends nothing.
struct Nothing;

impl Nothing {
    fn refused() -> BuildError {
        BuildError { node: "-".to_owned(), reason: "a global table's source needs nothing but its records".to_owned() }
    }
}

impl TaskServices for Nothing {
    fn destination(&mut self, _: &TopicRef) -> Result<Destination, BuildError> {
        Err(Self::refused())
    }

    fn store(&mut self, _: StoreId) -> Result<StoreAccess, BuildError> {
        Err(Self::refused())
    }

    fn global_store(&mut self, _: StoreId) -> Result<Arc<GlobalStore>, BuildError> {
        Err(Self::refused())
    }

    fn cache_bytes(&self) -> usize {
        0
    }
}

impl Collector for Nothing {
    fn send(
        &mut self,
        _: &Destination,
        _: Partition,
        _: Option<&[u8]>,
        _: Option<&[u8]>,
        _: Timestamp,
        _: &Headers,
    ) -> Result<(), LogError> {
        Ok(())
    }
}
