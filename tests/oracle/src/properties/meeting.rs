//! What is the same in whatever order the records of several tasks meet: cases for several instances, three partitions, and
//! tasks that move.
//!
//! Where no record changes its partition, tasks don't meet: each output partition is what one input partition makes of it.
//! Otherwise functions must be commutative, and windows are given so much grace that no record is late.

use std::collections::BTreeSet;

use millstream::wire::murmur2::partition_of;
use serde_json::Value as Json;

use super::suitable::{Promise, Sense, first_and_last, survives};
use crate::behaviour::Behaviour;
use crate::case::{Case, Input, InputRecord};
use crate::functions::Adder;
use crate::step::{Aggregation, Emit, Step, StepId, Until, Windows};

/// The partitions of every topic.
pub const PARTITIONS: u32 = 3;

/// In which sense a case gives the same outputs; `None` if in none. What the case must be like for that is made so.
pub(super) fn promise(case: &mut Case) -> Option<Promise> {
    let reads_several =
        case.steps.iter().filter(|step| matches!(step, Step::Stream { .. } | Step::Table { .. })).count() > 1;
    if !reads_several && case.steps.iter().all(|step| survives(step) && keeps_partition(step)) {
        return Some(Promise::of(Sense::Records));
    }
    case.steps = case.steps.iter().map(plain).collect();
    if !case.steps.iter().all(survives) {
        return None;
    }
    let meets = Meets::all_of(case)?;
    let tables = tables(case, &meets)?;
    let (first, last) = first_and_last(case)?;
    let disorder = u64::try_from(last.checked_sub(first)?).ok()?;
    let mut longest = 0;
    for step in &mut case.steps {
        if let Step::Count { options, .. } | Step::Aggregate { options, .. } = step {
            longest = longest.max(without_late_records(options, disorder)?);
        }
    }
    let close = i64::try_from(longest.checked_add(2 * disorder)?).ok()?.checked_add(last)?;
    Some(Promise { sense: Sense::TablesOf(tables), closing: closing(case, close), is_for_any_order: true })
}

/// A step without options with which it loses its state or depends on order: which version of a row is the latest one, and
/// whether it is too old, depends on when its record comes, and so may the time that is made for a record. Answers over a
/// foreign key go where the partitioner says, so it must be the one by which the rows are there.
fn plain(step: &Step) -> Step {
    let mut json = serde_json::to_value(step).unwrap_or_default();
    let leave_out = |json: &mut Json, options: &[&str]| {
        if let Some(json) = json.as_object_mut() {
            options.iter().for_each(|option| _ = json.remove(*option));
        }
    };
    leave_out(&mut json, &["logging", "reset", "extractor"]);
    leave_out(&mut json["stored"], &["logging", "versioned"]);
    if matches!(step, Step::FkJoin { .. }) {
        leave_out(&mut json, &["partitioner"]);
    }
    serde_json::from_value(json).unwrap_or_else(|_| step.clone())
}

/// Whether what becomes of a record stays in its partition.
fn keeps_partition(step: &Step) -> bool {
    !matches!(
        step,
        Step::Map { .. }
            | Step::FlatMap { .. }
            | Step::SelectKey { .. }
            | Step::GroupBy { .. }
            | Step::GroupTable { .. }
            | Step::ToStream { key: Some(_), .. }
            | Step::Repartition { partitions: Some(_), .. }
            | Step::Repartition { partitioner: Some(_), .. }
            | Step::To { partitioner: Some(_), .. }
            | Step::AddSink { partitioner: Some(_), .. }
            | Step::FkJoin { .. }
            | Step::Process { does: Behaviour::Rekey { .. }, .. }
            | Step::AddProcessor { does: Behaviour::Rekey { .. }, .. }
    )
}

/// Gives the windows so much grace that no record is late. Returns their size; `None` if they depend on order nevertheless.
fn without_late_records(options: &mut Aggregation, disorder: u64) -> Option<u64> {
    let (grace, size) = match &mut options.windows {
        None => return Some(0),
        Some(Windows::Time { grace, size, .. }) => (grace, *size),
        Some(Windows::Session { grace, gap }) => (grace, *gap),
        Some(Windows::Sliding { .. } | Windows::Unlimited { .. }) => return None,
    };
    *grace = (*grace).max(disorder);
    let kept = size.checked_add(*grace)?.checked_add(disorder)?;
    if let Some(stored) = &mut options.stored
        && let Some(retention) = &mut stored.retention
    {
        *retention = (*retention).max(kept);
    }
    kept.checked_add(1)
}

/// A record for each partition of each input topic at that time.
pub(super) fn closing(case: &Case, time: i64) -> Vec<InputRecord> {
    let topics: BTreeSet<&String> = case.inputs.iter().filter_map(Input::topic).collect();
    let key_in = |partition: u32| {
        let keys = (0..1_000).map(|number| format!("c{number}"));
        let mut keys = keys.filter(|key| u32::try_from(partition_of(key.as_bytes(), PARTITIONS).0) == Ok(partition));
        keys.next()
    };
    let record = |topic: &String, partition| InputRecord {
        topic: topic.clone(),
        key: key_in(partition),
        value: Some("a".to_owned()),
        ts: time,
        headers: Vec::new(),
    };
    topics.into_iter().flat_map(|topic| (0..PARTITIONS).map(move |partition| record(topic, partition))).collect()
}

