//! Operators on tables, and aggregations of their rows.

use super::Arms;
use super::aggregate::init;
use super::draft::{Draft, Sort};
use super::sources::{some_stream, some_table};
use super::stateless::with_key;
use super::vocabulary::{adder, aggregator, key_map, predicate, remover, value_map};
use crate::step::{Aggregation, Step, StepId};

/// All of them.
pub(super) const ARMS: Arms = &[
    (2, table),
    (4, filter),
    (3, filter_not),
    (3, map_values),
    (3, transform_values),
    (4, to_table),
    (2, streamed),
    (2, streamed_by),
    (3, count),
    (3, reduce),
    (3, aggregate),
];

/// A table of any kind, and how its result is stored, which is not said for windowed keys.
fn any_table(draft: &mut Draft) -> (StepId, Sort) {
    if draft.random.percent(15) {
        let sort = draft.random.one_of(Sort::WindowedTable, &[Sort::SessionTable]);
        if let Some(table) = draft.any(sort) {
            return (table, sort);
        }
    }
    (some_table(draft), Sort::Table)
}

fn table(draft: &mut Draft) -> Option<()> {
    super::sources::table(draft);
    Some(())
}

fn filter(draft: &mut Draft) -> Option<()> {
    let (input, sort) = any_table(draft);
    let (r#where, name) = (predicate(&mut draft.random), draft.name());
    if !draft.may_filter(input, &r#where, true) {
        return None;
    }
    let stored = draft.rows_stored().filter(|_| sort == Sort::Table);
    draft.add(Step::Filter { input, r#where, name, stored }, sort, &[input]);
    Some(())
}

fn filter_not(draft: &mut Draft) -> Option<()> {
    let (input, sort) = any_table(draft);
    let (r#where, name) = (predicate(&mut draft.random), draft.name());
    if !draft.may_filter(input, &r#where, false) {
        return None;
    }
    let stored = draft.rows_stored().filter(|_| sort == Sort::Table);
    draft.add(Step::FilterNot { input, r#where, name, stored }, sort, &[input]);
    Some(())
}

fn map_values(draft: &mut Draft) -> Option<()> {
    let (input, sort) = any_table(draft);
    let (value, name) = (value_map(&mut draft.random), draft.name());
    let stored = draft.rows_stored().filter(|_| sort == Sort::Table);
    let with_key = with_key(draft, &value);
    draft.add(Step::MapValues { input, value, with_key, name, stored }, sort, &[input]);
    Some(())
}

fn transform_values(draft: &mut Draft) -> Option<()> {
    let (input, sort) = any_table(draft);
    let (value, name) = (value_map(&mut draft.random), draft.name());
    let stored = draft.rows_stored().filter(|_| sort == Sort::Table);
    draft.add(Step::TransformValues { input, value, name, stored }, sort, &[input]);
    Some(())
}

fn to_table(draft: &mut Draft) -> Option<()> {
    let input = some_stream(draft);
    let (name, stored) = (draft.name(), draft.rows_stored());
    draft.add(Step::ToTable { input, name, stored }, Sort::Table, &[input]);
    Some(())
}

fn streamed(draft: &mut Draft) -> Option<()> {
    let (table, _) = any_table(draft);
    to_stream(draft, table);
    Some(())
}

/// The stream of a table's changes, under other keys.
fn streamed_by(draft: &mut Draft) -> Option<()> {
    let (input, _) = any_table(draft);
    let (key, name) = (key_map(&mut draft.random), draft.name());
    draft.add(Step::ToStream { input, key: Some(key), name }, Sort::Stream, &[input]);
    Some(())
}

/// The stream of a table's changes.
pub(super) fn to_stream(draft: &mut Draft, input: StepId) -> StepId {
    let sort = match draft.sort(input) {
        Sort::WindowedTable => Sort::WindowedStream,
        Sort::SessionTable => Sort::SessionStream,
        _ => Sort::Stream,
    };
    let name = draft.name();
    draft.add(Step::ToStream { input, key: None, name }, sort, &[input])
}

/// A group of a table's rows, which may have been used before.
fn group(draft: &mut Draft) -> StepId {
    if draft.random.percent(15)
        && let Some(group) = draft.any(Sort::TableGroup)
    {
        return group;
    }
    let sort = draft.random.one_of(Sort::Table, &[Sort::Table, Sort::Table, Sort::WindowedTable, Sort::SessionTable]);
    let input = match draft.any_with_old_values(sort) {
        Some(table) => table,
        None if sort != Sort::Table && draft.random.percent(30) => super::windows::beginning_alike(draft),
        None => super::sources::table(draft),
    };
    let (key, value, name) = (key_map(&mut draft.random), value_map(&mut draft.random), draft.name());
    let no_pair = draft.random.percent(20).then(|| predicate(&mut draft.random));
    draft.add(Step::GroupTable { input, key, value, no_pair, name }, Sort::TableGroup, &[input])
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
    let remove = remover(&mut draft.random, &add);
    draft.add(Step::Reduce { input, add, remove: Some(remove), options }, Sort::Table, &[input]);
    Some(())
}

fn aggregate(draft: &mut Draft) -> Option<()> {
    let input = group(draft);
    let (add, options) = (aggregator(&mut draft.random), options(draft));
    let remove = remover(&mut draft.random, &add);
    let init = init(draft);
    draft.add(Step::Aggregate { input, init, add, remove: Some(remove), options }, Sort::Table, &[input]);
    Some(())
}
