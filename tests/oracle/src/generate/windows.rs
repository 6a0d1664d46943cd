//! Aggregations over windows.

use super::Arms;
use super::aggregate::{group, init};
use super::draft::Draft;
use super::vocabulary::{adder, aggregator, keeping_adder};
use crate::step::{Aggregation, Emit, Step, StepId, Stored, Windows};

/// All of them.
pub(super) const ARMS: Arms = &[(7, count), (7, reduce), (7, aggregate)];

/// Windows in which several groups can be aggregated together.
pub(super) fn any_windows(draft: &mut Draft) -> Windows {
    match draft.random.between(0, 9) {
        0..=2 => sessions(draft),
        3..=5 => sliding(draft),
        _ => windows(draft),
    }
}

/// Windows of any kind, for a single group.
fn all_windows(draft: &mut Draft) -> Windows {
    match draft.random.between(0, 19) {
        0..=4 => sessions(draft),
        5..=8 => sliding(draft),
        9..=11 => unlimited(draft),
        _ => windows(draft),
    }
}

fn unlimited(draft: &mut Draft) -> Windows {
    let start = draft.random.one_of(0, &[1, 10, 1_000, 60_000]);
    draft.remember([start]);
    Windows::Unlimited { start }
}

fn sliding(draft: &mut Draft) -> Windows {
    let random = &mut draft.random;
    let difference: u64 = random.one_of(10, &[1, 5, 100, 1_000, 60_000, 3_600_000]);
    let grace = random.one_of(0, &[1, difference, difference / 2, 2 * difference + 1]);
    draft.remember([difference, grace, difference + grace, 2 * difference, 2 * difference + grace]);
    Windows::Sliding { difference, grace }
}

fn sessions(draft: &mut Draft) -> Windows {
    let random = &mut draft.random;
    let gap: u64 = random.one_of(10, &[0, 1, 5, 100, 1_000, 60_000, 3_600_000]);
    let grace = random.one_of(0, &[1, gap, gap / 2, 2 * gap + 1]);
    draft.remember([gap, grace, gap + grace, 2 * gap, 2 * gap + grace]);
    Windows::Session { gap, grace }
}

/// Random tumbling or hopping windows.
fn windows(draft: &mut Draft) -> Windows {
    let random = &mut draft.random;
    let size: u64 = random.one_of(10, &[1, 2, 5, 100, 1_000, 60_000, 3_600_000]);
    let advance = match random.between(0, 5) {
        0..=2 => size,
        3 => size.div_ceil(2),
        4 => size.div_ceil(3),
        _ => random.between(size.div_ceil(5), size),
    };
    let grace = match random.between(0, 4) {
        0 => 0,
        1 => 1,
        2 => size,
        3 => size / 2,
        _ => 2 * size + 1,
    };
    draft.remember([size, advance, grace, size + grace, 2 * size + grace]);
    Windows::Time { size, advance: (advance != size).then_some(advance), grace }
}

/// The least time that windows must be kept.
pub(super) const fn retention_min(windows: Windows) -> u64 {
    match windows {
        Windows::Time { size, grace, .. } => size + grace,
        Windows::Sliding { difference, grace } => 2 * difference + grace,
        Windows::Session { gap, grace } => gap + grace,
        Windows::Unlimited { .. } => 0,
    }
}

/// The least time that windows must be kept if there is a cache: Java's still has what is older than the retention (DIFFERENCES.md).
pub(super) const fn retention_with_cache(windows: Windows) -> Option<u64> {
    match windows {
        Windows::Sliding { difference, grace } => Some(3 * difference + grace + 1),
        // However old a record is, it counts if it is next to a session that has gone on since, and so does any other session
        // next to it.
        Windows::Session { .. } => Some(FOR_EVER),
        Windows::Time { .. } | Windows::Unlimited { .. } => None,
    }
}

/// Longer than there is input.
const FOR_EVER: u64 = 1 << 42;

