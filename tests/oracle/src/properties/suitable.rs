//! Which cases a property speaks about.
//!
//! Records of several topics meet in an order that depends on when each of them arrives, and so do those that several parts
//! of a topology write to one topic. A case must not depend on it: each of its parts reads a single topic, and each topic
//! has a single writer. Other rules are each property's own.

use std::collections::BTreeSet;

use millstream::topic::TopicRef;
use millstream::topology::Topology;

use super::{Property, meeting};
use crate::behaviour::Behaviour;
use crate::case::{Case, Input, InputRecord};
use crate::functions::{Adder, Extractor, Partitioner};
use crate::interpret;
use crate::seen::Seen;
use crate::step::{Emit, JoinKind, Reset, Step, StepId, Until, Windows};

/// What the property says something about.
pub struct Part {
    /// Of a case its records, perhaps not all of them.
    pub case: Case,
    /// Its topology.
    pub topology: Topology,
    /// Records that close windows, once all others have been processed.
    pub closing: Vec<InputRecord>,
    /// In which sense the outputs are the same.
    pub sense: Sense,
}

impl Part {
    /// Whether there are records that close windows, and they make a difference.
    #[must_use]
    pub fn is_closed_by_records(&self) -> bool {
        !self.closing.is_empty() && self.case.steps.iter().any(waits)
    }
}

/// In which sense outputs are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sense {
    /// Each record is there once, and in its place.
    Records,
    /// The last values of all keys are the same.
    Tables,
    /// Of these topics the last values are the same, and each record of all others is there once, at any place and with any
    /// headers.
    TablesOf(BTreeSet<String>),
}

/// What the property says something about, of a case; `None` if there is nothing.
pub(super) fn part_of(property: Property, case: &Case) -> Option<Part> {
    let mut case = case.clone();
    let needs_keys = matches!(property, Property::Partitions | Property::Instances | Property::FinalResults);
    case.inputs.retain(|input| match input {
        // Records without a key go to any partition.
        Input::Record(record) => !needs_keys || record.key.is_some(),
        Input::Advance { .. } => false,
    });
    let Promise { sense, closing, is_for_any_order } = promise(property, &mut case)?;
    let topology = interpret::topology(&case, &Seen::default()).ok()?;
    let is_suitable = if is_for_any_order {
        !has_globals(&topology)
    } else {
        reads_single_topics(&topology) && topics_have_one_writer(&topology)
    };
    is_suitable.then_some(Part { case, topology, closing, sense })
}

/// What is promised of a case.
pub(super) struct Promise {
    pub(super) sense: Sense,
    pub(super) closing: Vec<InputRecord>,
    /// Whether it holds in whatever order records of several topics meet.
    pub(super) is_for_any_order: bool,
}

impl Promise {
    pub(super) const fn of(sense: Sense) -> Self {
        Self { sense, closing: Vec::new(), is_for_any_order: false }
    }
}

/// What a property promises of a case. The case may be changed so that there is something to promise.
fn promise(property: Property, case: &mut Case) -> Option<Promise> {
    match property {
        Property::Interruptions => case.steps.iter().all(survives).then(|| Promise::of(Sense::Records)),
        Property::Caches => {
            let is_suitable = Flow::all_of(case).is_some_and(|flows| !flows.contains(&Flow::Ordered))
                && !sends_what_still_changes(case)
                && !has_hidden_times(case)
                // A change that comes too late for versions may be hidden by a later one.
                && !has_versions(case);
            is_suitable.then_some(Promise::of(Sense::Tables))
        }
        Property::Partitions => {
            let is_suitable = Flow::all_of(case).is_some() && keys_are_independent(case);
            is_suitable.then_some(Promise::of(Sense::Tables))
        }
        Property::Instances => meeting::promise(case),
        Property::FinalResults => case.steps.iter().any(waits).then(|| meeting::promise(case))?,
    }
}

/// Whether Kafka Streams does the same. Inner joins over a foreign key may keep results there of rows that have changed
/// (DIFFERENCES.md).
pub(super) fn is_the_same_in_java(part: &Part) -> bool {
    !part.case.steps.iter().any(|step| matches!(step, Step::FkJoin { kind: JoinKind::Inner, .. }))
}

/// Whether an operator sends results when they are final.
pub(super) const fn waits(step: &Step) -> bool {
    match step {
        Step::Suppress { until: Until::Close(_), .. } => true,
        Step::Count { options, .. } | Step::Reduce { options, .. } | Step::Aggregate { options, .. } => {
            matches!(options.emit, Some(Emit::Close))
        }
        _ => false,
    }
}

fn has_globals(topology: &Topology) -> bool {
    topology.subtopologies().iter().any(|part| part.global)
}

fn reads_single_topics(topology: &Topology) -> bool {
    topology.subtopologies().iter().all(|part| !part.global && part.sources.len() == 1)
}

