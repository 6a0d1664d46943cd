//! Streams, tables and global tables of topics.

use super::draft::{Draft, ReadAs, Sort};
use super::vocabulary::remainder;
use crate::functions::Extractor;
use crate::step::{Reset, Step, StepId};

/// Reads a new topic as a stream, or several.
pub(super) fn stream(draft: &mut Draft) -> StepId {
    let mut topics = vec![draft.unread_topic()];
    if draft.random.percent(10) {
        topics.push(format!("{}-too", topics[0]));
    }
    let pattern = draft.random.percent(5).then(|| format!("{}(-[a-z]+)?", topics[0]));
    let (name, extractor, reset) = (draft.name(), extractor(draft), reset(draft));
    let named = pattern.is_none().then(|| topics.clone());
    let step = Step::Stream { topics: named, pattern, name, extractor, reset };
    draft.add_source(step, Sort::Stream, ReadAs::Stream, topics)
}

/// Reads a topic again that is read as a stream.
pub(super) fn stream_again(draft: &mut Draft) -> Option<StepId> {
    let of = draft.all(Sort::Stream);
    let sources = of.iter().filter_map(|step| match &draft.steps[*step] {
        // Two ways to read the same topic are refused.
        Step::Stream { topics: Some(topics), extractor: None, reset: None, .. } => Some(topics.clone()),
        _ => None,
    });
    let sources: Vec<Vec<String>> = sources.collect();
    let topics = draft.random.pick(&sources)?.clone();
    let name = draft.name();
    let step = Step::Stream { topics: Some(topics.clone()), pattern: None, name, extractor: None, reset: None };
    Some(draft.add_source(step, Sort::Stream, ReadAs::Stream, topics))
}

/// How a topic's records get their times, sometimes.
pub(super) fn extractor(draft: &mut Draft) -> Option<Extractor> {
    if !draft.random.percent(10) {
        return None;
    }
    Some(match draft.random.between(0, 5) {
        0 => Extractor::Fail,
        1 => Extractor::Skip,
        2 => Extractor::PartitionTime,
        3 => Extractor::NegativeIf(remainder(&mut draft.random)),
        4 => Extractor::PartitionTimeIf(remainder(&mut draft.random)),
        _ => Extractor::ValueTime { r#mod: draft.random.between(2, 100) },
    })
}

/// Where a topic is read from, sometimes. With a driver, it makes no difference.
pub(super) fn reset(draft: &mut Draft) -> Option<Reset> {
    if !draft.random.percent(6) {
        return None;
    }
    Some(match draft.random.one_of("earliest", &["latest", "none", ""]) {
        "" => Reset::Millis(3_600_000),
        policy => Reset::Policy(policy.to_owned()),
    })
}

/// Reads a new topic as a table.
pub(super) fn table(draft: &mut Draft) -> StepId {
    let stored = draft.rows_stored();
    table_stored(draft, stored)
}

/// Reads a new topic as a table that is stored like this.
pub(super) fn table_stored(draft: &mut Draft, stored: Option<crate::step::Stored>) -> StepId {
    let topic = draft.unread_topic();
    let (name, extractor, reset) = (draft.name(), extractor(draft), reset(draft));
    // Here, such a table has a changelog of its own (DIFFERENCES.md).
    let extractor = extractor.filter(|_| !draft.reuses_source_topics);
    let step = Step::Table { topic: topic.clone(), name, stored, extractor, reset };
    draft.add_source(step, Sort::Table, ReadAs::Table, vec![topic])
}

/// Reads a new topic as a global table.
pub(super) fn global_table(draft: &mut Draft) -> StepId {
    let topic = draft.unread_topic();
    let stored = draft.stored().filter(|stored| stored.name.is_some());
    let stored = stored.map(|stored| crate::step::Stored { name: stored.name, ..Default::default() });
    let name = draft.name().or_else(|| draft.random.percent(20).then(|| draft.certain_name()));
    let step = Step::GlobalTable { topic: topic.clone(), name, stored, extractor: None };
    draft.add_source(step, Sort::GlobalTable, ReadAs::GlobalTable, vec![topic])
}

/// An existing stream, or a new one.
pub(super) fn some_stream(draft: &mut Draft) -> StepId {
    if draft.random.percent(8) {
        return stream(draft);
    }
    if draft.random.percent(4)
        && let Some(stream) = stream_again(draft)
    {
        return stream;
    }
    match draft.any(Sort::Stream) {
        Some(found) => found,
        None => stream(draft),
    }
}

/// An existing table, or a new one.
pub(super) fn some_table(draft: &mut Draft) -> StepId {
    if !draft.random.percent(20)
        && let Some(table) = draft.any(Sort::Table)
    {
        return table;
    }
    table(draft)
}

/// A stream that is not this one, which may be new.
pub(super) fn another_stream(draft: &mut Draft, than: StepId) -> StepId {
    if draft.random.percent(40) {
        return stream(draft);
    }
    match draft.another(Sort::Stream, than) {
        Some(found) => found,
        None => stream(draft),
    }
}