fn options(draft: &mut Draft, windows: Windows) -> Aggregation {
    let is_unlimited = matches!(windows, Windows::Unlimited { .. });
    let emit = match draft.random.between(0, 9) {
        0..=4 if !is_unlimited => Some(Emit::Close),
        5 => Some(Emit::Update),
        _ => None,
    };
    options_of(draft, windows, emit)
}

fn options_of(draft: &mut Draft, windows: Windows, emit: Option<Emit>) -> Aggregation {
    let (name, mut stored) = (draft.name(), draft.stored());
    let is_unlimited = matches!(windows, Windows::Unlimited { .. });
    if !is_unlimited && draft.random.percent(20) {
        let retention = retention_min(windows) + draft.random.one_of(0, &[1, 10, 1_000, 86_400_000]);
        draft.remember([retention]);
        stored = Some(Stored { retention: Some(retention), ..stored.unwrap_or_default() });
    }
    if draft.has_cache()
        && let Some(needed) = retention_with_cache(windows)
    {
        let kept = stored.unwrap_or_default();
        stored = Some(Stored { retention: Some(kept.retention.unwrap_or(0).max(needed)), ..kept });
    }
    if emit == Some(Emit::Close) {
        // Java loses what is older than the retention when it closes (DIFFERENCES.md), and shows sessions for longer.
        let kept = Stored { retention: Some(FOR_EVER), ..stored.unwrap_or_default() };
        // Java keeps such tables without a cache.
        let caching = if draft.has_cache() { Some(false) } else { kept.caching };
        stored = Some(Stored { caching, ..kept });
    }
    Aggregation { windows: Some(windows), emit, name, stored }
}

fn count(draft: &mut Draft) -> Option<()> {
    let input = group(draft);
    let windows = all_windows(draft);
    let options = options(draft, windows);
    draft.add_windowed(Step::Count { input, options }, windows, &[input]);
    Some(())
}

fn reduce(draft: &mut Draft) -> Option<()> {
    let input = group(draft);
    let windows = all_windows(draft);
    let options = options(draft, windows);
    reduce_of(draft, input, windows, options);
    Some(())
}

/// A table over windows that begins alike on both sides, whatever a row begins with there.
pub(super) fn beginning_alike(draft: &mut Draft) -> StepId {
    let windows = all_windows(draft);
    beginning_alike_over(draft, windows)
}

/// As [`beginning_alike`], over these windows.
pub(super) fn beginning_alike_over(draft: &mut Draft, windows: Windows) -> StepId {
    let input = group(draft);
    // The rows of others begin with another window's.
    let closes = matches!(windows, Windows::Session { .. } | Windows::Sliding { .. })
        || matches!(windows, Windows::Time { .. }) && draft.random.percent(40);
    let options = options_of(draft, windows, closes.then_some(Emit::Close));
    reduce_of(draft, input, windows, options)
}

fn reduce_of(draft: &mut Draft, input: StepId, windows: Windows, options: Aggregation) -> StepId {
    let is_sliding = matches!(windows, Windows::Sliding { .. });
    let add = if is_sliding { keeping_adder(&mut draft.random) } else { adder(&mut draft.random) };
    draft.add_windowed(Step::Reduce { input, add, remove: None, options }, windows, &[input])
}

/// A reduction whose store has a name.
pub(super) fn stored_reduce(draft: &mut Draft) {
    let name = draft.store_name();
    reduce(draft);
    if let Some(Step::Reduce { options, .. }) = draft.steps.last_mut() {
        options.stored.get_or_insert_default().name.get_or_insert(name);
    }
}

fn aggregate(draft: &mut Draft) -> Option<()> {
    let input = group(draft);
    let windows = all_windows(draft);
    let (add, options) = (aggregator(&mut draft.random), options(draft, windows));
    let init = init(draft);
    draft.add_windowed(Step::Aggregate { input, init, add, remove: None, options }, windows, &[input]);
    Some(())
}
