//! Joins of streams.

use super::Arms;
use super::draft::{Draft, Sort};
use super::random::Random;
use super::sources::{another_stream, global_table, some_stream, some_table, table_stored};
use super::vocabulary::{certain_key, joiner_of_records, key_map};
use crate::step::{JoinKind, Step, StepId, Stored};

/// All of them.
pub(super) const ARMS: Arms = &[(8, join), (4, join_table), (4, join_table_with_grace), (4, join_global)];

fn inner_or_left(draft: &mut Draft) -> JoinKind {
    draft.random.one_of(JoinKind::Inner, &[JoinKind::Left])
}

/// Joins of joins of joins would make millions of results.
const FACTORS_MAX: usize = 3;

/// Joins two streams, sometimes a stream with itself.
fn join(draft: &mut Draft) -> Option<()> {
    let input = some_stream(draft);
    let other = if draft.random.percent(35) { input } else { another_stream(draft, input) };
    if draft.factors(input) + draft.factors(other) > FACTORS_MAX {
        return None;
    }
    let mut kind = draft.random.one_of(JoinKind::Inner, &[JoinKind::Left, JoinKind::Outer]);
    let (mut before, mut after, grace) = span(draft);
    if draft.has_single_store_self_joins && is_self_join(draft, input, other) {
        // Java's optimisation changes what these do.
        kind = JoinKind::Inner;
        (before, after) = (before.max(0), after.max(0));
    }
    let (joiner, name) = (joiner_of_records(&mut draft.random), draft.name());
    let store = draft.random.percent(20).then(|| format!("j{}", draft.steps.len()));
    let logging = draft.random.percent(10).then_some(false);
    let r#type = draft.store_type();
    let step = Step::Join { kind, input, other, before, after, grace, joiner, name, store, logging, r#type };
    draft.add(step, Sort::Stream, &[input, other]);
    Some(())
}

/// Whether both streams are the same to Kafka Streams.
fn is_self_join(draft: &Draft, input: StepId, other: StepId) -> bool {
    let topics = |step: StepId| match draft.steps.get(step) {
        Some(Step::Stream { topics, .. }) => topics.clone(),
        _ => None,
    };
    input == other || topics(input).is_some_and(|read| topics(other) == Some(read))
}

/// How long before and after, and the grace. Both sides may be far apart, or both on one side of a record.
fn span(draft: &mut Draft) -> (i64, i64, u64) {
    let random = &mut draft.random;
    let size: i64 = random.one_of(10, &[1, 2, 5, 100, 1_000, 60_000, 3_600_000]);
    let side = |random: &mut Random| match random.between(0, 5) {
        0 => 0,
        1 => 1,
        2 => size / 2,
        3 => 3 * size,
        _ => size,
    };
    let (mut before, mut after) = (side(random), side(random));
    match random.between(0, 19) {
        0 => before = -after / 2,
        1 => after = -before / 2,
        _ => {}
    }
    let mut grace = match random.between(0, 4) {
        0 | 1 => 0,
        2 => 1,
        3 => size.unsigned_abs(),
        _ => size.unsigned_abs() * 3,
    };
    // What is kept for no time at all is refused.
    if before + after == 0 {
        grace = grace.max(1);
    }
    let (b, a) = (before.unsigned_abs(), after.unsigned_abs());
    draft.remember([b, a, grace, b + grace, a + grace, b + a + grace]);
    (before, after, grace)
}

fn join_table(draft: &mut Draft) -> Option<()> {
    let (input, other) = (some_stream(draft), some_table(draft));
    let (kind, joiner, name) = (inner_or_left(draft), joiner_of_records(&mut draft.random), draft.name());
    draft.add(Step::JoinTable { kind, input, other, joiner, name, grace: None }, Sort::Stream, &[input, other]);
    Some(())
}

/// Joins a stream with a table that has versions, for whose rows the stream's records wait.
fn join_table_with_grace(draft: &mut Draft) -> Option<()> {
    // The buffer's rows name the topic and offset of their record. Records of all topics that match a pattern are one input
    // to our driver, under the pattern's name; caches know no offsets here; and in Java, what a punctuation sends has no topic.
    let has_no_place = |step: &Step| {
        matches!(step, Step::Stream { pattern: Some(_), .. } | Step::Process { .. } | Step::ProcessValues { .. })
    };
    let mut input = some_stream(draft);
    if draft.has_cache() || draft.steps.iter().any(has_no_place) {
        return None;
    }
    let (other, history) = versioned_table(draft);
    let (kind, joiner) = (inner_or_left(draft), joiner_of_records(&mut draft.random));
    // In Java, a left join's record without a key ends the application (DIFFERENCES.md).
    if kind == JoinKind::Left {
        let (key, name) = (certain_key(&mut draft.random), draft.name());
        input = draft.add(Step::SelectKey { input, key, name }, Sort::Stream, &[input]);
    }
    let grace = draft.random.one_of(history, &[0, 1, history / 2, history]).min(history);
    draft.remember([grace, 2 * grace, history]);
    let (name, grace) = (draft.name(), Some(grace));
    draft.add(Step::JoinTable { kind, input, other, joiner, name, grace }, Sort::Stream, &[input, other]);
    Some(())
}

/// A table that has versions, which may be new, with the length of its history.
fn versioned_table(draft: &mut Draft) -> (StepId, u64) {
    let tables = draft.all(Sort::Table).into_iter();
    let versioned: Vec<_> = tables.filter_map(|table| Some((table, draft.history(table)?))).collect();
    if let Some(found) = draft.random.pick(&versioned).copied().filter(|_| draft.random.percent(60)) {
        return found;
    }
    let history = draft.random.one_of(10, &[0, 1, 100, 1_000, 60_000]);
    draft.remember([history]);
    let stored = Stored { name: Some(draft.store_name()), versioned: Some(history), ..Stored::default() };
    (table_stored(draft, Some(stored)), history)
}

fn join_global(draft: &mut Draft) -> Option<()> {
    let input = some_stream(draft);
    let other = match draft.any(Sort::GlobalTable).filter(|_| draft.random.percent(50)) {
        Some(table) => table,
        None => global_table(draft),
    };
    let (kind, key, joiner) = (inner_or_left(draft), key_map(&mut draft.random), joiner_of_records(&mut draft.random));
    let name = draft.name();
    draft.add(Step::JoinGlobal { kind, input, other, key, joiner, name }, Sort::Stream, &[input]);
    Some(())
}