/// What of a step's result is the same in whatever order records meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meets {
    /// Each record, at any place.
    Stream,
    /// The records of a group.
    Group,
    /// The last rows of a table.
    Table,
    /// The last rows of a table, as a stream.
    Changes,
    /// Each row of a table whose rows are final.
    FinalTable,
    /// Such a table's rows as a stream.
    Final,
    /// Nothing is left to read.
    Nothing,
}

impl Meets {
    /// The results of all steps; `None` if one of them depends on order.
    fn all_of(case: &Case) -> Option<Vec<Self>> {
        let mut all = Vec::new();
        for step in &case.steps {
            let next = Self::of(step, &all)?;
            if loses_deletions(case, step) {
                return None;
            }
            all.push(next);
        }
        Some(all)
    }

    fn of(step: &Step, all: &[Self]) -> Option<Self> {
        let of = |step: StepId| all.get(step).copied();
        let of_stream = |step: StepId, result: Self| (of(step)? == Self::Stream).then_some(result);
        match step {
            Step::Stream { extractor: None, .. } => Some(Self::Stream),
            Step::Table { extractor: None, .. } => Some(Self::Table),
            Step::TableJoin { input, other, .. } => {
                (of(*input)? == Self::Table && of(*other)? == Self::Table).then_some(Self::Table)
            }
            // The rows talk until each has the other one's last state.
            Step::FkJoin { input, other, partitioner: None, .. } => {
                (of(*input)? == Self::Table && of(*other)? == Self::Table).then_some(Self::Table)
            }
            Step::Filter { input, .. } | Step::FilterNot { input, .. } | Step::MapValues { input, .. } => {
                of(*input).filter(|of| matches!(of, Self::Stream | Self::Table | Self::Final))
            }
            Step::Peek { input, .. } => of(*input),
            Step::FlatMapValues { input, .. }
            | Step::Map { input, .. }
            | Step::FlatMap { input, .. }
            | Step::SelectKey { input, .. } => of_stream(*input, Self::Stream),
            Step::Repartition { input, partitioner: None, .. } => of_stream(*input, Self::Stream),
            Step::Merge { input, other, .. } => {
                of_stream(*input, Self::Stream)?;
                of_stream(*other, Self::Stream)
            }
            Step::GroupByKey { input, .. } | Step::GroupBy { input, .. } => of_stream(*input, Self::Group),
            Step::Count { input, options } | Step::Aggregate { input, add: Adder::Sum, remove: None, options, .. } => {
                let is_final = options.emit == Some(Emit::Close);
                (of(*input)? == Self::Group).then_some(if is_final { Self::FinalTable } else { Self::Table })
            }
            Step::Suppress { input, until: Until::Close(_), max_records: None, max_bytes: None, .. } => {
                (of(*input)? == Self::Table).then_some(Self::FinalTable)
            }
            Step::ToStream { input, key: None, .. } => match of(*input)? {
                Self::Table => Some(Self::Changes),
                Self::FinalTable => Some(Self::Final),
                _ => None,
            },
            Step::To { input, .. } | Step::ForEach { input, .. } | Step::Print { input, .. } => {
                of(*input).map(|_| Self::Nothing)
            }
            _ => None,
        }
    }
}

/// Whether a deletion may not be told, because it changes both tables of a join at once, as in Kafka Streams. Whoever was told
/// the row before does not know that it is gone, and what is made of it depends on when it meets others.
fn loses_deletions(case: &Case, step: &Step) -> bool {
    let Step::TableJoin { input, other, .. } = step else { return false };
    !ancestors(case, *input).is_disjoint(&ancestors(case, *other))
}

/// A step and all that it is made of.
fn ancestors(case: &Case, step: StepId) -> BTreeSet<StepId> {
    let (mut found, mut next) = (BTreeSet::new(), vec![step]);
    while let Some(step) = next.pop() {
        if found.insert(step) {
            next.extend(case.steps.get(step).map(Step::inputs).unwrap_or_default());
        }
    }
    found
}

/// The topics that have the changes of tables; `None` if one of them has something else, too, or is read.
fn tables(case: &Case, meets: &[Meets]) -> Option<BTreeSet<String>> {
    let (mut tables, mut others) = (BTreeSet::new(), BTreeSet::new());
    let inputs: BTreeSet<_> = case.inputs.iter().filter_map(Input::topic).collect();
    for step in &case.steps {
        let Step::To { input, topic, partitioner, .. } = step else { continue };
        if inputs.contains(topic) {
            return None;
        }
        // A partitioner may choose by a value that not everybody sees.
        let is_placed = partitioner.is_some();
        if meets.get(*input) != Some(&Meets::Changes) {
            others.insert(topic.clone());
        } else if is_placed || !tables.insert(topic.clone()) {
            return None;
        }
    }
    tables.is_disjoint(&others).then_some(tables)
}
