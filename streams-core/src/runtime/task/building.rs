//! Builds a task: makes its operators and connects them to its inputs, its stores and its producer.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::buffered_bytes::BufferedBytes;
use super::failing::Failing;
use super::teller::Teller;
use super::{ChangelogPartition, Input, Ready, StartPosition, Task, TaskStore};
use crate::operators::handler::Handling;
use crate::operators::{
    Address, BuildError, Collector, Context, Destination, Judge, MarkedTopic, Sender, StoreId, TaskBuilder,
    TaskServices,
};
use crate::record::{Offset, TaskId, Timestamp, TopicPartition};
use crate::runtime::alignment::{Alignment, Lanes};
use crate::runtime::collector::{ProducerCollector, TopicChangelog};
use crate::runtime::drop_notices::DropNotices;
use crate::runtime::failures::{DeadLetters, Failures};
use crate::runtime::offset_metadata::OffsetMetadata;
use crate::runtime::plan::Plan;
use crate::runtime::summary::Totals;
use crate::runtime::{AppError, TaskMetrics};
use crate::state::{CacheBudget, Changelog, GlobalStore, StoreAccess, StoreIndex};
use crate::topic::{TimestampPolicy, TopicRef};
use crate::topology::NodeKind;

/// What tasks are built from.
pub(crate) struct Building<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) globals: &'a BTreeMap<StoreId, Arc<GlobalStore>>,
    pub(crate) collector: &'a Rc<RefCell<ProducerCollector>>,
    pub(crate) cache_budget: &'a CacheBudget,
    pub(crate) drops: &'a DropNotices,
    pub(crate) totals: &'a Totals,
    pub(crate) wall_clock: Timestamp,
    /// Which time records have, for sources that don't say it themselves.
    pub(crate) timestamps: TimestampPolicy,
    /// Whether what Kafka Streams does wrong is done in the same way.
    pub(crate) repeats_flaws: bool,
    /// `None` if tasks go as fast as they can.
    pub(crate) alignment: Option<&'a Alignment>,
    pub(crate) is_exactly_once: bool,
    pub(crate) failures: &'a Failures,
    /// What the worker's input buffers hold.
    pub(crate) buffered: &'a BufferedBytes,
    pub(crate) handling: &'a Handling,
}

