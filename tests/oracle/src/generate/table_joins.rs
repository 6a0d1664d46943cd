//! Joins of two tables, by their keys or over a foreign key.

use super::Arms;
use super::draft::{Draft, Sort};
use super::sources::table;
use super::vocabulary::{joiner, key_map};
use crate::functions::Partitioner;
use crate::step::{JoinKind, Step, StepId};

/// All of them.
pub(super) const ARMS: Arms = &[(6, table_join), (9, fk_join), (4, windowed_join)];

/// A table whose old values may be needed, or a new one.
fn side(draft: &mut Draft, sort: Sort) -> StepId {
    match draft.any_with_old_values(sort).filter(|_| draft.random.percent(70)) {
        Some(found) => found,
        None => table(draft),
    }
}

/// A sort of windowed tables. Not with a cache: Java's may still have rows that are over, which a join then finds.
fn windowed_sort(draft: &mut Draft) -> Sort {
    if draft.has_cache() {
        return Sort::Table;
    }
    draft.random.one_of(Sort::WindowedTable, &[Sort::SessionTable])
}

/// Joins two tables of the same windows, or such a table over a foreign key.
fn windowed_join(draft: &mut Draft) -> Option<()> {
    if draft.has_cache() {
        return None;
    }
    let input = super::windows::beginning_alike(draft);
    if draft.random.percent(50) {
        let other = side(draft, Sort::Table);
        return fk_join_of(draft, input, other);
    }
    let windows = draft.windows(input)?;
    let other = super::windows::beginning_alike_over(draft, windows);
    table_join_of(draft, input, other)
}

fn table_join(draft: &mut Draft) -> Option<()> {
    let sort = if draft.random.percent(20) { windowed_sort(draft) } else { Sort::Table };
    let (input, other) = if sort == Sort::Table {
        (side(draft, sort), side(draft, sort))
    } else {
        let input = draft.any_with_old_values(sort)?;
        let other = draft.another(sort, input)?;
        // Windows that begin together but end elsewhere are refused here, and joined in Java.
        let is_alike = draft.windows(input) == draft.windows(other) && draft.begins_alike(other);
        (input, Some(other).filter(|_| is_alike)?)
    };
    table_join_of(draft, input, other)
}

fn table_join_of(draft: &mut Draft, input: StepId, other: StepId) -> Option<()> {
    if !draft.may_join(input, other) {
        return None;
    }
    let sort = draft.sort(input);
    let kind = draft.random.one_of(JoinKind::Inner, &[JoinKind::Left, JoinKind::Outer]);
    let (joiner, name) = (joiner(&mut draft.random), draft.name());
    let stored = draft.rows_stored().filter(|_| sort == Sort::Table);
    draft.add(Step::TableJoin { kind, input, other, joiner, name, stored }, sort, &[input, other]);
    Some(())
}

fn fk_join(draft: &mut Draft) -> Option<()> {
    let sort = if draft.random.percent(15) { windowed_sort(draft) } else { Sort::Table };
    let (input, other) = (side(draft, sort), side(draft, Sort::Table));
    fk_join_of(draft, input, other)
}

fn fk_join_of(draft: &mut Draft, input: StepId, other: StepId) -> Option<()> {
    let sort = draft.sort(input);
    let kind = draft.random.one_of(JoinKind::Inner, &[JoinKind::Inner, JoinKind::Left]);
    if !draft.may_join(input, other) {
        return None;
    }
    let (key, joiner, name) = (key_map(&mut draft.random), joiner(&mut draft.random), draft.name());
    let stored = draft.rows_stored().filter(|_| sort == Sort::Table);
    // These choose one partition, whatever the value is, which is not there.
    let partitioner = draft.random.pick(&[Partitioner::KeyHash, Partitioner::ValueHash, Partitioner::Default]).cloned();
    let partitioner = partitioner.filter(|_| draft.random.percent(40));
    let step = Step::FkJoin { kind, input, other, key, joiner, name, partitioner, stored };
    draft.add(step, sort, &[input, other]);
    Some(())
}
