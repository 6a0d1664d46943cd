//! Opens tasks: restores their state and builds their operators.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::slots::Phase;
use super::{Common, Worker};
use crate::log::FetchEvent;
use crate::operators::{BuildError, Collector, Context, Destination, NodeId, StoreId, TaskBuilder, TaskServices};
use crate::record::Timestamp;
use crate::runtime::collector::{ProducerCollector, TopicChangelog};
use crate::runtime::plan::Plan;
use crate::runtime::task::{Advance, Input, Opening, Ready, Task};
use crate::runtime::{AppError, TaskMetrics, TaskPhase};
use crate::state::{CacheBudget, Changelog, GlobalStore, StoreAccess};
use crate::topic::TopicRef;
use crate::topology::NodeKind;

/// How many times more records are restored than processed in a round: they cost less.
const RESTORE_FACTOR: usize = 10;

impl Worker {
    /// Applies changelog records to the tasks being opened. Returns whether there were any.
    pub(super) fn restore(&mut self) -> Result<bool, AppError> {
        if !self.slots.has_openings() {
            return Ok(false);
        }
        let mut events = std::mem::take(&mut self.events);
        let records_max = self.seed.common.settings.records_per_round.saturating_mul(RESTORE_FACTOR);
        self.restore_consumer.fetch(records_max, &mut events);
        let any = !events.is_empty();
        let mut outcome = Ok(());
        for event in events.drain(..) {
            if outcome.is_ok() {
                outcome = self.restore_event(event);
            }
        }
        self.events = events;
        outcome.map(|()| any)
    }

    pub(super) fn restore_event(&mut self, event: FetchEvent) -> Result<(), AppError> {
        match event {
            FetchEvent::Records { partition, batch } => {
                self.slots.openings_mut().try_for_each(|opening| opening.restore(&partition, &batch))
            }
            FetchEvent::End { partition, position } => {
                self.slots.openings_mut().for_each(|opening| opening.restored_to(&partition, position));
                Ok(())
            }
            FetchEvent::OutOfRange { partition, position } => {
                let is_meant = |opening: &&mut Opening| opening.restores(&partition);
                let opening = self.slots.openings_mut().find(is_meant).map(|opening| opening.id);
                if let Some(id) = opening {
                    tracing::warn!(task = %id, changelog = %partition, position = position.0,
                        "the changelog's beginning was deleted before it could be read; opening the task again");
                    self.reopen(id);
                }
                Ok(())
            }
            FetchEvent::Error { error, .. } if error.is_transient() => Ok(()),
            FetchEvent::Error { error, .. } => Err(AppError::log("restoring state", error)),
        }
    }

    /// Advances the tasks being opened. Returns whether any is now running.
    pub(super) fn advance_openings(&mut self, now: Duration) -> Result<bool, AppError> {
        let mut any = false;
        if !self.slots.has_openings() {
            return Ok(any);
        }
        for id in self.slots.ids() {
            let Some(Phase::Opening(opening)) = self.slots.get_mut(id).map(|slot| &mut slot.phase) else { continue };
            let (collector, plan) = (&self.collector, &self.seed.common.plan);
            let mut destination = |topic: &Arc<str>| resolve(plan, collector, topic);
            match opening.advance(&self.seed.common, &mut self.questions, &mut destination, now)? {
                Advance::Waiting => {}
                Advance::Restore(changelogs) => {
                    any = true;
                    for (changelog, from) in changelogs {
                        self.restore_consumer.add(&changelog, from);
                    }
                }
                Advance::Ready(ready) => {
                    any = true;
                    let metrics = opening.metrics.clone();
                    for store in &ready.stores {
                        if let Some(changelog) = &store.changelog {
                            self.restore_consumer.remove(&changelog.partition);
                        }
                    }
                    tracing::info!(task = %id, restored = metrics.restored, "task runs");
                    let mut task = self.build(*ready, metrics)?;
                    if let Some(slot) = self.slots.get_mut(id) {
                        if slot.is_suspended() {
                            task.metrics.phase = TaskPhase::Suspended;
                        }
                        slot.phase = Phase::Open(Box::new(task));
                    }
                    self.begin_reading(id);
                }
            }
        }
        self.questions.step(&*self.seed.common.committer, &*self.admin);
        Ok(any)
    }

