//! Properties: what stays the same however a topology is run.
//!
//! Java's driver has one task, one partition and a commit after every record, and so has a comparison with it. Here the
//! same random topologies run as in production, exactly-once on an embedded log, twice: once quietly and once with
//! commits, crashes and restarts at random moments, caches of any size, more partitions, or a second instance that comes and
//! goes. `suitable.rs` and `meeting.rs` say which cases must give the same outputs, and in which sense.

mod meeting;
mod runs;
mod suitable;

use std::collections::BTreeMap;

use fastrand::Rng;

use crate::case::Case;
pub use meeting::PARTITIONS;
use runs::{After, Outputs, Sent, Way};
pub use suitable::{Part, Sense};

/// What must stay the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Property {
    /// Commits, clean stops and crashes, at any time, change no output: each record is there once and in its place.
    Interruptions,
    /// Caches of any size and commits at any time leave the same final tables.
    Caches,
    /// One, three and eight partitions leave the same final tables where keys are independent of each other.
    Partitions,
    /// A second instance that comes, goes and crashes at any time, so that tasks move, leaves the same final tables; and if
    /// records stay in their partitions, each output is there once and in its place.
    Instances,
    /// What is sent when windows close, and by suppressions until then, is sent exactly once, with moves, stops and crashes
    /// at any time.
    FinalResults,
}

/// All properties.
pub const PROPERTIES: [Property; 5] =
    [Property::Interruptions, Property::Caches, Property::Partitions, Property::Instances, Property::FinalResults];

impl Property {
    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interruptions => "interruptions",
            Self::Caches => "caches",
            Self::Partitions => "partitions",
            Self::Instances => "instances",
            Self::FinalResults => "final results",
        }
    }
}

/// What of a case is the same in Kafka Streams, however many instances run it, if it sends anything.
#[must_use]
pub fn for_instances(case: &Case) -> Option<Part> {
    let part = suitable::part_of(Property::Instances, case).filter(suitable::is_the_same_in_java)?;
    let quiet = Way { partitions: PARTITIONS, cache_bytes: 0, after: vec![After::Commit] };
    let sends = |outputs: Outputs| outputs.values().any(|records| !records.is_empty());
    runs::outputs(&part, &quiet).is_ok_and(sends).then_some(part)
}

/// The outcome of a case.
#[derive(Debug)]
pub enum Outcome {
    /// The property says nothing about the case, or the case sends nothing.
    Unsuitable,
    /// So many records, or rows of final tables, are the same.
    Same(usize),
    /// The difference, as a sentence.
    Different(String),
}

/// Checks a property with a case; `seed` chooses how the case is run the second time.
#[must_use]
pub fn check(property: Property, case: &Case, seed: u64) -> Outcome {
    let Some(part) = suitable::part_of(property, case) else { return Outcome::Unsuitable };
    let mut random = Rng::with_seed(seed);
    let way = other_way(property, part.case.inputs.len(), &mut random);
    let partitions = if property == Property::Partitions { 1 } else { way.partitions };
    let quiet = Way { partitions, cache_bytes: 0, after: vec![After::Commit] };
    // A case that ends the application, as some are made to, shows nothing here.
    let Ok(expected) = runs::outputs(&part, &quiet) else { return Outcome::Unsuitable };
    if expected.values().all(Vec::is_empty) {
        return Outcome::Unsuitable;
    }
    let found = match runs::outputs(&part, &way) {
        Ok(found) => found,
        Err(failure) => return Outcome::Different(format!("{way:?} ends with: {failure}")),
    };
    let (expected, found) = (in_sense(&part.sense, &expected), in_sense(&part.sense, &found));
    match expected.iter().find(|(place, line)| found.get(*place) != Some(line)) {
        Some((place, line)) => {
            Outcome::Different(format!("{way:?}: {place} is {:?} and was {line:?} before", found.get(place)))
        }
        None if found.len() > expected.len() => {
            let more = found.iter().find(|(place, _)| !expected.contains_key(*place));
            Outcome::Different(format!("{way:?}: {more:?} was not there before"))
        }
        None => Outcome::Same(expected.len()),
    }
}

fn other_way(property: Property, inputs: usize, random: &mut Rng) -> Way {
    let quiet = vec![After::Commit];
    match property {
        Property::Interruptions => {
            let after = (0..inputs).map(|_| match random.u32(0..100) {
                0..5 => After::Kill,
                5..8 => After::Stop,
                8..30 => After::Commit,
                30..60 => After::Nothing,
                _ => After::More,
            });
            Way { partitions: 1, cache_bytes: 0, after: after.collect() }
        }
        Property::Caches => {
            let cache_bytes = random.choice([300, 1_000, 5_000, 10_000_000]).unwrap_or(0);
            let commits = random.u32(1..60);
            let after = (0..inputs).map(|_| if random.u32(0..100) < commits { After::Commit } else { After::Nothing });
            Way { partitions: 1, cache_bytes, after: after.collect() }
        }
        Property::Partitions => Way { partitions: random.choice([3, 8]).unwrap_or(3), cache_bytes: 0, after: quiet },
        Property::Instances | Property::FinalResults => {
            let after = (0..inputs).map(|_| match random.u32(0..100) {
                0..10 => After::JoinOrLeave,
                10..14 => After::KillSecond,
                14..17 => After::Kill,
                17..19 => After::Stop,
                19..40 => After::Commit,
                40..60 => After::Nothing,
                _ => After::More,
            });
            Way { partitions: meeting::PARTITIONS, cache_bytes: 0, after: after.collect() }
        }
    }
}

/// What is compared, by its place.
fn in_sense(sense: &Sense, outputs: &Outputs) -> BTreeMap<String, String> {
    match sense {
        Sense::Records => lines(outputs, false),
        Sense::Tables => rows(outputs),
        Sense::TablesOf(tables) => {
            let (tables, others) = outputs
                .iter()
                .map(|(topic, sent)| (topic.clone(), sent.clone()))
                .partition(|(topic, _)| tables.contains(topic));
            let mut compared = rows(&tables);
            compared.extend(lines(&others, true));
            compared
        }
    }
}

/// Every record by its topic and number, in its place or anywhere.
fn lines(outputs: &Outputs, is_anywhere: bool) -> BTreeMap<String, String> {
    let mut lines = BTreeMap::new();
    for (topic, records) in outputs {
        let line = if is_anywhere { Sent::line_without_headers } else { Sent::line };
        let mut of_topic: Vec<_> = records.iter().map(line).collect();
        if is_anywhere {
            of_topic.sort_unstable();
        }
        let numbered = of_topic.into_iter().enumerate();
        lines.extend(numbered.map(|(number, line)| (format!("record {number} of {topic}"), line)));
    }
    lines
}

/// The last value of every key; a deleted row is one that was never there.
fn rows(outputs: &Outputs) -> BTreeMap<String, String> {
    let mut rows = BTreeMap::new();
    for (topic, records) in outputs {
        for sent in records {
            let place = format!("key {} of {topic}", sent.key());
            match sent.value() {
                Some(value) => rows.insert(place, value),
                None => rows.remove(&place),
            };
        }
    }
    rows
}
