//! Joins of two tables, by their keys or over a foreign key.

use millstream::dsl::{KTable, Partitions};
use millstream::wire::Key;

use super::options::{Nameable as _, Storable};
use super::{Handle, Interpreter, What, unfit};
use crate::functions::{AsText, Joiner, Partitioner};
use crate::step::{JoinKind, Step};
use crate::text::Text;

impl<'t> Interpreter<'t> {
    pub(super) fn table_join(&self, step: &Step) -> Result<Handle<'t>, What> {
        let (Step::TableJoin { input, other, .. } | Step::FkJoin { input, other, .. }) = step else {
            return unfit(step);
        };
        match (self.get(*input)?, self.get(*other)?, step) {
            (Handle::Table(left), Handle::Table(right), Step::TableJoin { .. }) => {
                by_key(left, right, step).map(Handle::Table)
            }
            (Handle::WindowedTable(left), Handle::WindowedTable(right), Step::TableJoin { .. }) => {
                by_key(left, right, step).map(Handle::WindowedTable)
            }
            (Handle::SessionTable(left), Handle::SessionTable(right), Step::TableJoin { .. }) => {
                by_key(left, right, step).map(Handle::SessionTable)
            }
            (Handle::Table(left), Handle::Table(right), Step::FkJoin { .. }) => {
                by_foreign_key(left, right, step).map(Handle::Table)
            }
            (Handle::WindowedTable(left), Handle::Table(right), Step::FkJoin { .. }) => {
                by_foreign_key(left, right, step).map(Handle::WindowedTable)
            }
            (Handle::SessionTable(left), Handle::Table(right), Step::FkJoin { .. }) => {
                by_foreign_key(left, right, step).map(Handle::SessionTable)
            }
            _ => Err(format!("steps {input} and {other} are no such tables")),
        }
    }
}

fn by_key<'t, K>(
    left: KTable<'t, K, Text>,
    right: KTable<'t, K, Text>,
    step: &Step,
) -> Result<KTable<'t, K, Text>, What>
where
    K: Key,
    KTable<'t, K, Text>: Storable,
{
    let Step::TableJoin { kind, joiner, name, stored, .. } = step.clone() else { return unfit(step) };
    if joiner == Joiner::KeyPair {
        return unfit(step);
    }
    let joined = match kind {
        JoinKind::Inner => left.join(right, move |left, right| joiner.apply(&None, &Some(left), &Some(right))),
        JoinKind::Left => left.left_join(right, move |left, right| joiner.apply(&None, &Some(left), &right)),
        JoinKind::Outer => left.outer_join(right, move |left, right| joiner.apply(&None, &left, &right)),
    };
    joined.maybe_named(name.as_ref()).maybe_stored(stored.as_ref())
}

fn by_foreign_key<'t, K>(
    left: KTable<'t, K, Text>,
    right: KTable<'t, Text, Text>,
    step: &Step,
) -> Result<KTable<'t, K, Text>, What>
where
    K: Key + AsText,
    KTable<'t, K, Text>: Storable,
{
    let Step::FkJoin { kind, key: make, joiner, name, partitioner, stored, .. } = step.clone() else {
        return unfit(step);
    };
    let foreign_key = move |key: &K, row: &Text| make.apply(key, &Some(row.clone()));
    let matching = {
        let joiner = joiner.clone();
        move |row, other| joiner.apply(&None, &Some(row), &Some(other))
    };
    let with_all = move |row, other| joiner.apply(&None, &Some(row), &other);
    let joined = match (kind, partitioner) {
        (JoinKind::Inner, None) => left.join_on(right, foreign_key, matching),
        (JoinKind::Left, None) => left.left_join_on(right, foreign_key, with_all),
        (JoinKind::Inner | JoinKind::Left, Some(by)) => {
            let by_other = by.clone();
            let left = left.partitioned_by(move |key, to| one(&by, key, to.partitions));
            let right = right.partitioned_by(move |key, to| one(&by_other, key, to.partitions));
            match kind {
                JoinKind::Inner => left.join_on(right, foreign_key, matching),
                _ => left.left_join_on(right, foreign_key, with_all),
            }
        }
        (JoinKind::Outer, _) => return unfit(step),
    };
    joined.maybe_named(name.as_ref()).maybe_stored(stored.as_ref())
}

/// The choice of a partitioner that chooses one partition, or none.
fn one(by: &Partitioner, key: &impl AsText, count: u32) -> Option<i64> {
    match by.choose(key, &None, count) {
        Partitions::One(partition) => Some(partition),
        _ => None,
    }
}
