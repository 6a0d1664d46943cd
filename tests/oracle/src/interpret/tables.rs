//! Operators on tables.

use millstream::dsl::KTable;
use millstream::wire::Key;

use super::options::{Nameable as _, Storable};
use super::{Handle, Interpreter, What, unfit};
use crate::functions::AsText;
use crate::step::Step;
use crate::text::Text;

/// `filter`, `filter_not` and `map_values`.
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
        Step::MapValues { value: map, with_key: Some(true), name, stored, .. } if map.keeps_values() => {
            let mapped = table.map_values_with_key(move |key, value| map.apply_to_row(key, value));
            mapped.maybe_named(name.as_ref()).maybe_stored(stored.as_ref())
        }
        Step::MapValues { value: map, name, stored, .. } if map.keeps_values() => {
            let mapped = table.map_values(move |value| map.apply_to_row(&None, value));
            mapped.maybe_named(name.as_ref()).maybe_stored(stored.as_ref())
        }
        _ => unfit(step),
    }
}

impl<'t> Interpreter<'t> {
    pub(super) fn to_stream(&self, step: &Step) -> Result<Handle<'t>, What> {
        let Step::ToStream { input, key: None, name } = step else { return unfit(step) };
        Ok(match self.get(*input)? {
            Handle::Table(table) => Handle::Stream(table.to_stream().maybe_named(name.as_ref()).into()),
            Handle::WindowedTable(table) => Handle::WindowedStream(table.to_stream().maybe_named(name.as_ref())),
            Handle::SessionTable(table) => Handle::SessionStream(table.to_stream().maybe_named(name.as_ref())),
            _ => return Err(format!("step {input} is no table")),
        })
    }
}
