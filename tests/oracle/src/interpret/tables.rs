//! Operators on tables.

use millstream::dsl::KTable;
use millstream::wire::Key;

use super::options::{Nameable as _, Storable};
use super::{Handle, Interpreter, What, unfit};
use crate::functions::AsText;
use crate::step::Step;
use crate::text::Text;

/// `filter`, `filter_not`, `map_values` and `transform_values`.
pub(super) fn values<'t, K>(table: KTable<'t, K, Text>, step: &Step) -> Result<KTable<'t, K, Text>, What>
where
    K: Key + AsText,
    KTable<'t, K, Text>: Storable,
{
    match step.clone() {
        Step::Filter { r#where, name, stored, .. } => {
            let kept = table.filter(move |key, value: &Text| r#where.holds(key, &Some(value.clone())));
            kept.maybe_named(name.as_ref()).maybe_stored(stored.as_ref())
        }
        Step::FilterNot { r#where, name, stored, .. } => {
            let kept = table.filter_not(move |key, value: &Text| r#where.holds(key, &Some(value.clone())));
            kept.maybe_named(name.as_ref()).maybe_stored(stored.as_ref())
        }
        Step::MapValues { value: map, with_key: Some(true), name, stored, .. } => {
            let mapped = table.map_values_with_key(move |key, value| map.apply(key, &Some(value)));
            mapped.maybe_named(name.as_ref()).maybe_stored(stored.as_ref())
        }
        Step::MapValues { value: map, name, stored, .. } => {
            let mapped = table.map_values(move |value| map.apply(&None, &Some(value)));
            mapped.maybe_named(name.as_ref()).maybe_stored(stored.as_ref())
        }
        Step::TransformValues { value: map, name, stored, .. } => {
            let transformed = table.transform_values((), move |(), key, value, _| map.apply(key, &value));
            transformed.maybe_named(name.as_ref()).maybe_stored(stored.as_ref())
        }
        _ => unfit(step),
    }
}

impl<'t> Interpreter<'t> {
    pub(super) fn to_stream(&self, step: &Step) -> Result<Handle<'t>, What> {
        let Step::ToStream { input, key, name } = step.clone() else { return unfit(step) };
        if let Some(make) = key {
            macro_rules! stream {
                ($table:expr) => {
                    $table.to_stream_by(move |key, row| make.apply(key, &row.cloned())).maybe_named(name.as_ref())
                };
            }
            return Ok(Handle::Stream(match self.get(input)? {
                Handle::Table(table) => stream!(table),
                Handle::WindowedTable(table) => stream!(table),
                Handle::SessionTable(table) => stream!(table),
                _ => return Err(format!("step {input} is no table")),
            }));
        }
        Ok(match self.get(input)? {
            Handle::Table(table) => Handle::Stream(table.to_stream().maybe_named(name.as_ref()).into()),
            Handle::WindowedTable(table) => Handle::WindowedStream(table.to_stream().maybe_named(name.as_ref())),
            Handle::SessionTable(table) => Handle::SessionStream(table.to_stream().maybe_named(name.as_ref())),
            _ => return Err(format!("step {input} is no table")),
        })
    }
}
