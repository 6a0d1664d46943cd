//! Foreign-key joins, second step: subscriptions are kept in the task of the key that they are for.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::operators::{BuiltNode, Context, DropReason, Next, OperatorError, Outputs, Recipe, StoreId};
use crate::record::Record;
use crate::state::subscriptions::Subscriptions;
use crate::wire::Key;
use crate::wire::foreign_key::{Instruction, Subscription};

/// Takes and forwards `Subscription`s by foreign key, and keeps or deletes them in the store. Those without a key only
/// ask for an answer and are not kept.
pub(crate) fn recipe<F: Key>(store: StoreId) -> Recipe {
    Recipe::new(move |builder| {
        let keep = Keep::<F> {
            node: Arc::clone(builder.name()),
            store: builder.store(store, Subscriptions::new)?,
            outputs: builder.outputs()?,
        };
        Ok(BuiltNode::link::<Option<F>, Subscription>(keep))
    })
}

struct Keep<F> {
    node: Arc<str>,
    store: Rc<RefCell<Subscriptions>>,
    outputs: Outputs<Option<F>, Subscription>,
}

impl<F: Key> Next<Option<F>, Subscription> for Keep<F> {
    fn process(&mut self, context: &mut Context, record: Record<Option<F>, Subscription>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = &record;
        match key {
            Some(key) => self
                .store
                .borrow_mut()
                .take(key, value, *timestamp, headers)
                .map_err(|error| OperatorError::rows(&self.node, error))?,
            None if value.instruction == Instruction::Answer => {}
            None => {
                context.drop_record(&self.node, DropReason::NullForeignKey);
                return Ok(());
            }
        }
        self.outputs.forward(context, record)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::operators::testing::{Chain, Word, at};
    use crate::record::Partition;
    use crate::state::timestamped::timestamped;
    use crate::wire::Value;

    type Kept = Chain<Option<Word>, Subscription, Option<Word>, Subscription>;

    fn subscription(instruction: Instruction) -> Subscription {
        Subscription { hash: None, instruction, key: Bytes::from_static(b"pk"), partition: Some(Partition(2)) }
    }

    #[test]
    fn a_subscription_is_kept_under_both_keys_until_it_is_deleted() {
        for (keeps, deletes) in
            [(Instruction::Answer, Instruction::Delete), (Instruction::AnswerIfThere, Instruction::DeleteAndAnswer)]
        {
            let mut chain = Kept::new(&super::recipe::<Word>(StoreId(0)));
            let (kept, deleted) =
                (at(5, Some("fk".into()), subscription(keeps)), at(6, Some("fk".into()), subscription(deletes)));
            chain.send(kept.clone());
            let (key, mut value) = (b"\0\0\0\x02fkpk".to_vec(), Vec::new());
            kept.value.encode(&mut value).unwrap();
            assert_eq!(chain.stored(0), [(key.clone(), timestamped(kept.timestamp, &value))]);
            assert_eq!(chain.logged(0), [(key.clone(), Some(value), 5)]);
            chain.send(deleted.clone());
            assert_eq!((chain.stored(0), chain.logged(0)), (vec![], vec![(key, None, 6)]));
            assert_eq!(chain.received(), [kept, deleted]);
        }
    }

    #[test]
    fn without_a_foreign_key_only_a_question_is_passed_on() {
        let mut chain = Kept::new(&super::recipe::<Word>(StoreId(0)));
        for instruction in
            [Instruction::Delete, Instruction::DeleteAndAnswer, Instruction::AnswerIfThere, Instruction::Answer]
        {
            chain.send(at(5, None, subscription(instruction)));
        }
        assert_eq!(chain.received(), [at(5, None, subscription(Instruction::Answer))]);
        assert_eq!((chain.stored(0), chain.context.dropped(DropReason::NullForeignKey)), (vec![], 3));
    }
}
