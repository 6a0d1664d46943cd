//! Foreign-key joins, first step: an update on the left subscribes its row at the key that it refers to.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::doubts::{AskAgain, AskAtCommit, Doubts};
use crate::operators::{
    BuiltNode, Context, DropReason, Next, OperatorError, Outputs, Recipe, StoreId, TableView, TableViewRecipe,
};
use crate::record::{Change, Headers, Partition, Record, Timestamp};
use crate::wire::foreign_key::{Instruction, RowHash, Subscription};
use crate::wire::murmur3::hash128;
use crate::wire::{EncodeError, Key, Value};

/// Takes `Change<V>` by key, forwards `Subscription`s by foreign key. The changes must carry old rows.
///
/// `foreign_key` returns `None` if a row refers to nothing. A left join asks for an answer to all rows. An inner join
/// drops and counts rows that refer to nothing, and has doubts about the `rows` of its table; `store` is the join's.
pub(crate) fn recipe<K: Key, V: Value, F: Key>(
    foreign_key: impl Fn(&K, &V) -> Option<F> + Send + Sync + 'static,
    rows: TableViewRecipe<K, V>,
    (left, store): (bool, StoreId),
) -> Recipe {
    let foreign_key = Arc::new(foreign_key);
    Recipe::new(move |builder| {
        let sender = |builder: &mut crate::operators::NodeBuilder<'_>| {
            let (node, outputs) = (Arc::clone(builder.name()), builder.outputs()?);
            Ok(Sender { node, partition: builder.task().partition, outputs, bytes: Vec::new() })
        };
        let (foreign_key, sender, again) = (Arc::clone(&foreign_key), sender(builder)?, sender(builder)?);
        if left {
            return Ok(BuiltNode::link::<K, Change<V>>(LeftJoin::<F, _> { foreign_key, sender }));
        }
        if builder.repeats_flaws() {
            return Ok(BuiltNode::link::<K, Change<V>>(InnerJoin::<K, F, _> { foreign_key, sender, doubts: None }));
        }
        let doubts = builder.beside::<Doubts<K>>(store)?;
        let asker = Asker { foreign_key: Arc::clone(&foreign_key), sender: again, rows: rows.make(builder)? };
        let at_commit = AskAtCommit { doubts: Rc::clone(&doubts), asker };
        builder.flush_at_commit(Rc::new(RefCell::new(at_commit)));
        Ok(BuiltNode::link::<K, Change<V>>(InnerJoin::<K, F, _> { foreign_key, sender, doubts: Some(doubts) }))
    })
}

/// Encodes and sends subscriptions.
struct Sender<F> {
    node: Arc<str>,
    partition: Partition,
    outputs: Outputs<Option<F>, Subscription>,
    bytes: Vec<u8>,
}

/// A row that subscribes, and where the record came from.
struct Subscriber {
    key: Bytes,
    hash: RowHash,
    timestamp: Timestamp,
    headers: Headers,
}

impl<F: Key> Sender<F> {
    fn subscriber(
        &mut self,
        key: &impl Value,
        row: Option<&impl Value>,
        timestamp: Timestamp,
        headers: Headers,
    ) -> Result<Subscriber, OperatorError> {
        let key = Bytes::copy_from_slice(self.encoded(key)?);
        let hash = row.map(|row| Ok(hash128(self.encoded(row)?))).transpose()?;
        Ok(Subscriber { key, hash, timestamp, headers })
    }

    /// Whether two foreign keys differ in their bytes, by which rows are found.
    fn differ(&mut self, was: &F, is: Option<&F>) -> Result<bool, OperatorError> {
        let Some(is) = is else { return Ok(true) };
        let was = self.encoded(was)?.to_vec();
        Ok(self.encoded(is)? != was)
    }

    fn send(
        &self,
        context: &mut Context,
        row: &Subscriber,
        foreign_key: Option<F>,
        instruction: Instruction,
    ) -> Result<(), OperatorError> {
        let Subscriber { key, hash, timestamp, headers } = row;
        let value = Subscription { hash: *hash, instruction, key: key.clone(), partition: Some(self.partition) };
        let (timestamp, headers) = (*timestamp, headers.clone());
        self.outputs.forward(context, Record { key: foreign_key, value, timestamp, headers })
    }

    fn encoded(&mut self, value: &impl Value) -> Result<&[u8], OperatorError> {
        self.bytes.clear();
        let encoded = value.encode(&mut self.bytes);
        encoded.map_err(|error: EncodeError| OperatorError::Encode { node: self.node.to_string(), error })?;
        Ok(&self.bytes)
    }
}

struct LeftJoin<F, E> {
    foreign_key: Arc<E>,
    sender: Sender<F>,
}

