//! Stream-table joins with a grace period: a record waits for rows of its time that come late, and is then joined with the
//! row that the table had at that time (KIP-923).

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::stream_table_join::Join;
use super::{BuiltNode, Context, Next, NodeBuilder, OperatorError, Recipe, StoreId, TableViewRecipe};
use crate::record::{Record, Timestamp};
use crate::state::grace_rows::{DueRecord, GraceRows};
use crate::state::held_record::HeldContext;
use crate::state::rows::RowError;
use crate::state::{StoreError, StoreErrorKind};
use crate::wire::{DecodeError, Nullable, NullableKey, Value};

/// How many records are joined before the next ones are read.
const AT_ONCE: usize = 256;

/// As [`stream_table_join`](super::stream_table_join), but records with a key and a value wait in the store until stream
/// time, the largest timestamp among those that have waited, is `grace` after their own. Then they are joined in the order
/// of their timestamps and keys, with their own timestamps, headers and positions. A record that is older than that when it
/// comes is joined at once, and does not advance stream time.
pub(crate) fn recipe<K, V, T, R>(
    (store, grace): (StoreId, Duration),
    table: TableViewRecipe<K::Inner, T>,
    left: bool,
    joiner: impl Fn(&K, V::Inner, Option<T>) -> Option<R> + Send + Sync + 'static,
) -> Recipe
where
    K: NullableKey,
    V: Nullable,
    T: Value,
    R: Clone + 'static,
{
    let grace_ms = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX);
    let joiner = Arc::new(joiner);
    Recipe::new(move |builder: &mut NodeBuilder<'_>| {
        let waiting = builder.store(store, GraceRows::new)?;
        Ok(BuiltNode::link::<K, V>(GraceJoin {
            node: Arc::clone(builder.name()),
            grace_ms,
            waiting,
            stream_time: builder.stream_time(),
            join: Join::<K, V, T, R, _>::new(builder, &table, left, &joiner)?,
            key: Vec::new(),
            value: Vec::new(),
        }))
    })
    .of_store::<K::Inner, Bytes>(store)
}

struct GraceJoin<J> {
    node: Arc<str>,
    grace_ms: i64,
    waiting: Rc<RefCell<GraceRows>>,
    stream_time: Rc<Cell<Timestamp>>,
    join: J,
    /// A record's key in bytes.
    key: Vec<u8>,
    /// Its value in bytes.
    value: Vec<u8>,
}

impl<K: NullableKey, V: Nullable, J: Next<K, V>> Next<K, V> for GraceJoin<J> {
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        self.key.clear();
        self.value.clear();
        let has_key = record.key.write(&mut self.key).map_err(|error| self.failed(error))?;
        let has_value = record.value.write(&mut self.value).map_err(|error| self.failed(error))?;
        if !has_key || !has_value || self.waited_until() > record.timestamp {
            return self.join.process(context, record);
        }
        let Record { timestamp, headers, .. } = record;
        let held = HeldContext { timestamp, position: context.position.clone(), headers };
        let put = self.waiting.borrow_mut().put(&self.key, &self.value, &held);
        put.map_err(|error| self.failed(error))?;
        self.stream_time.set(self.stream_time.get().max(timestamp));
        self.join_due(context)
    }
}

impl<J> GraceJoin<J> {
    /// Records up to this time have waited long enough.
    fn waited_until(&self) -> Timestamp {
        Timestamp(self.stream_time.get().0.saturating_sub(self.grace_ms))
    }

    /// Joins the records that have waited long enough.
    fn join_due<K: NullableKey, V: Nullable>(&mut self, context: &mut Context) -> Result<(), OperatorError>
    where
        J: Next<K, V>,
    {
        loop {
            let due = self.waiting.borrow_mut().due(self.waited_until(), AT_ONCE);
            let due = due.map_err(|error| self.failed(error))?;
            if due.is_empty() {
                return Ok(());
            }
            for record in due {
                self.join_held(context, &record)?;
                // As in Java, after the result.
                let deleted = self.waiting.borrow_mut().joined(&record);
                deleted.map_err(|error| self.failed(error))?;
            }
        }
    }

    fn join_held<K: NullableKey, V: Nullable>(
        &mut self,
        context: &mut Context,
        record: &DueRecord,
    ) -> Result<(), OperatorError>
    where
        J: Next<K, V>,
    {
        let (mut key, value) = decode::<K, V>(record).map_err(|error| self.unreadable(&error))?;
        key.set_window_sizes(self.waiting.borrow().windows().as_slice());
        let HeldContext { timestamp, position, headers } = record.context.clone();
        let position = std::mem::replace(&mut context.position, position);
        let record = Record { key, value, timestamp, headers };
        let joined = context.release(|context| self.join.process(context, record));
        context.position = position;
        joined
    }

    #[cold]
    fn failed(&self, error: impl Into<RowError>) -> OperatorError {
        OperatorError::rows(&self.node, error.into())
    }

    #[cold]
    fn unreadable(&self, error: &DecodeError) -> OperatorError {
        let message = format!(
            "a record that waits to be joined cannot be read: {error}; if the type or its format has changed, give the join \
             a new name or reset the application"
        );
        self.failed(StoreError::new(StoreErrorKind::Decode, message))
    }
}