    /// Builds a task's operators and connects them to its inputs.
    pub(super) fn build(&mut self, mut ready: Ready, metrics: TaskMetrics) -> Result<Task, AppError> {
        let id = ready.id;
        let failed = |error| AppError::Build { task: id, error };
        let shared = Arc::clone(&self.seed.common);
        let topology = &shared.plan.topology;
        let Some(sub) = topology.subtopologies().iter().find(|sub| sub.id == id.subtopology) else {
            return Err(failed(BuildError { node: "-".into(), reason: "there is no such sub-topology".into() }));
        };
        let cache_budget = &self.cache_budget;
        let mut services = Services { shared: &shared, collector: &self.collector, cache_budget, ready: &ready };
        let mut builder = TaskBuilder::new(id, &mut services);
        for number in sub.nodes.iter().rev() {
            if let Some(node) = topology.graph().node(*number) {
                builder
                    .build(*number, &node.name, &node.children, node.sends_old_values, &node.recipe)
                    .map_err(failed)?;
            }
        }
        let parts = builder.finish();
        for (name, time) in &parts.stream_times {
            if let Some((_, kept)) = ready.times.iter().find(|(node, _)| **node == **name) {
                time.set(*kept);
            }
        }
        let source_of = |topic: &str| {
            let reads = |node: &NodeId| match topology.graph().node(*node).map(|node| &node.kind) {
                Some(NodeKind::Source { topics }) => {
                    topics.iter().any(|source| *source.full_name(&shared.plan.application_id) == *topic)
                }
                _ => false,
            };
            parts.sources.iter().find(|(node, _)| reads(node)).map(|(_, source)| Rc::clone(source))
        };
        let started = std::mem::take(&mut ready.inputs).into_iter();
        let inputs =
            started.filter_map(|start| Some(Input::new(source_of(&start.partition.topic)?, start))).collect::<Vec<_>>();
        let mut context = Context::new(id, Rc::clone(&self.collector) as Rc<RefCell<dyn Collector>>);
        context.stream_time = inputs.iter().map(|input| input.partition_time).max().unwrap_or(Timestamp::UNKNOWN);
        context.wall_clock = shared.clock.now();
        Ok(Task::new(ready, parts, context, inputs, metrics, &shared))
    }
}

fn resolve(plan: &Plan, collector: &RefCell<ProducerCollector>, topic: &Arc<str>) -> Option<Destination> {
    let partitions = *plan.partitions.get(topic)?;
    let handle = collector.borrow_mut().producer().topic(topic);
    let is_internal = plan.is_internal(topic);
    Some(Destination { topic: Arc::clone(topic), handle, partitions, is_internal })
}

/// What the runtime provides to a task's recipes.
struct Services<'a> {
    shared: &'a Common,
    collector: &'a Rc<RefCell<ProducerCollector>>,
    cache_budget: &'a CacheBudget,
    ready: &'a Ready,
}

impl TaskServices for Services<'_> {
    fn destination(&mut self, topic: &TopicRef) -> Result<Destination, BuildError> {
        let name = topic.full_name(&self.shared.plan.application_id);
        resolve(&self.shared.plan, self.collector, &name)
            .ok_or_else(|| BuildError { node: "-".to_owned(), reason: format!("topic {name} does not exist") })
    }

    fn store(&mut self, store: StoreId) -> Result<StoreAccess, BuildError> {
        let missing = || BuildError { node: "-".to_owned(), reason: format!("the task has no store {}", store.0) };
        let definition = self.shared.plan.topology.graph().store(store).ok_or_else(missing)?;
        let part = self.ready.stores.iter().find(|part| part.name == definition.name).ok_or_else(missing)?;
        let changelog = part.changelog.as_ref().map(|changelog| {
            let changelog = TopicChangelog {
                collector: Rc::clone(self.collector),
                destination: changelog.destination.clone(),
                partition: changelog.partition.partition,
            };
            Rc::new(RefCell::new(changelog)) as Rc<RefCell<dyn Changelog>>
        });
        let access = StoreAccess::new(Arc::clone(&part.name), part.index, Rc::clone(&self.ready.state), changelog);
        Ok(access.of(Arc::clone(&definition.kind), definition.windows).cached(definition.cached))
    }

    fn global_store(&mut self, store: StoreId) -> Result<Arc<GlobalStore>, BuildError> {
        let found = self.shared.globals.get(&store).cloned();
        found.ok_or_else(|| BuildError {
            node: "-".to_owned(),
            reason: format!("there is no global table with store {}", store.0),
        })
    }

    fn cache_budget(&self) -> CacheBudget {
        self.cache_budget.clone()
    }
}
