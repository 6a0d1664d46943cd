//! Properties: what stays the same however a topology is run.
//!
//! Java's driver has one task, one partition and a commit after every record, and so has a comparison with it. Here the
//! same random topologies run as in production, exactly-once on an embedded log, twice: once quietly and once with
//! commits, crashes and restarts at random moments, caches of any size, or more partitions. `suitable.rs`
//! says which cases must give the same outputs, and in which sense.

mod runs;
mod suitable;

use std::collections::BTreeMap;

use fastrand::Rng;

use crate::case::Case;
use runs::{After, Outputs, Way};

/// What must stay the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Property {
    /// Commits, clean stops and crashes, at any time, change no output: each record is there once and in its place.
    Interruptions,
    /// Caches of any size and commits at any time leave the same final tables.
    Caches,
    /// One, three and eight partitions leave the same final tables where keys are independent of each other.
    Partitions,
}

/// All properties.
pub const PROPERTIES: [Property; 3] = [Property::Interruptions, Property::Caches, Property::Partitions];

impl Property {
    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interruptions => "interruptions",
            Self::Caches => "caches",
            Self::Partitions => "partitions",
        }
    }
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
    let Some((case, topology)) = suitable::part_of(property, case) else { return Outcome::Unsuitable };
    let mut random = Rng::with_seed(seed);
    let quiet = Way { partitions: 1, cache_bytes: 0, after: vec![After::Commit] };
    // A case that ends the application, as some are made to, shows nothing here.
    let Ok(expected) = runs::outputs(&case, &topology, &quiet) else { return Outcome::Unsuitable };
    if expected.values().all(Vec::is_empty) {
        return Outcome::Unsuitable;
    }
    let way = other_way(property, case.inputs.len(), &mut random);
    let found = match runs::outputs(&case, &topology, &way) {
        Ok(found) => found,
        Err(failure) => return Outcome::Different(format!("{way:?} ends with: {failure}")),
    };
    let (expected, found) = match property {
        Property::Interruptions => (lines(&expected), lines(&found)),
        Property::Caches | Property::Partitions => (rows(&expected), rows(&found)),
    };
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
    }
}

/// Every record by its topic and number.
fn lines(outputs: &Outputs) -> BTreeMap<String, String> {
    let numbered = |(topic, records): (&String, &Vec<runs::Sent>)| {
        let topic = topic.clone();
        let lines = records.iter().enumerate();
        lines.map(|(number, sent)| (format!("record {number} of {topic}"), sent.line())).collect::<Vec<_>>()
    };
    outputs.iter().flat_map(numbered).collect()
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
