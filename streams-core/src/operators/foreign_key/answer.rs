//! Foreign-key joins, third step: a subscription is answered with the row that it is for.

use std::sync::Arc;

use bytes::Bytes;

use super::{LeftKey, Sent};
use crate::operators::{BuiltNode, Context, Next, OperatorError, Outputs, Recipe, TableView, TableViewRecipe};
use crate::record::Record;
use crate::wire::foreign_key::{Answer, Instruction, Subscription};
use crate::wire::{Key, Value};

/// Takes `Subscription`s by foreign key, forwards [`Answer`]s by the left side's encoded keys, with the later timestamp
/// of subscription and row.
pub(crate) fn recipe<K: Key, F: Key, T: Value>(rows: TableViewRecipe<F, T>) -> Recipe {
    Recipe::new(move |builder| {
        let answer = AnswerThem::<K, F, T> {
            node: Arc::clone(builder.name()),
            rows: rows.make(builder)?,
            outputs: builder.outputs()?,
        };
        Ok(BuiltNode::link::<Option<F>, Subscription>(answer))
    })
}

struct AnswerThem<K, F, T> {
    node: Arc<str>,
    rows: Box<dyn TableView<F, T>>,
    outputs: Outputs<LeftKey<K>, Sent>,
}

impl<K: Key, F: Key, T: Value> Next<Option<F>, Subscription> for AnswerThem<K, F, T> {
    fn process(&mut self, context: &mut Context, record: Record<Option<F>, Subscription>) -> Result<(), OperatorError> {
        let Record { key, value: Subscription { hash, instruction, key: left, partition }, timestamp, headers } =
            record;
        let row = match &key {
            Some(key) => self.rows.get_forwarded(key)?,
            None => None,
        };
        let timestamp = row.as_ref().map_or(timestamp, |(_, time)| timestamp.max(*time));
        let row = match instruction {
            Instruction::Delete => return Ok(()),
            Instruction::AnswerIfThere if row.is_none() => return Ok(()),
            Instruction::DeleteAndAnswer => None,
            Instruction::Answer | Instruction::AnswerIfThere => row.map(|(row, _)| row),
        };
        let row = row.map(|row| encoded(&self.node, &row)).transpose()?;
        let value = Answer { hash, row, to: partition };
        self.outputs.forward(context, Record { key: LeftKey::new(left), value, timestamp, headers })
    }
}

/// A row of the right side, as it is sent.
pub(super) fn encoded(node: &str, row: &impl Value) -> Result<Bytes, OperatorError> {
    let mut bytes = Vec::new();
    row.encode(&mut bytes).map_err(|error| OperatorError::Encode { node: node.to_owned(), error })?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::testing::{Chain, Word, at};
    use crate::record::{Partition, Timestamp};
    use crate::state::rows::Row;

    /// A table that has a row for `there`, from time 9.
    struct Rows;

    impl TableView<Word, Word> for Rows {
        fn get(&mut self, _: &Word) -> Result<Option<Row<Word>>, OperatorError> {
            panic!("what was forwarded is told")
        }

        fn get_forwarded(&mut self, key: &Word) -> Result<Option<Row<Word>>, OperatorError> {
            Ok((key.0 == "there").then(|| ("row".into(), Timestamp(9))))
        }
    }

    /// `SubscriptionJoinProcessorSupplierTest`.
    #[test]
    fn each_instruction_gets_its_answer() {
        use Instruction::{Answer as Always, AnswerIfThere, Delete, DeleteAndAnswer};
        let (row, nothing) = (Some(Some("row")), Some(None));
        for (key, instruction, time, expected) in [
            (Some("there"), Delete, 5, None),
            (Some("there"), DeleteAndAnswer, 5, nothing),
            (Some("there"), Always, 5, row),
            (Some("there"), AnswerIfThere, 12, row),
            (Some("gone"), Delete, 5, None),
            (Some("gone"), DeleteAndAnswer, 5, nothing),
            (Some("gone"), Always, 5, nothing),
            (Some("gone"), AnswerIfThere, 5, None),
            (None, Always, 5, nothing),
        ] {
            let rows = TableViewRecipe::new(|_| Ok(Box::new(Rows) as Box<dyn TableView<Word, Word>>));
            let mut chain: Chain<Option<Word>, Subscription, LeftKey<Word>, Sent> =
                Chain::new(&super::recipe::<Word, Word, Word>(rows));
            let (left, to) = (Bytes::from_static(b"pk"), Some(Partition(2)));
            let value = Subscription { hash: Some([3; 16]), instruction, key: left.clone(), partition: to };
            chain.send(at(time, key.map(Word::from), value));
            let received: Vec<_> = chain
                .received()
                .into_iter()
                .map(|record| (record.key.0.clone(), record.value.clone(), record.timestamp.0))
                .collect();
            let time = if key == Some("there") { time.max(9) } else { time };
            let answer = |row: Option<&'static str>| {
                let row = row.map(|row| Bytes::from_static(row.as_bytes()));
                (left.clone(), Answer { hash: Some([3; 16]), row, to }, time)
            };
            assert_eq!(received, expected.map(answer).into_iter().collect::<Vec<_>>(), "{key:?} {instruction:?}");
        }
    }
}
