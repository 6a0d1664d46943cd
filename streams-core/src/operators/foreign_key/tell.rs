//! Foreign-key joins, fourth step: an update on the right is told to all rows that refer to it.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use super::answer::encoded;
use super::{LeftKey, Sent};
use crate::operators::{BuiltNode, Context, DropReason, Next, OperatorError, Outputs, Recipe, StoreId};
use crate::record::{Change, Record};
use crate::state::subscriptions::Subscriptions;
use crate::wire::foreign_key::Answer;
use crate::wire::{Key, Value};

/// How many subscriptions are read at once.
const PAGE: usize = 256;

/// Takes `Change<T>` by foreign key, forwards an [`Answer`] with the new row for each subscription to it.
pub(crate) fn recipe<K: Key, F: Key, T: Value>(store: StoreId) -> Recipe {
    Recipe::new(move |builder| {
        let tell = Tell::<K, T> {
            node: Arc::clone(builder.name()),
            store: builder.store(store, Subscriptions::new)?,
            outputs: builder.outputs()?,
            row: PhantomData,
        };
        Ok(BuiltNode::link::<F, Change<T>>(tell))
    })
}

struct Tell<K, T> {
    node: Arc<str>,
    store: Rc<RefCell<Subscriptions>>,
    outputs: Outputs<LeftKey<K>, Sent>,
    row: PhantomData<fn(T)>,
}

impl<K: Key, F: Key, T: Value> Next<F, Change<T>> for Tell<K, T> {
    fn process(&mut self, context: &mut Context, record: Record<F, Change<T>>) -> Result<(), OperatorError> {
        let Record { key, value: Change { new, is_latest, .. }, timestamp, headers } = record;
        if !is_latest {
            context.drop_record(&self.node, DropReason::Outdated);
            return Ok(());
        }
        let row = new.map(|row| encoded(&self.node, &row)).transpose()?;
        let mut from = None;
        loop {
            let page = self.store.borrow_mut().page(&key, from, PAGE);
            let (subscriptions, rest) = page.map_err(|error| OperatorError::rows(&self.node, error))?;
            for subscription in subscriptions {
                let value = Answer { hash: subscription.hash, row: row.clone(), to: subscription.partition };
                let (key, headers) = (LeftKey::new(subscription.key), headers.clone());
                self.outputs.forward(context, Record { key, value, timestamp, headers })?;
            }
            match rest {
                Some(rest) => from = Some(rest),
                None => return Ok(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::operators::foreign_key::keep;
    use crate::operators::testing::{Chain, Setup, SinkChain, Word, at};
    use crate::record::Partition;
    use crate::topic::TopicRef;
    use crate::windows::WindowSizes;
    use crate::wire::foreign_key::{Instruction, Subscription};

    /// Subscribes keys `0..rows` at `fk`, in the order of their bytes, and one at a key that begins alike.
    fn subscribed(rows: u32) -> Chain<Word, Change<Word>, LeftKey<Word>, Sent> {
        let (mut chain, keep) =
            Chain::<Word, Change<Word>, LeftKey<Word>, Sent>::with_neighbour::<Option<Word>, Subscription>(
                Setup::default(),
                &super::recipe::<Word, Word, Word>(StoreId(0)),
                &keep::recipe::<Word>(StoreId(0)),
            );
        for (key, foreign_key) in (0..rows).map(|row| (row, "fk")).chain([(9, "fkx"), (9, "f")]) {
            let (hash, key) = (Some([7; 16]), Bytes::copy_from_slice(&key.to_be_bytes()));
            let value = Subscription { hash, instruction: Instruction::Answer, key, partition: Some(Partition(1)) };
            keep.borrow_mut().process(&mut chain.context, at(1, Some(foreign_key.into()), value)).unwrap();
        }
        chain
    }

    #[test]
    fn an_update_is_told_to_all_subscribers_and_to_nobody_else() {
        for rows in [0, 3, 256, 600] {
            let mut chain = subscribed(rows);
            for row in [Some("row"), None] {
                chain.send(at(8, "fk".into(), Change::latest(None, row.map(Word::from))));
                let told: Vec<_> = chain
                    .received()
                    .into_iter()
                    .map(|record| {
                        (u32::from_be_bytes((&*record.key.0).try_into().unwrap()), record.value, record.timestamp.0)
                    })
                    .collect();
                let row = row.map(|row| Bytes::from_static(row.as_bytes()));
                let answer = Answer { hash: Some([7; 16]), row, to: Some(Partition(1)) };
                let expected: Vec<_> = (0..rows).map(|row| (row, answer.clone(), 8)).collect();
                assert_eq!(told, expected);
            }
        }
    }

    /// KIP-914.
    #[test]
    fn an_earlier_version_of_a_row_is_dropped_and_counted() {
        let mut chain = subscribed(3);
        let change = Change::latest(None, Some(Word::from("row")));
        chain.send(at(8, "fk".into(), Change { is_latest: false, ..change }));
        assert!(chain.received().is_empty());
        assert_eq!(chain.context.dropped(DropReason::Outdated), 1);
    }

    #[test]
    fn answers_go_where_the_subscriber_is_or_to_its_keys_partition() {
        let recipe = super::super::sink_recipe::<Word>(TopicRef::Internal("answers".into()), None, WindowSizes::NONE);
        let mut chain = SinkChain::<LeftKey<Word>, Sent>::new(&recipe, 5);
        for to in [Some(Partition(3)), None] {
            let answer = Answer { hash: None, row: Some(Bytes::from_static(b"row")), to };
            chain.send(at(1, LeftKey::new(Bytes::from_static(b"pk")), answer)).unwrap();
        }
        let by_key = crate::wire::murmur2::partition_of(b"pk", 5);
        let sent: Vec<_> = chain.sent().into_iter().map(|sent| (sent.partition, sent.key, sent.value)).collect();
        let message = |to| (to, Some(b"pk".to_vec()), Some(b"\x80row".to_vec()));
        assert_ne!(by_key, Partition(3));
        assert_eq!(sent, [message(Partition(3)), message(by_key)]);
    }
}
