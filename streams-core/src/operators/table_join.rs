//! Joins of two tables by their common key: an update of one is joined with the other's current row.
//!
//! A join consists of two such nodes, one for each table's updates, and of the node behind both that makes their
//! results one table ([`super::table_merge`]).

use std::sync::Arc;

use super::{BuiltNode, Context, DropReason, Next, OperatorError, Outputs, Recipe, TableView, TableViewRecipe};
use crate::record::{Change, Record};
use crate::state::rows::Row;

/// Takes `Change<V>` by key, forwards `Change<R>` with the later of both rows' timestamps.
///
/// `joiner` returns `None` if the two rows have no result together. A deletion is forwarded even if there was no result
/// before, as in Java, because that is not known. Rows are joined as they are now: a change of a table with versions that
/// is not of the latest one is dropped and counted (KIP-914). Nothing is forwarded if the other table has no row and either
/// `needs_other`, or the update is from no row to none.
pub(crate) fn recipe<K, V, T, R>(
    other: TableViewRecipe<K, T>,
    needs_other: bool,
    joiner: impl Fn(Option<V>, Option<T>) -> Option<R> + Send + Sync + 'static,
) -> Recipe
where
    K: Clone + 'static,
    V: 'static,
    T: Clone + 'static,
    R: Clone + 'static,
{
    let joiner = Arc::new(joiner);
    Recipe::new(move |builder| {
        let join = Join {
            node: Arc::clone(builder.name()),
            other: other.make(builder)?,
            needs_other,
            joiner: Arc::clone(&joiner),
            sends_old: builder.sends_old_values(),
            outputs: builder.outputs::<K, Change<R>>()?,
        };
        Ok(BuiltNode::link::<K, Change<V>>(join))
    })
}

/// The rows of a join's result without a store: both tables' rows, joined on lookup. With `needs_left` there is no
/// result without a row of the left table.
pub(crate) fn view<K, V, T, R>(
    left: TableViewRecipe<K, V>,
    right: TableViewRecipe<K, T>,
    needs_left: bool,
    joiner: impl Fn(Option<V>, Option<T>) -> Option<R> + Send + Sync + 'static,
) -> TableViewRecipe<K, R>
where
    K: 'static,
    V: 'static,
    T: 'static,
    R: 'static,
{
    let joiner = Arc::new(joiner);
    TableViewRecipe::new(move |builder| {
        let (left, right, joiner) = (left.make(builder)?, right.make(builder)?, Arc::clone(&joiner));
        Ok(Box::new(JoinedView { left, right, needs_left, joiner }))
    })
}

struct Join<K, T, R, F> {
    node: Arc<str>,
    other: Box<dyn TableView<K, T>>,
    needs_other: bool,
    joiner: Arc<F>,
    sends_old: bool,
    outputs: Outputs<K, Change<R>>,
}

impl<K, V, T, R, F> Next<K, Change<V>> for Join<K, T, R, F>
where
    K: Clone,
    T: Clone,
    R: Clone,
    F: Fn(Option<V>, Option<T>) -> Option<R>,
{
    fn process(&mut self, context: &mut Context, record: Record<K, Change<V>>) -> Result<(), OperatorError> {
        let Record { key, value: Change { old, new, is_latest }, timestamp, headers } = record;
        if !is_latest {
            context.drop_record(&self.node, DropReason::Outdated);
            return Ok(());
        }
        let (other, time) = match self.other.get_forwarded(&key)? {
            Some((row, time)) => (Some(row), time.max(timestamp)),
            None if self.needs_other || (old.is_none() && new.is_none()) => return Ok(()),
            None => (None, timestamp),
        };
        let old = if self.sends_old { (self.joiner)(old, other.clone()) } else { None };
        let value = Change { old, new: (self.joiner)(new, other), is_latest };
        self.outputs.forward(context, Record { key, value, timestamp: time, headers })
    }
}

struct JoinedView<K, V, T, F> {
    left: Box<dyn TableView<K, V>>,
    right: Box<dyn TableView<K, T>>,
    needs_left: bool,
    joiner: Arc<F>,
}

