//! Aggregations in session windows.

use std::time::Duration;

use millstream::windows::Sessions;

use super::windows::{emits_on_close, with_options};
use super::{Group, Handle, NO_KEY, What, unfit};
use crate::step::Step;
use crate::text::Text;

/// `count`, `reduce` and `aggregate` of a group's sessions, with their gap and grace in milliseconds.
pub(super) fn aggregation<'t>(group: Group<'t>, (gap, grace): (u64, u64), step: &Step) -> Result<Handle<'t>, What> {
    let sessions = Sessions::gap(Duration::from_millis(gap)).grace(Duration::from_millis(grace));
    let windowed = group.windowed_by(sessions);
    let windowed = if emits_on_close(step) { windowed.emit_on_close() } else { windowed };
    match step.clone() {
        Step::Count { options, .. } => {
            let counts = with_options(windowed.count(), &options)?;
            Ok(Handle::SessionTable(counts.map_values(|count| Text::from(count.to_string()))))
        }
        Step::Reduce { add, remove: None, options, .. } => {
            let reduced = windowed.reduce(move |result, value| add.apply(&NO_KEY, &value, &result));
            with_options(reduced, &options).map(Handle::SessionTable)
        }
        Step::Aggregate { init, add, remove: None, options, .. } => {
            let init = init.map(Text::from);
            let (begin, merge) = (init.clone(), add.clone());
            let table = windowed.aggregate_with(
                move |key: &Text, value, aggregate| add.apply(key, &value, &aggregate.or_else(|| init.clone())),
                move |_, aggregate, other| merge.merge(&aggregate.or_else(|| begin.clone()), &Some(other)),
            );
            with_options(table, &options).map(Handle::SessionTable)
        }
        _ => unfit(step),
    }
}
