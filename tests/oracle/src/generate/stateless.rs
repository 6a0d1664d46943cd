//! Operators on streams that keep no state.

use super::Arms;
use super::draft::{Draft, Sort};
use super::sources::{another_stream, some_stream};
use super::vocabulary::{key_map, partitioner, predicate, value_map};
use crate::functions::ValueMap;
use crate::step::{SplitBranch, Step, StepId};

/// All of them.
pub(super) const ARMS: Arms = &[
    (3, filter),
    (2, filter_not),
    (4, map_values),
    (3, map),
    (2, flat_map),
    (3, flat_map_values),
    (3, select_key),
    (1, peek),
    (1, for_each),
    (1, print),
    (3, merge),
    (2, split),
    (2, repartition),
    (2, to_chosen),
    (1, windowed_select_key),
    (2, windowed_merge),
];

/// Those that change what a later operator gets.
pub(super) const SOME: Arms =
    &[(1, filter), (1, map_values), (1, map), (1, select_key), (1, merge), (3, windowed_merge), (1, repartition)];

/// A stream of any kind.
pub(super) fn any_stream(draft: &mut Draft) -> (StepId, Sort) {
    if draft.random.percent(20)
        && let Some(stream) = windowed_stream(draft)
    {
        return stream;
    }
    (some_stream(draft), Sort::Stream)
}

/// A stream whose keys have windows or sessions.
fn windowed_stream(draft: &mut Draft) -> Option<(StepId, Sort)> {
    let sort = draft.random.one_of(Sort::WindowedStream, &[Sort::SessionStream]);
    Some((draft.any(sort)?, sort))
}

