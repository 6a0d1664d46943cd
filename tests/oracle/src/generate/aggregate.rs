//! Aggregations of streams without windows.

use super::Arms;
use super::draft::{Draft, Sort};
use super::stateless::any_stream;
use super::vocabulary::{adder, aggregator, key_map};
use crate::step::{Aggregation, Step, StepId};

/// All of them.
pub(super) const ARMS: Arms = &[(3, count), (3, reduce), (4, aggregate)];

/// A group of a stream's records, which may have been used before.
pub(super) fn group(draft: &mut Draft) -> StepId {
    if draft.random.percent(15)
        && let Some(group) = draft.any(Sort::Group)
    {
        return group;
    }
    let (input, sort) = any_stream(draft);
    let name = draft.name();
    let step = if sort == Sort::Stream && draft.random.percent(50) {
        Step::GroupByKey { input, name }
    } else {
        Step::GroupBy { input, key: key_map(&mut draft.random), name }
    };
    draft.add(step, Sort::Group, &[input])
}

fn options(draft: &mut Draft) -> Aggregation {
    Aggregation { name: draft.name(), stored: draft.rows_stored(), ..Aggregation::default() }
}

fn count(draft: &mut Draft) -> Option<()> {
    let input = group(draft);
    let options = options(draft);
    draft.add(Step::Count { input, options }, Sort::Table, &[input]);
    Some(())
}

fn reduce(draft: &mut Draft) -> Option<()> {
    let input = group(draft);
    let (add, options) = (adder(&mut draft.random), options(draft));
    draft.add(Step::Reduce { input, add, remove: None, options }, Sort::Table, &[input]);
    Some(())
}

fn aggregate(draft: &mut Draft) -> Option<()> {
    let input = group(draft);
    let (add, options) = (aggregator(&mut draft.random), options(draft));
    let init = init(draft);
    draft.add(Step::Aggregate { input, init, add, remove: None, options }, Sort::Table, &[input]);
    Some(())
}

/// The first aggregate.
pub(super) fn init(draft: &mut Draft) -> Option<String> {
    draft.random.one_of(Some("0"), &[Some(""), Some("i"), None]).map(str::to_owned)
}