/// A result has no versions even if both tables have: it is that of the rows as they are now, at any time (KIP-914).
impl<K, V, T, R, F> TableView<K, R> for JoinedView<K, V, T, F>
where
    F: Fn(Option<V>, Option<T>) -> Option<R>,
{
    fn get(&mut self, key: &K) -> Result<Option<Row<R>>, OperatorError> {
        let left = self.left.get(key)?;
        let right = if left.is_none() && self.needs_left { None } else { self.right.get(key)? };
        Ok(self.result(left, right))
    }

    fn get_forwarded(&mut self, key: &K) -> Result<Option<Row<R>>, OperatorError> {
        let left = self.left.get_forwarded(key)?;
        let right = if left.is_none() && self.needs_left { None } else { self.right.get_forwarded(key)? };
        Ok(self.result(left, right))
    }
}

impl<K, V, T, F> JoinedView<K, V, T, F> {
    fn result<R>(&self, left: Option<Row<V>>, right: Option<Row<T>>) -> Option<Row<R>>
    where
        F: Fn(Option<V>, Option<T>) -> Option<R>,
    {
        let time = left.iter().map(|(_, time)| *time).chain(right.iter().map(|(_, time)| *time)).max()?;
        let result = (self.joiner)(left.map(|(row, _)| row), right.map(|(row, _)| row))?;
        Some((result, time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::OperatorError;
    use crate::operators::testing::{Chain, Setup, at, headers};
    use crate::record::Timestamp;

    type Text = &'static str;
    type Side = (bool, fn(Option<Text>, Option<Text>) -> Option<String>);
    type Sided = Chain<u8, Change<Text>, u8, Change<String>>;

    /// A table with the same row for every key.
    struct Fixed(Option<(Text, i64)>);

    impl TableView<u8, Text> for Fixed {
        fn get(&mut self, _: &u8) -> Result<Option<Row<Text>>, OperatorError> {
            panic!("tables are joined by what was forwarded")
        }

        fn get_forwarded(&mut self, _: &u8) -> Result<Option<Row<Text>>, OperatorError> {
            Ok(self.0.map(|(row, time)| (row, Timestamp(time))))
        }
    }

    fn fixed(row: Option<(Text, i64)>) -> TableViewRecipe<u8, Text> {
        TableViewRecipe::new(move |_| Ok(Box::new(Fixed(row))))
    }

    /// The kinds of sides: of an inner join, the left and the right one of a left join, and of an outer join.
    const INNER: Side = (true, |own, other| Some(format!("{}{}", own?, other?)));
    const LEFT: Side = (false, |own, other| Some(format!("{}{}", own?, other.unwrap_or("-"))));
    const RIGHT: Side = (true, |own, other| Some(format!("{}{}", own.unwrap_or("-"), other?)));
    const OUTER: Side = (false, |own, other| {
        (own.is_some() || other.is_some()).then(|| format!("{}{}", own.unwrap_or("-"), other.unwrap_or("-")))
    });

    /// What a side forwards for an update: the old and the new result and their time.
    fn joined(
        (needs_other, joiner): Side,
        (old, new): (Option<Text>, Option<Text>),
        other: Option<(Text, i64)>,
        old_values: bool,
    ) -> Option<(Option<String>, Option<String>, i64)> {
        let recipe = super::recipe(fixed(other), needs_other, joiner);
        let mut chain = Sided::with(Setup { old_values, ..Setup::default() }, &recipe);
        chain.send(at(5, 1, Change::latest(old, new)));
        let mut received = chain.received();
        assert!(received.len() < 2);
        received.pop().map(|record| (record.value.old, record.value.new, record.timestamp.0))
    }

    /// `KTableKTableInnerJoin`, `LeftJoin`, `RightJoin` and `OuterJoin`, case by case.
    #[test]
    fn each_side_forwards_what_javas_does() {
        let (none, some) = (None, Some(("x", 9)));
        let text = |text: &str| (text != "~").then(|| text.to_owned());
        for (side, old, new, other, expected) in [
            (INNER, None, Some("a"), none, None),
            (INNER, Some("a"), None, none, None),
            (INNER, None, Some("a"), some, Some(("~", "ax"))),
            (INNER, Some("a"), Some("b"), some, Some(("ax", "bx"))),
            (INNER, Some("a"), None, some, Some(("ax", "~"))),
            (INNER, None, None, some, Some(("~", "~"))),
            (LEFT, None, Some("a"), none, Some(("~", "a-"))),
            (LEFT, Some("a"), Some("b"), none, Some(("a-", "b-"))),
            (LEFT, Some("a"), None, none, Some(("a-", "~"))),
            (LEFT, None, None, none, None),
            (LEFT, Some("a"), Some("b"), some, Some(("ax", "bx"))),
            (LEFT, Some("a"), None, some, Some(("ax", "~"))),
            (LEFT, None, None, some, Some(("~", "~"))),
            (RIGHT, Some("a"), Some("b"), none, None),
            (RIGHT, None, Some("b"), some, Some(("-x", "bx"))),
            (RIGHT, Some("a"), None, some, Some(("ax", "-x"))),
            (RIGHT, None, None, some, Some(("-x", "-x"))),
            (OUTER, None, None, none, None),
            (OUTER, None, Some("b"), none, Some(("~", "b-"))),
            (OUTER, Some("a"), None, none, Some(("a-", "~"))),
            (OUTER, Some("a"), None, some, Some(("ax", "-x"))),
            (OUTER, None, None, some, Some(("-x", "-x"))),
        ] {
            let time = if other.is_some() { 9 } else { 5 };
            let with_old = expected.map(|(old, new)| (text(old), text(new), time));
            assert_eq!(joined(side, (old, new), other, true), with_old, "{old:?} {new:?} {other:?}");
            let without = expected.map(|(_, new)| (None, text(new), time));
            assert_eq!(joined(side, (old, new), other, false), without, "{old:?} {new:?} {other:?}");
        }
    }

    #[test]
    fn the_later_time_and_the_headers_are_passed_on() {
        let recipe = super::recipe(fixed(Some(("x", 3))), INNER.0, INNER.1);
        let mut chain = Sided::new(&recipe);
        let record = Record { headers: headers("h", "1"), ..at(5, 1, Change::latest(None, Some("a"))) };
        chain.send(record.clone());
        assert_eq!(chain.received(), [record.with(1, Change::latest(None, Some("ax".to_owned())))]);
    }

    #[test]
    fn an_earlier_version_of_a_row_is_dropped_and_counted() {
        let recipe = super::recipe(fixed(Some(("x", 3))), INNER.0, INNER.1);
        let mut chain = Sided::new(&recipe);
        chain.send(at(5, 1, Change { old: None, new: Some("a"), is_latest: false }));
        assert_eq!((chain.received(), chain.context.dropped(DropReason::Outdated)), (vec![], 1));
    }

    /// `KTableKTableInnerJoinValueGetter` and its sisters.
    #[test]
    fn a_result_is_looked_up_through_both_tables() {
        let joiner =
            |left: Option<Text>, right: Option<Text>| Some(format!("{}{}", left.unwrap_or("-"), right.unwrap_or("-")));
        let (a, b) = (Some(("a", 3)), Some(("b", 7)));
        for (left, right, needs_left, expected) in [
            (a, b, true, Some(("ab", 7))),
            (b, a, true, Some(("ba", 7))),
            (a, None, true, Some(("a-", 3))),
            (None, b, true, None),
            (None, b, false, Some(("-b", 7))),
        ] {
            let view = super::view(fixed(left), fixed(right), needs_left, joiner);
            let recipe = super::recipe(view, true, |_: Option<Text>, row: Option<String>| row);
            let mut chain = Sided::new(&recipe);
            chain.send(at(0, 1, Change::latest(None, None)));
            let received = chain.received().pop().map(|record| (record.value.new.unwrap(), record.timestamp.0));
            let expected = expected.map(|(text, time)| (text.to_owned(), time));
            assert_eq!(received, expected, "{left:?} {right:?}");
        }
    }
}