impl Building<'_> {
    /// Builds a task whose state is complete.
    pub(crate) fn build(&self, mut ready: Ready, metrics: TaskMetrics) -> Result<Task, AppError> {
        let id = ready.id;
        let failed = |error| AppError::Build { task: id, error };
        let topology = &self.plan.topology;
        let Some(sub) = topology.subtopologies().iter().find(|sub| sub.id == id.subtopology) else {
            return Err(failed(BuildError { node: "-".into(), reason: "there is no such sub-topology".into() }));
        };
        let sender = Rc::new(Sender::new(id));
        let mut services = Services { building: self, ready: &ready, sender: Rc::clone(&sender), marked: Vec::new() };
        let mut builder = TaskBuilder::new(id, &mut services).around_processors(topology.wrappers());
        for number in sub.nodes.iter().rev() {
            if let Some(node) = topology.graph().node(*number) {
                let is_processor = node.kind == NodeKind::Processor;
                let build = if is_processor { TaskBuilder::build_processor } else { TaskBuilder::build };
                build(&mut builder, *number, &node.name, &node.children, node.sends_old_values, &node.recipe)
                    .map_err(failed)?;
            }
        }
        let mut parts = builder.finish();
        let dead_letters = self.dead_letters();
        let marked = services.marked;
        for (name, time) in &parts.stream_times {
            if let Some((_, kept)) = ready.times.iter().find(|(node, _)| **node == **name) {
                time.set(*kept);
            }
        }
        let input = |start: StartPosition| {
            let (node, reading) = self.plan.source_of(id.subtopology, &start.partition.topic)?;
            let (_, source) = parts.sources.iter().find(|(source, _)| *source == node)?;
            let lanes = self.lanes(&start);
            let input = Input::new(Rc::clone(source), start, reading.timestamps.unwrap_or(self.timestamps))
                .guarded(&self.failures.policy.settings);
            // One that extracts times is another object.
            let node = parts.names.get(&Address::of(source)).cloned().unwrap_or_default();
            let input = input.read_by(&node);
            parts.names.insert(Address::of(&input.source), node);
            let delay = self.plan.retry_delay(&input.partition.topic);
            Some(input.in_lanes(lanes).parked_for(delay).counted_in(self.buffered))
        };
        let inputs = std::mem::take(&mut ready.inputs).into_iter().filter_map(input).collect::<Vec<_>>();
        let mut context = Context::new(id, Rc::clone(self.collector) as Rc<RefCell<dyn Collector>>);
        context.stream_time = inputs.iter().map(|input| input.partition_time).max().unwrap_or(Timestamp::UNKNOWN);
        context.wall_clock = self.wall_clock;
        if !parts.caches.is_empty() {
            sender.flushed_at(context.stream_time);
        }
        let teller = (!marked.is_empty()).then(|| Teller::new(sender, marked, self.is_exactly_once));
        let policy = Arc::clone(&self.failures.policy);
        let drops = policy.settings.dead_letter_drops.clone();
        let judging = Arc::clone(&policy);
        let judge: Judge = Rc::new(move |task, judged| judging.judge(task, judged));
        context.set_failures(drops, Rc::new(move |error| policy.contained(error)), judge);
        let (failures, is_exactly_once) = (self.failures.clone(), self.is_exactly_once);
        let failing = Failing { failures, dead_letters, is_exactly_once };
        let mut task = Task::new(ready, parts, context, inputs, metrics, (self.drops, self.totals), failing);
        task.teller = teller;
        Ok(task)
    }

    /// Where dead letters go, if the application has a topic for them.
    fn dead_letters(&self) -> Option<DeadLetters> {
        let topic = self.failures.policy.settings.dead_letter_topic.as_deref()?;
        resolve(self.plan, self.collector, &Arc::from(topic)).map(DeadLetters::to)
    }

    /// The lanes of a repartition topic whose records are aligned, or were when its position was committed.
    fn lanes(&self, start: &StartPosition) -> Option<Lanes> {
        let senders = self.alignment.and_then(|alignment| alignment.senders_of(&start.partition.topic));
        let committed = OffsetMetadata::decode(&start.committed_metadata);
        let kept = committed.map(|committed| committed.senders).unwrap_or_default();
        (senders.is_some() || !kept.is_empty()).then(|| Lanes::new(senders, start.position, &kept))
    }
}

impl TaskStore {
    /// A task's stores, in the order of their numbers.
    pub(crate) fn all(
        plan: &Plan,
        task: TaskId,
        destination: &mut dyn FnMut(&Arc<str>) -> Option<Destination>,
    ) -> Vec<Self> {
        let topology = &plan.topology;
        let of_task = topology.subtopologies().iter().filter(|sub| sub.id == task.subtopology);
        let mut stores = Vec::new();
        for (id, number) in of_task.flat_map(|sub| &sub.stores).zip(1_u16..) {
            let Some(definition) = topology.graph().store(*id) else { continue };
            let is_input = matches!(definition.changelog, Some(TopicRef::External(_)));
            // An input may have fewer partitions than there are tasks.
            let changelog = plan.changelog(*id).filter(|topic| !is_input || plan.inputs(task).contains(topic));
            let changelog = changelog.and_then(|topic| {
                let partition = TopicPartition { topic: Arc::clone(&topic), partition: task.partition };
                let destination = destination(&topic)?;
                let (id, start) = (plan.ids.get(&topic).cloned().unwrap_or_default(), Offset(0));
                Some(ChangelogPartition { partition, destination, is_input, id, start, offset: None, written: None })
            });
            stores.push(Self {
                name: Arc::clone(&definition.name),
                index: StoreIndex(number),
                kind: Arc::clone(&definition.kind),
                is_readable: definition.is_readable,
                takes_negative: true,
                in_memory: definition.in_memory,
                changelog,
            });
        }
        stores
    }
}

