//! Operators on streams that keep no state.

use std::fmt::Debug;

use millstream::dsl::{Data, KStream, Sent};
use millstream::topic::{NameError, Topic};
use millstream::wire::Field;

use super::options::{Nameable as _, Storable as _, topic};
use super::{Handle, Interpreter, Stream, What, unfit};
use crate::functions::{AsText, KeyMap, Nullable, Partitioner, ValueMap, cut, hash};
use crate::seen::{LABEL, Seen};
use crate::step::{Step, StepId};

/// Where `peek`, `for_each` and `print` leave what they were given.
pub(super) struct Look {
    pub(super) seen: Seen,
    pub(super) step: StepId,
}

/// Operators that keep the key.
pub(super) fn keeping<'t, K: AsText + Data>(
    stream: KStream<'t, K, Nullable>,
    step: &Step,
    Look { seen, step: number }: Look,
) -> Result<KStream<'t, K, Nullable>, What> {
    let (kept, name) = match step.clone() {
        Step::Filter { r#where, name, stored: None, .. } => {
            (stream.filter(move |key, value| r#where.holds(key, value)), name)
        }
        Step::FilterNot { r#where, name, stored: None, .. } => {
            (stream.filter_not(move |key, value| r#where.holds(key, value)), name)
        }
        Step::MapValues { value: map, with_key: Some(true), name, stored: None, .. } => {
            (stream.map_values_with_key(move |key, value| map.apply(key, &value)), name)
        }
        Step::MapValues { value: map, name, stored: None, .. } => {
            (stream.map_values(move |value| map.apply(&None, &value)), name)
        }
        Step::FlatMapValues { value: map, times, with_key: Some(true), name, .. } => {
            (stream.flat_map_values_with_key(move |key, value| several_values(&map, times, key, &value)), name)
        }
        Step::FlatMapValues { value: map, times, name, .. } => {
            (stream.flat_map_values(move |value| several_values(&map, times, &None, &value)), name)
        }
        Step::Peek { name, .. } => (stream.peek(move |key, value| seen.add(number, key, value)), name),
        _ => return unfit(step),
    };
    Ok(kept.maybe_named(name.as_ref()))
}

/// Operators that make another key.
pub(super) fn keyed<'t, K: AsText + Data>(stream: KStream<'t, K, Nullable>, step: &Step) -> Result<Stream<'t>, What> {
    let (keyed, name) = match step.clone() {
        Step::Map { key: make, value: map, name, .. } => {
            (stream.map(move |key, value| (make.apply(&key, &value), map.apply(&key, &value))), name)
        }
        Step::FlatMap { key, value, times, name, .. } => {
            (stream.flat_map(move |k, v| several(&key, &value, times, &k, &v)), name)
        }
        Step::SelectKey { key: make, name, .. } => (stream.select_key(move |key, value| make.apply(key, value)), name),
        _ => return unfit(step),
    };
    Ok(keyed.maybe_named(name.as_ref()))
}

/// Ends of a stream.
pub(super) fn end<K: AsText + Data + Field + Debug>(
    stream: KStream<'_, K, Nullable>,
    step: &Step,
    Look { seen, step: number }: Look,
) -> Result<(), What> {
    match step.clone() {
        Step::ForEach { name, .. } => {
            stream.for_each(move |key, value| seen.add(number, key, value)).maybe_named(name.as_ref());
        }
        Step::Print { name, .. } => {
            stream.print_to(LABEL, seen.printed(number)).maybe_named(name.as_ref());
        }
        Step::To { topic: to, name, partitioner, .. } => {
            options(stream.to::<K, Nullable>(topic(&to)?), name, partitioner);
        }
        Step::ToChosen { topics, name, partitioner, .. } => {
            options(stream.to_with(move |_, value, _| chosen::<K>(&topics, value)), name, partitioner);
        }
        _ => return unfit(step),
    }
    Ok(())
}

impl<'t> Interpreter<'t> {
    pub(super) fn stream_step(&self, step: &Step) -> Result<Handle<'t>, What> {
        Ok(match step.clone() {
            Step::Merge { input, other, name } => match (self.get(input)?, self.get(other)?) {
                (Handle::Stream(left), Handle::Stream(right)) => {
                    Handle::Stream(left.merge(right).maybe_named(name.as_ref()))
                }
                (Handle::WindowedStream(left), Handle::WindowedStream(right)) => {
                    Handle::WindowedStream(left.merge(right).maybe_named(name.as_ref()))
                }
                (Handle::SessionStream(left), Handle::SessionStream(right)) => {
                    Handle::SessionStream(left.merge(right).maybe_named(name.as_ref()))
                }
                _ => return Err(format!("steps {input} and {other} are no streams of one kind")),
            },
            Step::Split { .. } => self.split(step)?,
            Step::Branch { input, index } => match self.get(input)? {
                Handle::Split(branches) => {
                    Handle::Stream(*branches.get(index).ok_or_else(|| format!("there is no branch {index}"))?)
                }
                _ => return Err(format!("step {input} is no split")),
            },
            Step::Repartition { input, name, partitions, partitioner } => {
                let mut through = self.stream(input)?.repartition().maybe_named(name.as_ref());
                if let Some(partitions) = partitions {
                    through = through.partitions(partitions);
                }
                if let Some(by) = partitioner {
                    through = through.partitioned_by(move |key, value, to| by.choose(key, value, to.partitions));
                }
                Handle::Stream(through.into())
            }
            Step::ToTable { input, name, stored } => {
                let table = self.stream(input)?.to_table().maybe_named(name.as_ref());
                Handle::Table(table.maybe_stored(stored.as_ref())?)
            }
            _ => return unfit(step),
        })
    }

    fn split(&self, step: &Step) -> Result<Handle<'t>, What> {
        let Step::Split { input, branches, default, default_name, name } = step.clone() else { return unfit(step) };
        let split = self.stream(input)?.split().maybe_named(name.as_ref());
        let made = branches.into_iter().map(|branch| {
            split.branch(move |key, value| branch.r#where.holds(key, value)).maybe_named(branch.name.as_ref())
        });
        let mut made: Vec<Stream<'t>> = made.collect();
        if default {
            made.push(split.default_branch().maybe_named(default_name.as_ref()));
        }
        Ok(Handle::Split(made))
    }
}