fn topics_have_one_writer(topology: &Topology) -> bool {
    let parts = topology.subtopologies();
    let is_input = |topic: &TopicRef| {
        matches!(topic, TopicRef::External(_)) && parts.iter().any(|part| part.sources.contains(topic))
    };
    let mut written = BTreeSet::new();
    parts.iter().flat_map(|part| &part.sinks).all(|topic| written.insert(topic) && !is_input(topic))
}

/// Whether a step does the same after a crash: it loses no state, begins to read where it began before, and doesn't go by
/// the wall clock or by punctuations, which start anew.
pub(super) fn survives(step: &Step) -> bool {
    match step {
        Step::Stream { reset: Some(reset), .. }
        | Step::Table { reset: Some(reset), .. }
        | Step::AddSource { reset: Some(reset), .. }
            if *reset != Reset::Policy("earliest".to_owned()) =>
        {
            false
        }
        Step::ToChosen { .. } | Step::Stream { pattern: Some(_), .. } | Step::AddSource { pattern: Some(_), .. } => {
            false
        }
        Step::Store { logging, .. } | Step::Suppress { logging, .. } | Step::Join { logging, .. } => {
            logging.unwrap_or(true)
        }
        Step::Repartition { partitions, .. } => partitions.is_none_or(|partitions| partitions == 1),
        Step::Process { does, .. } | Step::ProcessValues { does, .. } | Step::AddProcessor { does, .. } => !matches!(
            does,
            Behaviour::Clock {}
                | Behaviour::Commit {}
                | Behaviour::Origin {}
                | Behaviour::Farewell {}
                | Behaviour::Tick { .. }
                | Behaviour::Hold { .. }
                | Behaviour::HoldWall { .. }
        ),
        step => !json(step).contains("\"logging\":false"),
    }
}

fn json(step: &Step) -> String {
    serde_json::to_string(step).unwrap_or_default()
}

/// What a step's result is, as far as caches are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// A stream that no cache holds back.
    Stream,
    /// A grouped stream.
    Group,
    /// A table: however many of its changes are seen, the last ones are the same.
    Table,
    /// A table's changes as a stream.
    Changes,
    /// Something that depends on every single change of a table.
    Ordered,
    /// Nothing that can be read.
    Nothing,
}

impl Flow {
    /// The results of all steps; `None` if one of them is of a sort that no property but the first speaks about.
    fn all_of(case: &Case) -> Option<Vec<Self>> {
        let mut flows = Vec::new();
        for step in &case.steps {
            let flow = Self::of(step, &flows)?;
            flows.push(flow);
        }
        Some(flows)
    }

    fn of(step: &Step, flows: &[Self]) -> Option<Self> {
        let of = |step: StepId| flows.get(step).copied();
        if !survives(step) {
            return None;
        }
        Some(match step {
            Step::Stream { .. } => Self::Stream,
            Step::Table { .. } => Self::Table,
            Step::Filter { input, .. } | Step::FilterNot { input, .. } | Step::MapValues { input, .. }
                if is_versioned(step) && of(*input) == Some(Self::Table) =>
            {
                Self::Ordered
            }
            Step::Filter { input, .. } | Step::FilterNot { input, .. } => match of(*input)? {
                // The last change that a filter lets pass may not have been seen.
                Self::Changes => Self::Ordered,
                flow => flow,
            },
            // A row that comes and goes while caches hold it back is never deleted downstream.
            Step::MapValues { input, value, .. }
                if of(*input) == Some(Self::Changes) && value.apply(&None, &None).is_some() =>
            {
                Self::Ordered
            }
            Step::MapValues { input, .. } | Step::Peek { input, .. } => of(*input)?,
            Step::FlatMapValues { input, .. }
            | Step::Map { input, .. }
            | Step::FlatMap { input, .. }
            | Step::SelectKey { input, .. }
            | Step::Repartition { input, .. } => of(*input)?.stream(Self::Stream),
            Step::Merge { input, other, .. } => match (of(*input)?, of(*other)?) {
                (Self::Stream, Self::Stream) => Self::Stream,
                _ => Self::Ordered,
            },
            Step::GroupByKey { input, .. } | Step::GroupBy { input, .. } => of(*input)?.stream(Self::Group),
            Step::Count { input, .. } | Step::Reduce { input, .. } | Step::Aggregate { input, .. } => {
                match of(*input)? {
                    Self::Group => Self::Table,
                    _ => Self::Ordered,
                }
            }
            Step::ToTable { input, .. } => of(*input)?.stream(Self::Table),
            Step::ToStream { input, key: None, .. } => match of(*input)? {
                Self::Table => Self::Changes,
                flow => flow,
            },
            Step::Suppress { input, until: Until::Close(_), max_records: None, max_bytes: None, .. } => of(*input)?,
            Step::To { input, partitioner: None, .. } | Step::ForEach { input, .. } | Step::Print { input, .. } => {
                if of(*input)? == Self::Ordered {
                    return Some(Self::Ordered);
                }
                Self::Nothing
            }
            _ => return None,
        })
    }