/// Looks up a topic to send to; `None` if it does not exist.
pub(crate) fn resolve(plan: &Plan, collector: &RefCell<ProducerCollector>, topic: &Arc<str>) -> Option<Destination> {
    let partitions = *plan.partitions.get(topic)?;
    let handle = collector.borrow_mut().producer().topic(topic);
    let is_internal = plan.is_internal(topic);
    Some(Destination { topic: Arc::clone(topic), handle, partitions, is_internal, marks: None })
}

/// What the runtime provides to a task's recipes.
struct Services<'a> {
    building: &'a Building<'a>,
    ready: &'a Ready,
    sender: Rc<Sender>,
    /// The topics whose records are marked.
    marked: Vec<Destination>,
}

impl Services<'_> {
    /// Sees to it that records for a repartition topic are marked, if they are aligned.
    fn marking(&mut self, destination: Destination) -> Destination {
        let alignment = self.building.alignment;
        if alignment.is_none_or(|alignment| alignment.senders_of(&destination.topic).is_none()) {
            return destination;
        }
        if let Some(known) = self.marked.iter().find(|known| known.topic == destination.topic) {
            return known.clone();
        }
        let marks = Some(Rc::new(MarkedTopic::new(&self.sender, destination.partitions)));
        let marked = Destination { marks, ..destination };
        self.marked.push(marked.clone());
        marked
    }
}

impl TaskServices for Services<'_> {
    fn destination(&mut self, topic: &TopicRef) -> Result<Destination, BuildError> {
        let Building { plan, collector, .. } = self.building;
        let name = topic.full_name(&plan.application_id);
        let found = resolve(plan, collector, &name);
        found
            .map(|destination| self.marking(destination))
            .ok_or_else(|| BuildError { node: "-".to_owned(), reason: format!("topic {name} does not exist") })
    }

    fn store(&mut self, store: StoreId) -> Result<StoreAccess, BuildError> {
        let missing = || BuildError { node: "-".to_owned(), reason: format!("the task has no store {}", store.0) };
        let definition = self.building.plan.topology.graph().store(store).ok_or_else(missing)?;
        if let Some(global) = self.building.globals.get(&store) {
            // It is only read here.
            let state = Rc::new(RefCell::new(global.as_state()));
            let access = StoreAccess::new(Arc::clone(&definition.name), global.index(), state, None);
            return Ok(access.of(Arc::clone(&definition.kind), definition.windows).cached(false));
        }
        let part = self.ready.stores.iter().find(|part| part.name == definition.name).ok_or_else(missing)?;
        let changelog = part.changelog.as_ref().filter(|changelog| !changelog.is_input).map(|changelog| {
            let changelog = TopicChangelog {
                collector: Rc::clone(self.building.collector),
                destination: changelog.destination.clone(),
                partition: changelog.partition.partition,
            };
            Rc::new(RefCell::new(changelog)) as Rc<RefCell<dyn Changelog>>
        });
        let access = StoreAccess::new(Arc::clone(&part.name), part.index, Rc::clone(&self.ready.state), changelog);
        let access = access.of(Arc::clone(&definition.kind), definition.windows).cached(definition.cached);
        Ok(access.repeating_flaws(self.building.repeats_flaws))
    }

    fn global_store(&mut self, store: StoreId) -> Result<Arc<GlobalStore>, BuildError> {
        let found = self.building.globals.get(&store).cloned();
        found.ok_or_else(|| BuildError {
            node: "-".to_owned(),
            reason: format!("there is no global table with store {}", store.0),
        })
    }

    fn cache_budget(&self) -> CacheBudget {
        self.building.cache_budget.clone()
    }

    fn repeats_flaws(&self) -> bool {
        self.building.repeats_flaws
    }

    fn handling(&self) -> Option<Handling> {
        Some(self.building.handling.clone())
    }
}
