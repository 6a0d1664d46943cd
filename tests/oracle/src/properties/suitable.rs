//! Which cases a property speaks about.
//!
//! Records of several topics meet in an order that depends on when each of them arrives, and so do those that several parts
//! of a topology write to one topic. A case must not depend on it: each of its parts reads a single topic, and each topic
//! has a single writer. Other rules are each property's own.

use std::collections::BTreeSet;

use millstream::topic::TopicRef;
use millstream::topology::Topology;

use super::Property;
use crate::behaviour::Behaviour;
use crate::case::{Case, Input};
use crate::interpret;
use crate::seen::Seen;
use crate::step::{Emit, Reset, Step, StepId, Until, Windows};

/// What the property says something about: of a case its records, perhaps not all of them, and its topology.
pub(super) fn part_of(property: Property, case: &Case) -> Option<(Case, Topology)> {
    let mut case = case.clone();
    case.inputs.retain(|input| match input {
        // Records without a key go to any partition.
        Input::Record(record) => property != Property::Partitions || record.key.is_some(),
        Input::Advance { .. } => false,
    });
    let topology = topology(property, &case)?;
    Some((case, topology))
}

fn topology(property: Property, case: &Case) -> Option<Topology> {
    let is_suitable = match property {
        Property::Interruptions => case.steps.iter().all(survives),
        Property::Caches => {
            Flow::all_of(case).is_some_and(|flows| !flows.contains(&Flow::Ordered)) && !sends_what_still_changes(case)
        }
        Property::Partitions => Flow::all_of(case).is_some() && keys_are_independent(case),
    };
    if !is_suitable {
        return None;
    }
    let topology = interpret::topology(case, &Seen::default()).ok()?;
    (reads_single_topics(&topology) && topics_have_one_writer(&topology)).then_some(topology)
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
fn survives(step: &Step) -> bool {
    match step {
        Step::Stream { reset: Some(reset), .. } | Step::Table { reset: Some(reset), .. }
            if *reset != Reset::Policy("earliest".to_owned()) =>
        {
            false
        }
        Step::ToChosen { .. } | Step::Stream { pattern: Some(_), .. } | Step::FkJoin { .. } => false,
        Step::Store { logging, .. } | Step::Suppress { logging, .. } | Step::Join { logging, .. } => {
            logging.unwrap_or(true)
        }
        Step::Repartition { partitions, .. } => partitions.is_none_or(|partitions| partitions == 1),
        Step::Process { does, .. } | Step::ProcessValues { does, .. } => !matches!(
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
    let times = case.inputs.iter().filter_map(|input| match input {
        Input::Record(record) => Some(record.ts),
        Input::Advance { .. } => None,
    });
    // Windows close with the last records of a partition, which others may not get.
    let waits = |step: &Step| match step {
        Step::Suppress { .. } => true,
        Step::Count { options, .. } | Step::Reduce { options, .. } | Step::Aggregate { options, .. } => {
            options.emit == Some(Emit::Close)
        }
        _ => false,
    };
    let suppresses = case.steps.iter().any(waits);
    let disorder = match (times.clone().min(), times.max()) {
        (Some(first), Some(last)) => last.saturating_sub(first),
        _ => 0,
    };
    case.steps.iter().all(keeps_keys)
        && !suppresses
        && windows.map(grace).all(|grace| i64::try_from(grace).is_ok_and(|grace| grace >= disorder))
}

const fn grace(windows: Windows) -> u64 {
    match windows {
        Windows::Time { grace, .. } | Windows::Sliding { grace, .. } | Windows::Session { grace, .. } => grace,
        Windows::Unlimited { .. } => u64::MAX,
    }
}
