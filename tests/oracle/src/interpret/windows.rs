//! Windowed aggregations.

use std::time::Duration;

use millstream::dsl::KTable;
use millstream::record::Timestamp;
use millstream::windows::{Hopping, Sliding, TimeWindows, Tumbling, Unlimited};

use super::aggregations::reduce;
use super::options::{Nameable as _, Storable};
use super::{Group, Handle, NO_KEY, What, sessions, unfit};
use crate::step::{Aggregation, Emit, Step, Windows};
use crate::text::Text;

/// `count`, `reduce` and `aggregate` of a group's windows.
pub(super) fn aggregation<'t>(group: Group<'t>, windows: Windows, step: &Step) -> Result<Handle<'t>, What> {
    match windows {
        Windows::Time { size, advance, grace } => in_time_windows(group, time_windows(size, advance, grace), step),
        Windows::Session { gap, grace } => sessions::aggregation(group, (gap, grace), step),
        Windows::Sliding { difference, grace } => in_sliding_windows(group, (difference, grace), step),
        Windows::Unlimited { start } => {
            let start = Timestamp(i64::try_from(start).unwrap_or(i64::MAX));
            in_time_windows(group, Unlimited::starting_at(start), step)
        }
    }
}

pub(super) fn time_windows(size: u64, advance: Option<u64>, grace: u64) -> TimeWindows {
    let (size, grace) = (Duration::from_millis(size), Duration::from_millis(grace));
    match advance.map(Duration::from_millis) {
        None => Tumbling::of(size).grace(grace),
        Some(advance) => Hopping::of(size).advance_by(advance).grace(grace),
    }
}

fn in_time_windows<'t>(group: Group<'t>, windows: TimeWindows, step: &Step) -> Result<Handle<'t>, What> {
    let windowed = group.windowed_by(windows);
    let windowed = if emits_on_close(step) { windowed.emit_on_close() } else { windowed };
    match step.clone() {
        Step::Count { options, .. } => {
            let counts = with_options(windowed.count(), &options)?;
            Ok(Handle::WindowedTable(counts.map_values(|count| Text::from(count.to_string()))))
        }
        Step::Reduce { add, remove: None, options, .. } => {
            let reduced = windowed.reduce(move |result, value| add.apply(&NO_KEY, &value, &result));
            with_options(reduced, &options).map(Handle::WindowedTable)
        }
        Step::Aggregate { init, add, remove: None, options, .. } => {
            let init = init.map(Text::from);
            let table = windowed.aggregate_with(move |key: &Text, value, aggregate| {
                add.apply(key, &value, &aggregate.or_else(|| init.clone()))
            });
            with_options(table, &options).map(Handle::WindowedTable)
        }
        _ => unfit(step),
    }
}

fn in_sliding_windows<'t>(group: Group<'t>, (difference, grace): (u64, u64), step: &Step) -> Result<Handle<'t>, What> {
    let windows = Sliding::of(Duration::from_millis(difference)).grace(Duration::from_millis(grace));
    let windowed = group.windowed_by(windows);
    let windowed = if emits_on_close(step) { windowed.emit_on_close() } else { windowed };
    match step.clone() {
        Step::Count { options, .. } => {
            let counts = with_options(windowed.count(), &options)?;
            Ok(Handle::WindowedTable(counts.map_values(|count| Text::from(count.to_string()))))
        }
        Step::Reduce { add, remove: None, options, .. } => {
            // Without nulls, only an aggregation can delete a row.
            let reduced = windowed.reduce(move |result, value| reduce(&add, result, value));
            with_options(reduced, &options).map(Handle::WindowedTable)
        }
        Step::Aggregate { init, add, remove: None, options, .. } => {
            let init = init.map(Text::from);
            let table = windowed.aggregate_with(move |key: &Text, value, aggregate| {
                add.apply(key, &Some(value), &aggregate.or_else(|| init.clone()))
            });
            with_options(table, &options).map(Handle::WindowedTable)
        }
        _ => unfit(step),
    }
}

/// Whether results are sent when windows close.
pub(super) const fn emits_on_close(step: &Step) -> bool {
    let (Step::Count { options, .. } | Step::Reduce { options, .. } | Step::Aggregate { options, .. }) = step else {
        return false;
    };
    matches!(options.emit, Some(Emit::Close))
}

/// A table of windows or sessions with its options.
pub(super) fn with_options<'t, K: 'static, V: 'static>(
    table: KTable<'t, K, V>,
    options: &Aggregation,
) -> Result<KTable<'t, K, V>, What>
where
    KTable<'t, K, V>: Storable,
{
    table.maybe_named(options.name.as_ref()).maybe_stored(options.stored.as_ref())
}