/// One of these topics, by the hash of the value.
fn chosen<K: Field>(topics: &[String], value: &Nullable) -> Result<Topic<K, Nullable>, NameError> {
    let index = usize::try_from(hash(value) % topics.len().max(1) as u64).unwrap_or(0);
    Topic::named(topics.get(index).map_or("", String::as_str))
}

/// The options of a sink.
fn options<K: AsText + 'static>(sink: Sent<'_, K, Nullable>, name: Option<String>, partitioner: Option<Partitioner>) {
    let sink = sink.maybe_named(name.as_ref());
    if let Some(by) = partitioner {
        sink.partitioned_by(move |key, value, to| by.choose(key, value, to.partitions));
    }
}

/// The values that a flat map makes.
fn several_values(map: &ValueMap, times: u64, key: &impl AsText, value: &Nullable) -> Vec<Nullable> {
    let made = map.apply(key, value);
    let numbered = |number: u64| made.as_ref().map(|made| cut(&format!("{}#{number}", made.as_str())));
    (0..hash(value) % (times + 1)).map(numbered).collect()
}

/// The records that a flat map makes.
fn several(
    make: &KeyMap,
    map: &ValueMap,
    times: u64,
    key: &impl AsText,
    value: &Nullable,
) -> Vec<(Nullable, Nullable)> {
    let made = make.apply(key, value);
    several_values(map, times, key, value).into_iter().map(|value| (made.clone(), value)).collect()
}