fn decode<K: NullableKey, V: Nullable>(record: &DueRecord) -> Result<(K, V), DecodeError> {
    Ok((K::read(Some(&record.key))?, V::read(Some(&record.value))?))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use crate::operators::testing::{Chain, Num, Setup, Word, at};
    use crate::operators::{DropReason, OperatorError, StoreId, TableView, TableViewRecipe};
    use crate::record::{Offset, Partition, RecordPosition, Timestamp};
    use crate::state::kinds::GraceBuffer;

    type Joined = Chain<Option<Word>, Option<Word>, Option<Word>, String>;

    /// A table whose rows are their times, and that has none of odd times.
    struct Times;

    impl TableView<Word, Num> for Times {
        fn get(&mut self, _: &Word) -> Result<Option<(Num, Timestamp)>, OperatorError> {
            Ok(None)
        }

        fn get_forwarded(&mut self, _: &Word) -> Result<Option<(Num, Timestamp)>, OperatorError> {
            Ok(None)
        }

        fn get_as_of(&mut self, _: &Word, timestamp: Timestamp) -> Result<Option<(Num, Timestamp)>, OperatorError> {
            Ok((timestamp.0 % 2 == 0).then_some((Num(timestamp.0), timestamp)))
        }
    }

    fn joined(left: bool, grace_ms: u64) -> Joined {
        let view = TableViewRecipe::new(|_| Ok(Box::new(Times)));
        let join = super::recipe::<Option<Word>, Option<Word>, Num, String>(
            (StoreId(0), Duration::from_millis(grace_ms)),
            view,
            left,
            move |_, value, row: Option<Num>| {
                let row = row.map(|row| row.0.to_string());
                (left || row.is_some()).then(|| format!("{}/{}", value.0, row.as_deref().unwrap_or("-")))
            },
        );
        Joined::with(Setup { kind: Arc::new(GraceBuffer), ..Setup::default() }, &join)
    }

    /// Sends records, and returns the results that each has caused, with their times.
    fn run(joined: &mut Joined, records: &[(i64, Option<&str>, Option<&str>)]) -> Vec<String> {
        let mut results = Vec::new();
        for (time, key, value) in records {
            joined.send(at(*time, key.map(Word::from), value.map(Word::from)));
            let received =
                joined.received().into_iter().map(|record| format!("{}@{}", record.value, record.timestamp.0));
            results.push(received.collect::<Vec<_>>().join(" "));
        }
        results
    }

    #[test]
    fn records_wait_for_the_grace_and_come_by_time_and_key() {
        let mut inner = joined(false, 10);
        let records = [
            (20, Some("b"), Some("1")),
            (14, Some("z"), Some("2")),
            (12, Some("a"), Some("3")),
            (12, Some("a"), Some("4")),
            (10, Some("a"), Some("5")), // has waited long enough when it comes
            (9, Some("a"), Some("6")),  // is too old to wait, and has no row
            (8, Some("a"), Some("7")),
            (21, Some("a"), Some("8")),
            (24, Some("a"), Some("9")),
        ];
        let expected = ["", "", "", "", "5/10@10", "", "7/8@8", "", "3/12@12 4/12@12 2/14@14"];
        assert_eq!(run(&mut inner, &records), expected);
    }

    #[test]
    fn without_grace_every_record_is_joined_when_it_comes() {
        let records = [(4, Some("a"), Some("1")), (2, Some("a"), Some("2")), (4, Some("a"), Some("3"))];
        assert_eq!(run(&mut joined(false, 0), &records), ["1/4@4", "2/2@2", "3/4@4"]);
    }

    #[test]
    fn null_values_are_dropped_and_null_keys_unless_the_join_is_left() {
        let records = [(1, None, Some("1")), (2, Some("a"), None), (3, None, None), (3, Some("a"), Some("2"))];
        for (left, expected, dropped) in [(false, ["", "", "", ""], [1, 2]), (true, ["1/-@1", "", "", ""], [0, 2])] {
            let mut joined = joined(left, 2);
            assert_eq!(run(&mut joined, &records), expected);
            let counted = [DropReason::NullKey, DropReason::NullValue].map(|reason| joined.context.dropped(reason));
            assert_eq!(counted, dropped, "left: {left}");
            assert_eq!(run(&mut joined, &[(5, Some("b"), Some("3"))]), [if left { "2/-@3" } else { "" }]);
        }
    }

    #[test]
    fn a_record_is_logged_when_it_comes_and_deleted_after_its_result() {
        let mut joined = joined(false, 2);
        let topic: Arc<str> = "in".into();
        joined.context.position = Some(RecordPosition { topic, partition: Partition(3), offset: Offset(7) });
        run(&mut joined, &[(2, Some("a"), Some("x"))]);
        let key = b"\0\0\0\0\0\0\0\0\x02a\0\0\0\x01".to_vec();
        let row = [
            &b"\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x07\0\0\0\x02in\0\0\0\x03\0\0\0\0"[..],
            b"\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x01x",
            b"\0\0\0\0\0\0\0\0",
        ];
        assert_eq!(joined.logged(0), [(key.clone(), Some(row.concat()), 2)]);
        run(&mut joined, &[(4, Some("b"), Some("y"))]);
        let logged: Vec<_> = joined.logged(0).into_iter().map(|(key, row, _)| (key, row.is_some())).collect();
        assert_eq!(logged, [(b"\0\0\0\0\0\0\0\0\x04b\0\0\0\x02".to_vec(), true), (key, false)]);
    }
}