impl<K: Key, V: Value, F: Key, E: Fn(&K, &V) -> Option<F>> Next<K, Change<V>> for LeftJoin<F, E> {
    fn process(&mut self, context: &mut Context, record: Record<K, Change<V>>) -> Result<(), OperatorError> {
        let Record { key, value: Change { old, new, is_latest }, timestamp, headers } = record;
        if !is_latest {
            context.drop_record(&self.sender.node, DropReason::Outdated);
            return Ok(());
        }
        if old.is_none() && new.is_none() {
            return Ok(());
        }
        let was = old.and_then(|old| (self.foreign_key)(&key, &old));
        let is = new.as_ref().and_then(|new| (self.foreign_key)(&key, new));
        let row = self.sender.subscriber(&key, new.as_ref(), timestamp, headers)?;
        if let Some(was) = was
            && self.sender.differ(&was, is.as_ref())?
        {
            self.sender.send(context, &row, Some(was), Instruction::Delete)?;
        }
        self.sender.send(context, &row, is, Instruction::Answer)
    }
}

struct InnerJoin<K, F, E> {
    foreign_key: Arc<E>,
    sender: Sender<F>,
    /// Kafka Streams has none.
    doubts: Option<Rc<RefCell<Doubts<K>>>>,
}

impl<K: Key, V: Value, F: Key, E: Fn(&K, &V) -> Option<F>> Next<K, Change<V>> for InnerJoin<K, F, E> {
    /// What was joined before is not known, so where a result may have to be deleted, an answer is asked for.
    fn process(&mut self, context: &mut Context, record: Record<K, Change<V>>) -> Result<(), OperatorError> {
        let Record { key, value: Change { old, new, is_latest }, timestamp, headers } = record;
        if !is_latest {
            context.drop_record(&self.sender.node, DropReason::Outdated);
            return Ok(());
        }
        if old.is_none() && new.is_none() {
            return Ok(());
        }
        let was = old.and_then(|old| (self.foreign_key)(&key, &old));
        let is = new.as_ref().and_then(|new| (self.foreign_key)(&key, new));
        if new.is_some() && is.is_none() {
            context.drop_record(&self.sender.node, DropReason::NullForeignKey);
        }
        let row = self.sender.subscriber(&key, new.as_ref(), timestamp, headers)?;
        let is_certain = match (was, is) {
            (None, None) => false,
            (Some(was), None) => {
                self.sender.send(context, &row, Some(was), Instruction::DeleteAndAnswer)?;
                true
            }
            (Some(was), Some(is)) if self.sender.differ(&was, Some(&is))? => {
                self.sender.send(context, &row, Some(was), Instruction::Delete)?;
                self.sender.send(context, &row, Some(is), Instruction::Answer)?;
                true
            }
            (_, Some(is)) => {
                self.sender.send(context, &row, Some(is), Instruction::AnswerIfThere)?;
                false
            }
        };
        let Some(doubts) = &self.doubts else { return Ok(()) };
        let mut doubts = doubts.borrow_mut();
        if is_certain {
            doubts.will_be_answered(&row.key, row.hash)
        } else {
            doubts.may_not_be_answered(&row.key)
        }
        Ok(())
    }
}

struct Asker<K, V, F, E> {
    foreign_key: Arc<E>,
    sender: Sender<F>,
    rows: Box<dyn TableView<K, V>>,
}