    const fn stream(self, result: Self) -> Self {
        match self {
            Self::Stream => result,
            _ => Self::Ordered,
        }
    }
}

/// Whether a step's table keeps versions. They go by their timestamps, so what is the latest one depends on each change.
fn is_versioned(step: &Step) -> bool {
    step.stored().is_some_and(|stored| stored.versioned.is_some())
}

/// Whether final results are sent a millisecond before they stop changing, as those of sessions and sliding windows are, in
/// Kafka Streams, too. What is sent then depends on which changes have been seen.
fn sends_what_still_changes(case: &Case) -> bool {
    case.steps.iter().any(|step| match step {
        Step::Suppress { input, until: Until::Close(_), .. } => is_of_sessions(&case.steps, *input),
        _ => false,
    })
}

/// Whether a suppression misses times because caches keep rows to themselves that come and go, as in Kafka Streams: its time is that
/// of the changes that it sees.
fn has_hidden_times(case: &Case) -> bool {
    let suppresses = case.steps.iter().any(|step| matches!(step, Step::Suppress { .. }));
    let may_delete = |step: &Step| match step {
        Step::Reduce { add, .. } | Step::Aggregate { add, .. } => !add.keeps_values() || *add == Adder::Last,
        _ => false,
    };
    suppresses && case.steps.iter().any(may_delete)
}

/// Whether a table keeps versions of its rows.
fn has_versions(case: &Case) -> bool {
    case.steps.iter().any(|step| step.stored().is_some_and(|stored| stored.versioned.is_some()))
}

/// Whether a table is one of sessions or sliding windows.
fn is_of_sessions(steps: &[Step], table: StepId) -> bool {
    let are = |windows: Option<Windows>| matches!(windows, Some(Windows::Session { .. } | Windows::Sliding { .. }));
    match steps.get(table) {
        Some(Step::Count { options, .. } | Step::Reduce { options, .. } | Step::Aggregate { options, .. }) => {
            are(options.windows)
        }
        Some(Step::Cogroup { windows, .. }) => are(*windows),
        Some(
            Step::Filter { input, .. }
            | Step::FilterNot { input, .. }
            | Step::MapValues { input, .. }
            | Step::TransformValues { input, .. }
            | Step::Suppress { input, .. },
        ) => is_of_sessions(steps, *input),
        _ => false,
    }
}

/// Whether a key's results depend on this key's records alone, which stay in one partition and in order.
fn keys_are_independent(case: &Case) -> bool {
    let keeps_keys = |step: &Step| {
        !matches!(
            step,
            Step::Map { .. }
                | Step::FlatMap { .. }
                | Step::SelectKey { .. }
                | Step::GroupBy { .. }
                | Step::Process { .. }
                | Step::ProcessValues { .. }
        )
    };
    let windows = case.steps.iter().filter_map(|step| match step {
        Step::Count { options, .. } | Step::Reduce { options, .. } | Step::Aggregate { options, .. } => options.windows,
        _ => None,
    });
    // Windows close with the last records of a partition, which others may not get.
    let suppresses = case.steps.iter().any(|step| waits(step) || matches!(step, Step::Suppress { .. }));
    let disorder = first_and_last(case).map_or(0, |(first, last)| last.saturating_sub(first));
    let reaches = |time: u64| i64::try_from(time).is_ok_and(|time| time >= disorder);
    // These go by the records of other keys.
    let goes_by_others = |step: &Step| match step {
        Step::Stream { extractor, .. } | Step::Table { extractor, .. } => {
            !matches!(extractor, None | Some(Extractor::ValueTime { .. }))
        }
        _ => false,
    };
    // With these a key is in several partitions.
    let spreads_keys = |step: &Step| {
        let (Step::Repartition { partitioner, .. } | Step::To { partitioner, .. } | Step::AddSink { partitioner, .. }) =
            step
        else {
            return false;
        };
        matches!(partitioner, Some(Partitioner::ValueHash | Partitioner::All))
    };
    // A store with versions refuses what is older than its history.
    let mut histories = case.steps.iter().filter_map(|step| step.stored()?.versioned);
    case.steps.iter().all(keeps_keys)
        && !case.steps.iter().any(goes_by_others)
        && !case.steps.iter().any(spreads_keys)
        && !suppresses
        && histories.all(reaches)
        && windows.map(grace).all(reaches)
}

/// The times of the oldest and the newest record.
pub(super) fn first_and_last(case: &Case) -> Option<(i64, i64)> {
    let times = case.inputs.iter().filter_map(|input| match input {
        Input::Record(record) => Some(record.ts),
        Input::Advance { .. } => None,
    });
    times.clone().min().zip(times.max())
}

const fn grace(windows: Windows) -> u64 {
    match windows {
        Windows::Time { grace, .. } | Windows::Sliding { grace, .. } | Windows::Session { grace, .. } => grace,
        Windows::Unlimited { .. } => u64::MAX,
    }
}
