//! Groups and aggregations without windows.

use millstream::dsl::KTable;

use super::options::{Nameable as _, Storable as _};
use super::{Group, Handle, Interpreter, NO_KEY, TableGroup, What, unfit};
use crate::functions::Adder;
use crate::step::{Aggregation, Step};
use crate::text::Text;

impl<'t> Interpreter<'t> {
    pub(super) fn group(&self, step: &Step) -> Result<Handle<'t>, What> {
        Ok(match step.clone() {
            Step::GroupByKey { input, name } => {
                Handle::Group(self.stream(input)?.group_by_key().maybe_named(name.as_ref()))
            }
            Step::GroupBy { input, key: make, name } => {
                let group: Group<'t> = match self.get(input)? {
                    Handle::Stream(stream) => stream.group_by(move |key, value| make.apply(key, value)),
                    Handle::WindowedStream(stream) => stream.group_by(move |key, value| make.apply(key, value)),
                    Handle::SessionStream(stream) => stream.group_by(move |key, value| make.apply(key, value)),
                    _ => return Err(format!("step {input} is no stream")),
                };
                Handle::Group(group.maybe_named(name.as_ref()))
            }
            Step::GroupTable { input, key: make, value: map, no_pair, name } => {
                macro_rules! group {
                    ($table:expr) => {
                        $table.group_by(move |key, value: Text| {
                            let row = Some(value);
                            let is_none = no_pair.as_ref().is_some_and(|no_pair| no_pair.holds(key, &row));
                            if is_none { None } else { make.apply(key, &row).zip(map.apply(key, &row)) }
                        })
                    };
                }
                let group = match self.get(input)? {
                    Handle::Table(table) => group!(table),
                    Handle::WindowedTable(table) => group!(table),
                    Handle::SessionTable(table) => group!(table),
                    _ => return Err(format!("step {input} is no table")),
                };
                Handle::TableGroup(group.maybe_named(name.as_ref()))
            }
            _ => return unfit(step),
        })
    }
}

/// `count`, `reduce` and `aggregate` of a stream's group.
pub(super) fn of_stream<'t>(group: Group<'t>, step: &Step) -> Result<Handle<'t>, What> {
    match step.clone() {
        Step::Count { options, .. } => counted(group.count(), &options),
        Step::Reduce { add, remove: None, options, .. } => {
            let reduced = group.reduce(move |result, value| add.apply(&NO_KEY, &Some(value), &Some(result)));
            stored(reduced, &options)
        }
        Step::Aggregate { init: Some(init), add, remove: None, options, .. }
            if add.keeps_values() && !add.sees_key() =>
        {
            let init = Text::from(init);
            let table = group.aggregate(
                move || init.clone(),
                move |aggregate: &mut Text, value| *aggregate = reduce(&add, aggregate.clone(), value),
            );
            stored(table, &options)
        }
        Step::Aggregate { init, add, remove: None, options, .. } => {
            let init = init.map(Text::from);
            let table = group.aggregate_with(move |key: &Text, value, aggregate| {
                add.apply(key, &Some(value), &aggregate.or_else(|| init.clone()))
            });
            stored(table, &options)
        }
        _ => unfit(step),
    }
}

/// `count`, `reduce` and `aggregate` of a table's group.
pub(super) fn of_table<'t>(group: TableGroup<'t>, step: &Step) -> Result<Handle<'t>, What> {
    match step.clone() {
        Step::Count { options, .. } => counted(group.count(), &options),
        Step::Reduce { add, remove: Some(remove), options, .. } => {
            let reduced = group.reduce(
                move |result, value| add.apply(&NO_KEY, &Some(value), &Some(result)),
                move |result, value| remove.apply(&NO_KEY, &Some(value), &Some(result)),
            );
            stored(reduced, &options)
        }
        Step::Aggregate { init, add, remove: Some(remove), options, .. } => {
            let init = init.map(Text::from);
            let table = group.aggregate_with(
                move |key: &Text, value, aggregate| add.apply(key, &Some(value), &aggregate.or_else(|| init.clone())),
                move |key: &Text, value, aggregate| remove.apply(key, &Some(value), &Some(aggregate)),
            );
            stored(table, &options)
        }
        _ => unfit(step),
    }
}

/// The result of functions that [keep values](Adder::keeps_values).
pub(super) fn reduce(add: &Adder, result: Text, value: Text) -> Text {
    let result = Some(result);
    add.apply(&NO_KEY, &Some(value), &result).or(result).unwrap_or_else(|| "".into())
}

fn counted<'t>(counts: KTable<'t, Text, i64>, options: &Aggregation) -> Result<Handle<'t>, What> {
    let Aggregation { windows: None, emit: None, name, stored } = options else {
        return Err("only windows have these options".to_owned());
    };
    let counts = counts.maybe_named(name.as_ref()).maybe_stored(stored.as_ref())?;
    Ok(Handle::Table(counts.map_values(|count| Text::from(count.to_string()))))
}

fn stored<'t>(table: KTable<'t, Text, Text>, options: &Aggregation) -> Result<Handle<'t>, What> {
    let Aggregation { windows: None, emit: None, name, stored } = options else {
        return Err("only windows have these options".to_owned());
    };
    table.maybe_named(name.as_ref()).maybe_stored(stored.as_ref()).map(Handle::Table)
}