impl<K: Key, V: Value, F: Key, E: Fn(&K, &V) -> Option<F>> AskAgain<K> for Asker<K, V, F, E> {
    fn ask_again(&mut self, context: &mut Context, key: &K) -> Result<(), OperatorError> {
        let row = self.rows.get_forwarded(key)?;
        let timestamp = row.as_ref().map_or(context.stream_time, |(_, time)| *time);
        let is = row.as_ref().and_then(|(row, _)| (self.foreign_key)(key, row));
        let row = self.sender.subscriber(key, row.as_ref().map(|(row, _)| row), timestamp, Headers::new())?;
        self.sender.send(context, &row, is, Instruction::Answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::foreign_key::resolve;
    use crate::operators::testing::{Chain, Word, at, headers};
    use crate::state::rows::Row;
    use crate::wire::foreign_key::Answer;
    use Instruction::{Answer as Always, AnswerIfThere, Delete, DeleteAndAnswer};

    type Subscribing = Chain<Word, Change<Word>, Option<Word>, Subscription>;

    /// A table with this row for every key.
    struct Fixed(Option<&'static str>);

    impl TableView<Word, Word> for Fixed {
        fn get(&mut self, _: &Word) -> Result<Option<Row<Word>>, OperatorError> {
            panic!("the other side knows what was forwarded")
        }

        fn get_forwarded(&mut self, _: &Word) -> Result<Option<Row<Word>>, OperatorError> {
            Ok(self.0.map(|row| (row.into(), Timestamp(7))))
        }
    }

    fn fixed(row: Option<&'static str>) -> TableViewRecipe<Word, Word> {
        TableViewRecipe::new(move |_| Ok(Box::new(Fixed(row))))
    }

    /// The foreign key follows the row's `>`.
    fn foreign_key(_: &Word, row: &Word) -> Option<Word> {
        row.0.split_once('>').map(|(_, key)| key.into())
    }

    fn subscribing(left: bool, row: Option<&'static str>) -> Subscribing {
        Chain::new(&super::recipe(foreign_key, fixed(row), (left, StoreId(5))))
    }

    fn update(old: Option<&str>, new: Option<&str>) -> Record<Word, Change<Word>> {
        at(3, "pk".into(), Change::latest(old.map(Word::from), new.map(Word::from)))
    }

    /// `SubscriptionSendProcessorSupplierTest`.
    #[test]
    fn each_update_gets_kafka_streams_instructions() {
        type Sent = &'static [(Option<&'static str>, Instruction)];
        let cases: [(Option<&str>, Option<&str>, Sent, Sent); 10] = [
            (None, None, &[], &[]),
            (None, Some("a>x"), &[(Some("x"), AnswerIfThere)], &[(Some("x"), Always)]),
            (None, Some("a"), &[], &[(None, Always)]),
            (Some("a>x"), Some("b>x"), &[(Some("x"), AnswerIfThere)], &[(Some("x"), Always)]),
            (
                Some("a>x"),
                Some("a>y"),
                &[(Some("x"), Delete), (Some("y"), Always)],
                &[(Some("x"), Delete), (Some("y"), Always)],
            ),
            (Some("a>x"), Some("b"), &[(Some("x"), DeleteAndAnswer)], &[(Some("x"), Delete), (None, Always)]),
            (Some("a>x"), None, &[(Some("x"), DeleteAndAnswer)], &[(Some("x"), Delete), (None, Always)]),
            (Some("a"), Some("b>x"), &[(Some("x"), AnswerIfThere)], &[(Some("x"), Always)]),
            (Some("a"), Some("b"), &[], &[(None, Always)]),
            (Some("a"), None, &[], &[(None, Always)]),
        ];
        for (old, new, inner, left) in cases {
            for (is_left, expected) in [(false, inner), (true, left)] {
                let mut chain = subscribing(is_left, None);
                let record = Record { headers: headers("h", "1"), ..update(old, new) };
                chain.send(record.clone());
                let hash = new.map(|new| hash128(new.as_bytes()));
                let expected: Vec<_> = expected
                    .iter()
                    .map(|(foreign_key, instruction)| {
                        let (key, partition) = (Bytes::from_static(b"pk"), Some(Partition(0)));
                        let value = Subscription { hash, instruction: *instruction, key, partition };
                        record.clone().with(foreign_key.map(Word::from), value)
                    })
                    .collect();
                assert_eq!(chain.received(), expected, "{old:?} to {new:?}, left: {is_left}");
                let dropped = u64::from(!is_left && new.is_some_and(|new| !new.contains('>')));
                assert_eq!(chain.context.dropped(DropReason::NullForeignKey), dropped);
            }
        }
    }

    /// KIP-914.
    #[test]
    fn an_earlier_version_of_a_row_is_dropped_and_counted() {
        for left in [false, true] {
            let mut chain = subscribing(left, None);
            let update = update(Some("a>x"), Some("b>y"));
            chain.send(Record { value: Change { is_latest: false, ..update.value }, ..update });
            assert_eq!((chain.received(), chain.context.dropped(DropReason::Outdated)), (vec![], 1));
        }
    }

    /// What `update` and then an ignored answer make the task ask at the next commit.
    fn asked(left: bool, last: Record<Word, Change<Word>>, answer: Option<&str>) -> Vec<(Option<Word>, Instruction)> {
        let row: Option<&'static str> = last.value.new.clone().map(|row| &*row.0.leak());
        let subscribe = super::recipe(foreign_key, fixed(row), (left, StoreId(5)));
        let resolve = resolve::recipe::<Word, Word, Word, Word>(fixed(row), (left, StoreId(5)), |row, _| Some(row));
        let (mut chain, resolver) =
            Subscribing::with_neighbour::<Word, Answer<Word>>(Default::default(), &subscribe, &resolve);
        chain.send(last);
        chain.received();
        let answer = Answer { hash: Some([9; 16]), row: answer.map(Word::from), to: None };
        resolver.borrow_mut().process(&mut chain.context, at(4, "pk".into(), answer)).unwrap();
        assert_eq!(chain.context.dropped(DropReason::StaleAnswer), 1);
        chain.flush();
        let sent = chain.received();
        chain.flush();
        assert_eq!(chain.received(), [], "once");
        sent.into_iter().map(|record| (record.key, record.value.instruction)).collect()
    }

    #[test]
    fn a_row_asks_again_if_it_ignored_that_there_is_no_other_row_and_may_get_no_answer() {
        let always = |key: Option<&str>| vec![(key.map(Word::from), Always)];
        for (old, new, expected) in [
            (Some("a>x"), Some("b>x"), always(Some("x"))),
            (None, Some("a>x"), always(Some("x"))),
            (None, Some("b"), always(None)),
            (Some("b"), None, always(None)),
            (Some("a>x"), Some("a>y"), vec![]),
            (Some("a>x"), Some("b"), vec![]),
            (Some("a>x"), None, vec![]),
        ] {
            assert_eq!(asked(false, update(old, new), None), expected, "{old:?} to {new:?}");
            assert_eq!(asked(false, update(old, new), Some("there")), [], "{old:?} to {new:?}");
            assert_eq!(asked(true, update(old, new), None), [], "a left join asks each time");
        }
    }
}
