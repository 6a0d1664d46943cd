//! `suppress`.

use std::time::Duration;

use millstream::dsl::suppress::{SuppressUntil, SuppressUpTo};
use millstream::dsl::{KTable, Suppress};
use millstream::windows::InWindow;
use millstream::wire::Key;

use super::options::Nameable as _;
use super::{What, unfit};
use crate::step::{Closed, Full, Step, Until};
use crate::text::Text;

/// A table of windows whose changes are held back, until each closes or for some time.
pub(super) fn windowed<'t, K: Key + InWindow>(
    table: KTable<'t, K, Text>,
    step: &Step,
) -> Result<KTable<'t, K, Text>, What> {
    let Step::Suppress { until: Until::Close(Closed::Close), full: None | Some(Full::Stop), .. } = step else {
        return rows(table, step);
    };
    let until = Suppress::until_window_closes();
    let suppressed = match up_to(until, step) {
        None => table.suppress(until.unbounded()),
        Some(limited) => table.suppress(limited.shut_down_when_full()),
    };
    Ok(with_options(suppressed, step))
}

/// A table whose changes are held back for some time.
pub(super) fn rows<'t, K: Key>(table: KTable<'t, K, Text>, step: &Step) -> Result<KTable<'t, K, Text>, What> {
    let Step::Suppress { until: Until::Millis(limit), full, .. } = step else { return unfit(step) };
    let until = Suppress::until_time_limit(Duration::from_millis(*limit));
    let suppressed = match (up_to(until, step), full) {
        (None, _) => table.suppress(until.unbounded()),
        (Some(limited), Some(Full::Stop)) => table.suppress(limited.shut_down_when_full()),
        (Some(limited), Some(Full::Emit) | None) => table.suppress(limited.emit_early_when_full()),
    };
    Ok(with_options(suppressed, step))
}

/// How much is held back, if there is a limit.
fn up_to<U: Copy>(until: SuppressUntil<U>, step: &Step) -> Option<SuppressUpTo<U>> {
    let Step::Suppress { max_records, max_bytes, .. } = step else { return None };
    let size = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
    match (max_records.map(size), max_bytes.map(size)) {
        (None, None) => None,
        (Some(records), None) => Some(until.max_records(records)),
        (None, Some(bytes)) => Some(until.max_bytes(bytes)),
        (Some(records), Some(bytes)) => Some(until.max_records(records).max_bytes(bytes)),
    }
}

fn with_options<'t, K: 'static>(suppressed: KTable<'t, K, Text>, step: &Step) -> KTable<'t, K, Text> {
    let Step::Suppress { logging, name, .. } = step else { return suppressed };
    let suppressed = suppressed.maybe_named(name.as_ref());
    if *logging == Some(false) { suppressed.not_logged() } else { suppressed }
}
