//! Groups that are aggregated together.

use super::Arms;
use super::aggregate::group;
use super::draft::{Draft, Sort};
use super::vocabulary::aggregator;
use super::windows::{any_windows, retention_min, retention_with_cache};
use crate::step::{CogroupInput, Step, StepId, Stored};

/// Without windows.
pub(super) const ARMS: Arms = &[(4, cogroup)];

/// Over windows.
pub(super) const WINDOWED: Arms = &[(6, windowed)];

/// Groups and their functions. Only one of them may need a topic without having a name, and a group with a topic of its
/// name can be aggregated only here: a second topic with that name is refused on both sides.
fn inputs(draft: &mut Draft) -> Option<Vec<CogroupInput>> {
    let mut groups: Vec<StepId> = Vec::new();
    let mut has_unnamed = false;
    for _ in 0..draft.random.between(1, 3) {
        let group = group(draft);
        match draft.may_need_topic(group) {
            _ if groups.contains(&group) => {}
            Some(false) if has_unnamed => return None,
            Some(false) => has_unnamed = true,
            Some(true) if draft.is_used(group) => return None,
            Some(true) => draft.take(group),
            None => {}
        }
        if !groups.contains(&group) || draft.random.percent(10) {
            groups.push(group);
        }
    }
    Some(groups.into_iter().map(|input| CogroupInput { input, add: aggregator(&mut draft.random) }).collect())
}

fn init(draft: &mut Draft) -> Option<String> {
    draft.random.one_of(Some("0"), &[Some(""), Some("i")]).map(str::to_owned)
}

fn cogroup(draft: &mut Draft) -> Option<()> {
    let groups = inputs(draft)?;
    let steps: Vec<_> = groups.iter().map(|group| group.input).collect();
    let (init, name, stored) = (init(draft), draft.name(), draft.rows_stored());
    draft.add(Step::Cogroup { groups, init, windows: None, name, stored }, Sort::Table, &steps);
    Some(())
}

fn windowed(draft: &mut Draft) -> Option<()> {
    let mut groups = inputs(draft)?;
    if draft.has_cache() {
        // A stream that lags behind would meet rows that are over, which a cache in Java still has.
        groups.truncate(1);
    }
    let steps: Vec<_> = groups.iter().map(|group| group.input).collect();
    let windows = any_windows(draft);
    let (init, name, mut stored) = (init(draft), draft.name(), draft.stored());
    if draft.random.percent(20) {
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
    draft.add_windowed(Step::Cogroup { groups, init, windows: Some(windows), name, stored }, windows, &steps);
    Some(())
}
