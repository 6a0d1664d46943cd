//! Generates cases: the case with a number is the same whenever its seed is, whatever else is generated.
//!
//! Each family of operators has a file with its [`Arm`]s, each of which adds one operator to a [`Draft`]; an operator
//! that has no arm is not generated. [`inputs`] makes the records once the topology is known.

mod aggregate;
mod cogroups;
mod draft;
mod inputs;
mod joins;
mod low_level;
mod processors;
mod random;
mod sources;
mod stateless;
mod suppress;
mod table_joins;
mod tables;
mod vocabulary;
mod windows;

use draft::{Draft, Sort};
use random::Random;

use crate::case::{Case, StoreType};
use crate::step::Step;

/// Adds an operator to the topology; does nothing if there is nothing that it could follow.
type Arm = fn(&mut Draft) -> Option<()>;

/// Arms, each with how often it is chosen.
type Arms = &'static [(u32, Arm)];

/// What a case is about.
#[derive(Debug)]
pub struct Family {
    /// Its name on the command line.
    pub name: &'static str,
    /// The operators that may be in it.
    arms: &'static [Arms],
    /// How many operators a case has at most.
    operators_max: u64,
    /// Whether updates may be held back.
    caching: bool,
    /// Whether the topology is optimised.
    optimized: bool,
}

impl Family {
    const fn of(name: &'static str, arms: &'static [Arms], operators_max: u64) -> Self {
        Self { name, arms, operators_max, caching: false, optimized: false }
    }
}

/// The families. Case by case they take turns.
pub const FAMILIES: &[Family] = &[
    Family::of("stateless", &[stateless::ARMS], 8),
    Family::of("aggregate", &[aggregate::ARMS, cogroups::ARMS, stateless::SOME], 6),
    Family::of("windows", &[windows::ARMS, cogroups::WINDOWED, stateless::SOME], 10),
    Family::of("joins", &[joins::ARMS, stateless::SOME], 5),
    Family::of("tables", &[tables::ARMS, table_joins::ARMS, stateless::SOME], 10),
    Family::of("suppress", &[suppress::ARMS, tables::ARMS, windows::ARMS, stateless::SOME], 5),
    Family::of("processors", &[processors::ARMS, stateless::SOME], 26),
    Family::of("mixed", EVERYTHING, 12),
    Family { caching: true, ..Family::of("caching", EVERYTHING, 5) },
    Family {
        optimized: true,
        ..Family::of("optimized", &[stateless::ARMS, aggregate::ARMS, cogroups::ARMS, joins::ARMS, tables::ARMS], 8)
    },
];

/// Optimisations, as lists.
const OPTIMIZE: &[&[&str]] = &[&[REUSE, MERGE, SELF_JOIN], &[MERGE], &[SELF_JOIN], &[REUSE]];
const REUSE: &str = "reuse.ktable.source.topics";
const MERGE: &str = "merge.repartition.topics";
const SELF_JOIN: &str = "single.store.self.join";

const EVERYTHING: &[Arms] = &[
    stateless::ARMS,
    aggregate::ARMS,
    cogroups::ARMS,
    windows::ARMS,
    cogroups::WINDOWED,
    joins::ARMS,
    tables::ARMS,
    table_joins::ARMS,
    suppress::ARMS,
    processors::ARMS,
];

/// So many bytes that nothing is evicted: which rows a full cache evicts depends on how it counts bytes.
const CACHE: u64 = 10_000_000;

/// In so many of a hundred cases, Java keeps its stores in RocksDB.
const ROCKSDB: u32 = 10;

/// So many of a hundred cases with processors have nodes of the low-level topology, too.
const LOW_LEVEL: u32 = 75;

/// In so many of a hundred cases, there is a closure around all processors. Java has one around those that fill global
/// stores, too (DIFFERENCES.md).
const WRAPPED: u32 = 6;

/// The family with this name.
#[must_use]
pub fn family(name: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.name == name)
}