fn filter(draft: &mut Draft) -> Option<()> {
    let (input, sort) = any_stream(draft);
    let (r#where, name) = (predicate(&mut draft.random), draft.name());
    draft.add(Step::Filter { input, r#where, name, stored: None }, sort, &[input]);
    Some(())
}

fn filter_not(draft: &mut Draft) -> Option<()> {
    let (input, sort) = any_stream(draft);
    let (r#where, name) = (predicate(&mut draft.random), draft.name());
    draft.add(Step::FilterNot { input, r#where, name, stored: None }, sort, &[input]);
    Some(())
}

/// Whether the overload with the key is used.
pub(super) fn with_key(draft: &mut Draft, map: &ValueMap) -> Option<bool> {
    (map.sees_key() || draft.random.percent(35)).then_some(true)
}

fn map_values(draft: &mut Draft) -> Option<()> {
    let (input, sort) = any_stream(draft);
    let (value, name) = (value_map(&mut draft.random), draft.name());
    let with_key = with_key(draft, &value);
    draft.add(Step::MapValues { input, value, with_key, name, stored: None }, sort, &[input]);
    Some(())
}

fn map(draft: &mut Draft) -> Option<()> {
    let (input, _) = any_stream(draft);
    let (key, value, name) = (key_map(&mut draft.random), value_map(&mut draft.random), draft.name());
    draft.add(Step::Map { input, key, value, name }, Sort::Stream, &[input]);
    Some(())
}

fn flat_map(draft: &mut Draft) -> Option<()> {
    let (input, _) = any_stream(draft);
    let (key, value, name) = (key_map(&mut draft.random), value_map(&mut draft.random), draft.name());
    let times = draft.random.between(1, 3);
    draft.add(Step::FlatMap { input, key, value, times, name }, Sort::Stream, &[input]);
    Some(())
}

fn flat_map_values(draft: &mut Draft) -> Option<()> {
    let (input, sort) = any_stream(draft);
    let (value, name) = (value_map(&mut draft.random), draft.name());
    let (times, with_key) = (draft.random.between(1, 3), with_key(draft, &value));
    draft.add(Step::FlatMapValues { input, value, times, with_key, name }, sort, &[input]);
    Some(())
}

fn select_key(draft: &mut Draft) -> Option<()> {
    let input = some_stream(draft);
    select_key_of(draft, input)
}

fn windowed_select_key(draft: &mut Draft) -> Option<()> {
    let (input, _) = windowed_stream(draft)?;
    select_key_of(draft, input)
}

fn select_key_of(draft: &mut Draft, input: StepId) -> Option<()> {
    let (key, name) = (key_map(&mut draft.random), draft.name());
    draft.add(Step::SelectKey { input, key, name }, Sort::Stream, &[input]);
    Some(())
}

fn peek(draft: &mut Draft) -> Option<()> {
    let (input, sort) = any_stream(draft);
    let name = draft.name();
    draft.add(Step::Peek { input, name }, sort, &[input]);
    Some(())
}

fn for_each(draft: &mut Draft) -> Option<()> {
    let (input, _) = any_stream(draft);
    let name = draft.name();
    draft.add(Step::ForEach { input, name }, Sort::Nothing, &[input]);
    Some(())
}

fn print(draft: &mut Draft) -> Option<()> {
    let input = some_stream(draft);
    let name = draft.name();
    draft.add(Step::Print { input, name }, Sort::Nothing, &[input]);
    Some(())
}

fn merge(draft: &mut Draft) -> Option<()> {
    if draft.merges_repartition_topics {
        return None;
    }
    let input = some_stream(draft);
    let other = another_stream(draft, input);
    let name = draft.name();
    draft.add(Step::Merge { input, other, name }, Sort::Stream, &[input, other]);
    Some(())
}

fn windowed_merge(draft: &mut Draft) -> Option<()> {
    let (input, sort) = windowed_stream(draft)?;
    let all = draft.all(sort);
    let windows = draft.windows(input);
    let alike: Vec<_> = all.into_iter().filter(|other| draft.windows(*other) == windows).collect();
    let other = *draft.random.pick(&alike)?;
    let name = draft.name();
    draft.add(Step::Merge { input, other, name }, sort, &[input, other]);
    Some(())
}

fn split(draft: &mut Draft) -> Option<()> {
    let input = some_stream(draft);
    let count = draft.random.index(3) + 1;
    let mut branches = Vec::new();
    for number in 0..count {
        let name = draft.random.percent(40).then(|| format!("b{number}"));
        branches.push(SplitBranch { r#where: predicate(&mut draft.random), name });
    }
    let default = draft.random.percent(60);
    let default_name = (default && draft.random.percent(25)).then(|| "rest".to_owned());
    let name = draft.name().or_else(|| draft.random.percent(30).then(|| draft.certain_name()));
    let made = count + usize::from(default);
    let split = draft.add(Step::Split { input, branches, default, default_name, name }, Sort::Split(made), &[input]);
    for index in 0..made {
        if draft.random.percent(80) {
            draft.add(Step::Branch { input: split, index }, Sort::Stream, &[split]);
        }
    }
    Some(())
}

fn repartition(draft: &mut Draft) -> Option<()> {
    let input = some_stream(draft);
    let name = draft.name();
    let partitions = draft.random.percent(20).then_some(1);
    let partitioner = draft.random.percent(20).then(|| partitioner(&mut draft.random));
    draft.add(Step::Repartition { input, name, partitions, partitioner }, Sort::Stream, &[input]);
    Some(())
}

fn to_chosen(draft: &mut Draft) -> Option<()> {
    let (input, _) = any_stream(draft);
    let topics = (0..=draft.random.index(3)).map(|number| format!("chosen-{input}-{number}")).collect();
    let name = draft.name();
    let partitioner = draft.random.percent(50).then(|| partitioner(&mut draft.random));
    draft.add(Step::ToChosen { input, topics, name, partitioner }, Sort::Nothing, &[input]);
    Some(())
}

/// Sends a stream to a topic: one of its own, one that others write, too, or one that the topology reads.
pub(super) fn to(draft: &mut Draft, input: StepId) {
    let mut topic = format!("out-{input}");
    if draft.random.percent(10) {
        "out".clone_into(&mut topic);
    } else if draft.sort(input) == Sort::Stream
        && draft.random.percent(10)
        && let Some(read) = draft.random.pick(&draft.topics).map(|topic| topic.name.clone())
        && draft.may_write(input, &read)
    {
        topic = read;
    }
    let name = draft.name();
    let partitioner = draft.random.percent(10).then(|| partitioner(&mut draft.random));
    draft.add(Step::To { input, topic, name, partitioner }, Sort::Nothing, &[input]);
}
