//! Operators on streams that keep no state.

use millstream::dsl::{Data, KStream, Sent};
use millstream::windows::Windowed;

use super::options::{Nameable as _, Storable as _, topic};
use super::{Handle, Interpreter, Stream, What, unfit};
use crate::functions::{AsText, KeyMap, Nullable, Partitioner, ValueMap, cut, hash};
use crate::seen::LABEL;
use crate::step::Step;
use crate::text::Text;

/// `filter`, `filter_not` and `map_values`.
pub(super) fn values<'t, K: AsText + Data>(
    stream: KStream<'t, K, Nullable>,
    step: &Step,
) -> Result<KStream<'t, K, Nullable>, What> {
    Ok(match step.clone() {
        Step::Filter { r#where, name, stored: None, .. } => {
            stream.filter(move |key, value| r#where.holds(key, value)).maybe_named(name.as_ref())
        }
        Step::FilterNot { r#where, name, stored: None, .. } => {
            stream.filter_not(move |key, value| r#where.holds(key, value)).maybe_named(name.as_ref())
        }
        Step::MapValues { value: map, with_key: Some(true), name, stored: None, .. } => {
            stream.map_values_with_key(move |key, value| map.apply(key, &value)).maybe_named(name.as_ref())
        }
        Step::MapValues { value: map, name, stored: None, .. } => {
            stream.map_values(move |value| map.apply(&None, &value)).maybe_named(name.as_ref())
        }
        _ => return unfit(step),
    })
}

impl<'t> Interpreter<'t> {
    pub(super) fn stream_step(&self, step: &Step) -> Result<Handle<'t>, What> {
        Ok(match step.clone() {
            Step::Map { input, key: make, value: map, name } => {
                let mapped =
                    self.stream(input)?.map(move |key, value| (make.apply(&key, &value), map.apply(&key, &value)));
                Handle::Stream(mapped.maybe_named(name.as_ref()))
            }
            Step::FlatMap { input, key, value, times, name } => {
                let mapped = self.stream(input)?.flat_map(move |k, v| several(&key, &value, times, &k, &v));
                Handle::Stream(mapped.maybe_named(name.as_ref()))
            }
            Step::FlatMapValues { input, value: map, times, with_key: Some(true), name } => {
                let mapped =
                    self.stream(input)?.flat_map_values_with_key(move |k, v| several_values(&map, times, k, &v));
                Handle::Stream(mapped.maybe_named(name.as_ref()))
            }
            Step::FlatMapValues { input, value: map, times, name, .. } => {
                let mapped = self.stream(input)?.flat_map_values(move |v| several_values(&map, times, &None, &v));
                Handle::Stream(mapped.maybe_named(name.as_ref()))
            }
            Step::SelectKey { input, key: make, name } => {
                let keyed: Stream<'t> = match self.get(input)? {
                    Handle::Stream(stream) => stream.select_key(move |key, value| make.apply(key, value)),
                    Handle::WindowedStream(stream) => stream.select_key(move |key, value| make.apply(key, value)),
                    _ => return Err(format!("step {input} is no stream")),
                };
                Handle::Stream(keyed.maybe_named(name.as_ref()))
            }
            Step::Peek { input, name } => {
                let (seen, number) = (self.seen.clone(), self.number());
                let peeked = self.stream(input)?.peek(move |key, value| seen.add(number, key, value));
                Handle::Stream(peeked.maybe_named(name.as_ref()))
            }
            Step::ForEach { input, name } => {
                let (seen, number) = (self.seen.clone(), self.number());
                let end = self.stream(input)?.for_each(move |key, value| seen.add(number, key, value));
                end.maybe_named(name.as_ref());
                Handle::Nothing
            }
            Step::Print { input, name } => {
                let end = self.stream(input)?.print_to(LABEL, self.seen.printed(self.number()));
                end.maybe_named(name.as_ref());
                Handle::Nothing
            }
            Step::Merge { input, other, name } => match (self.get(input)?, self.get(other)?) {
                (Handle::Stream(left), Handle::Stream(right)) => {
                    Handle::Stream(left.merge(right).maybe_named(name.as_ref()))
                }
                (Handle::WindowedStream(left), Handle::WindowedStream(right)) => {
                    Handle::WindowedStream(left.merge(right).maybe_named(name.as_ref()))
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
            Step::To { input, topic: to, name, partitioner } => {
                match self.get(input)? {
                    Handle::Stream(stream) => {
                        options(stream.to::<Nullable, Nullable>(topic(&to)?), name, partitioner);
                    }
                    Handle::WindowedStream(stream) => {
                        options(stream.to::<Windowed<Text>, Nullable>(topic(&to)?), name, partitioner);
                    }
                    _ => return Err(format!("step {input} is no stream")),
                }
                Handle::Nothing
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
fn several(make: &KeyMap, map: &ValueMap, times: u64, key: &Nullable, value: &Nullable) -> Vec<(Nullable, Nullable)> {
    let made = make.apply(key, value);
    several_values(map, times, key, value).into_iter().map(|value| (made.clone(), value)).collect()
}
