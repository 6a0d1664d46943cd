//! Tables whose changes are held back.

use super::Arms;
use super::draft::{Draft, Sort};
use super::sources::some_table;
use crate::step::{Closed, Full, Step, StepId, Until};

/// All of them.
pub(super) const ARMS: Arms = &[(15, until_close), (9, windows_for_some_time), (15, rows_for_some_time)];

/// What is held back at most, and what happens then.
#[derive(Default)]
struct Limits {
    max_records: Option<u64>,
    max_bytes: Option<u64>,
    full: Option<Full>,
}

fn until_close(draft: &mut Draft) -> Option<()> {
    let (input, sort) = windowed_table(draft)?;
    // Both sides refuse to wait for windows where rows also come from a table without any.
    if draft.is_made_with(input, &|step| matches!(step, Step::FkJoin { .. })) {
        return None;
    }
    // Results that are final are not sent early, so a limit must be one that most cases don't reach.
    let limits = if draft.random.percent(50) { Limits::default() } else { high_limits(draft) };
    add(draft, (input, sort), Until::Close(Closed::Close), limits)
}

fn windows_for_some_time(draft: &mut Draft) -> Option<()> {
    let table = windowed_table(draft)?;
    for_some_time(draft, table)
}

fn rows_for_some_time(draft: &mut Draft) -> Option<()> {
    let table = some_table(draft);
    for_some_time(draft, (table, Sort::Table))
}

fn for_some_time(draft: &mut Draft, table: (StepId, Sort)) -> Option<()> {
    let limit = draft.random.one_of(10, &[0, 1, 2, 100, 1_000, 60_000]);
    draft.remember([limit, 2 * limit]);
    let limits = match draft.random.between(0, 9) {
        0..=2 => Limits::default(),
        3..=5 => high_limits(draft),
        _ => low_limits(draft),
    };
    add(draft, table, Until::Millis(limit), limits)
}

/// Ends the application when they are exceeded.
fn high_limits(draft: &mut Draft) -> Limits {
    let random = &mut draft.random;
    let max_records = random.percent(60).then(|| random.between(2, 6));
    let max_bytes = (max_records.is_none() || random.percent(20)).then(|| random.between(120, 600));
    Limits { max_records, max_bytes, full: Some(Full::Stop) }
}

/// Sends what has waited longest when they are exceeded.
fn low_limits(draft: &mut Draft) -> Limits {
    let random = &mut draft.random;
    let max_records = random.percent(60).then(|| random.between(0, 4));
    let max_bytes = (max_records.is_none() || random.percent(20)).then(|| random.between(40, 400));
    Limits { max_records, max_bytes, full: random.one_of(None, &[Some(Full::Emit)]) }
}

/// A table of windows or sessions, which may be new.
fn windowed_table(draft: &mut Draft) -> Option<(StepId, Sort)> {
    if draft.random.percent(40) || draft.all(Sort::WindowedTable).is_empty() && draft.all(Sort::SessionTable).is_empty()
    {
        let arm = draft.random.weighted(super::windows::ARMS)?;
        arm(draft)?;
    }
    let sort = draft.random.one_of(Sort::WindowedTable, &[Sort::SessionTable]);
    let other = if sort == Sort::WindowedTable { Sort::SessionTable } else { Sort::WindowedTable };
    draft.any(sort).map(|table| (table, sort)).or_else(|| draft.any(other).map(|table| (table, other)))
}

/// Whether a step makes keys whose format Java doesn't know (DIFFERENCES.md).
const fn is_windowed_cogroup(step: &Step) -> bool {
    matches!(step, Step::Cogroup { windows: Some(_), .. })
}

fn add(draft: &mut Draft, (input, sort): (StepId, Sort), until: Until, limits: Limits) -> Option<()> {
    // The buffer's rows name the topic and offset of their record. Records of all topics that match a pattern are one
    // input to our driver, under the pattern's name.
    if draft.steps.iter().any(|step| matches!(step, Step::Stream { pattern: Some(_), .. })) {
        return None;
    }
    let Limits { max_records, max_bytes, full } = limits;
    // What a row was before is counted in sizes, and found by joins.
    let shows_old_values = max_bytes.is_some() || sort == Sort::Table;
    let is_refused = shows_old_values && !draft.begins_alike(input)
        || draft.is_made_with(input, &is_windowed_cogroup)
        // Both sides refuse it, because earlier versions would overwrite later ones.
        || draft.has_versions(input);
    if draft.has_cache() || is_refused {
        return None;
    }
    let (name, logging) = (draft.name(), draft.random.percent(15).then_some(false));
    draft.add(Step::Suppress { input, until, max_records, max_bytes, full, logging, name }, sort, &[input]);
    Some(())
}