/// A seed's case with this number, of one family or of all in turn.
#[must_use]
pub fn case(seed: u64, number: u64, of: Option<&'static Family>) -> Case {
    let turn = usize::try_from(number).unwrap_or(0) % FAMILIES.len();
    let family = of.unwrap_or(&FAMILIES[turn]);
    let mut draft = Draft::new(Random::of(seed, number), family.caching);
    let cache = if family.caching { CACHE } else { 0 };
    let application = draft.random.one_of("app", &["app", "app", "an.other_app-2"]).to_owned();
    let stores = if draft.random.percent(ROCKSDB) { StoreType::Rocksdb } else { StoreType::Memory };
    let optimize: &[&str] =
        if family.optimized { draft.random.one_of(&[REUSE, MERGE, SELF_JOIN], OPTIMIZE) } else { &[] };
    draft.reuses_source_topics = optimize.contains(&REUSE);
    draft.has_single_store_self_joins = optimize.contains(&SELF_JOIN);
    draft.merges_repartition_topics = optimize.contains(&MERGE);
    topology(&mut draft, family);
    let inputs = inputs::of(&mut draft);
    let is_everywhere = |step: &Step| matches!(step, Step::GlobalTable { .. } | Step::GlobalStore { .. });
    let wrapper = draft.random.percent(WRAPPED) && !draft.steps.iter().any(is_everywhere);
    Case {
        id: format!("{seed}/{number}"),
        family: family.name.to_owned(),
        application,
        optimize: optimize.iter().map(|word| (*word).to_owned()).collect(),
        cache,
        stores,
        wrapper,
        steps: draft.steps,
        inputs,
    }
}

fn topology(draft: &mut Draft, family: &Family) {
    let arms: Vec<(u32, Arm)> = family.arms.iter().copied().flatten().copied().collect();
    sources::stream(draft);
    let operators = draft.random.between(1, family.operators_max);
    let mut tries = 0;
    let mut added = 0;
    while added < operators && tries < 10 * operators {
        tries += 1;
        if let Some(arm) = draft.random.weighted(&arms)
            && arm(draft).is_some()
        {
            added += 1;
        }
        if draft.random.percent(40) {
            show_last(draft);
        }
    }
    for step in 0..draft.steps.len() {
        if !draft.is_used(step) && !draft.random.percent(5) {
            show(draft, step);
        }
    }
    // Kafka Streams adds these after the DSL's.
    if family.name == "processors" && draft.random.percent(LOW_LEVEL) {
        low_level::some_nodes(draft);
    }
}

/// Sends the last result to a topic, so that it can be seen.
fn show_last(draft: &mut Draft) {
    if let Some(last) = draft.steps.len().checked_sub(1)
        && !draft.is_used(last)
    {
        show(draft, last);
    }
}

/// Sends a result to a topic, if it is a stream or a table.
fn show(draft: &mut Draft, step: usize) {
    match draft.sort(step) {
        Sort::Stream | Sort::WindowedStream | Sort::SessionStream => stateless::to(draft, step),
        Sort::Table | Sort::WindowedTable | Sort::SessionTable => {
            let stream = tables::to_stream(draft, step);
            stateless::to(draft, stream);
        }
        Sort::GlobalTable | Sort::Group | Sort::TableGroup | Sort::Split(_) | Sort::Nothing => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{FAMILIES, case, family};
    use crate::case::{Case, Input};
    use crate::interpret::topology;
    use crate::seen::Seen;

    #[test]
    fn a_case_is_the_same_whenever_its_seed_and_number_are() {
        for number in [0, 1, 77] {
            assert_eq!(case(3, number, None), case(3, number, None));
            assert_eq!(Case::read(&case(3, number, None).to_line()).unwrap(), case(3, number, None));
        }
        let different: BTreeSet<_> =
            (0..50).map(|number| case(number / 25, number % 25, family("mixed")).to_line()).collect();
        assert_eq!(different.len(), 50);
    }

    #[test]
    fn every_generated_topology_can_be_built_and_has_enough_input() {
        for family in FAMILIES {
            for number in 0..150 {
                let case = case(1, number, Some(family));
                if let Err(problem) = topology(&case, &Seen::default()) {
                    panic!("{problem}\n{}", case.to_line());
                }
                let records = case.inputs.iter().filter(|input| matches!(input, Input::Record(_))).count();
                assert!(records >= 40, "{records} records: {}", case.to_line());
            }
        }
    }
}
