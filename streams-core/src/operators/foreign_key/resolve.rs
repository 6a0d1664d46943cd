//! Foreign-key joins, last step: the left side joins the right side's answers with its rows.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::doubts::Doubts;
use crate::operators::{
    BuiltNode, Context, DropReason, Next, OperatorError, Outputs, Recipe, StoreId, TableView, TableViewRecipe,
};
use crate::record::Record;
use crate::wire::foreign_key::{Answer, RowHash};
use crate::wire::murmur3::hash128;
use crate::wire::{Key, Value};

/// Takes [`Answer`]s by key, forwards `Option<R>`: the result, or `None` if there is none.
///
/// An answer to a row that has changed since is dropped and counted: the row as it is now has subscribed itself. The
/// joiner is called only if there is still a row. `store` is the join's, and `left` says of which kind it is.
pub(crate) fn recipe<K: Key, V: Value, T: Value, R: Clone + 'static>(
    rows: TableViewRecipe<K, V>,
    (left, store): (bool, StoreId),
    joiner: impl Fn(V, Option<T>) -> Option<R> + Send + Sync + 'static,
) -> Recipe {
    let joiner = Arc::new(joiner);
    Recipe::new(move |builder| {
        let resolve = Resolve::<K, V, R, _> {
            node: Arc::clone(builder.name()),
            rows: rows.make(builder)?,
            joiner: Arc::clone(&joiner),
            doubts: if left || builder.repeats_flaws() { None } else { Some(builder.beside(store)?) },
            outputs: builder.outputs()?,
            bytes: Vec::new(),
        };
        Ok(BuiltNode::link::<K, Answer<T>>(resolve))
    })
}

struct Resolve<K, V, R, J> {
    node: Arc<str>,
    rows: Box<dyn TableView<K, V>>,
    joiner: Arc<J>,
    /// Those of an inner join; a left join always asks for an answer, and Kafka Streams has none.
    doubts: Option<Rc<RefCell<Doubts<K>>>>,
    outputs: Outputs<K, Option<R>>,
    bytes: Vec<u8>,
}

impl<K, V, T, R, J> Next<K, Answer<T>> for Resolve<K, V, R, J>
where
    K: Key,
    V: Value,
    T: Value,
    R: Clone,
    J: Fn(V, Option<T>) -> Option<R>,
{
    fn process(&mut self, context: &mut Context, record: Record<K, Answer<T>>) -> Result<(), OperatorError> {
        let Record { key, value: Answer { hash, row: answer, .. }, timestamp, headers } = record;
        let row = self.rows.get_forwarded(&key)?.map(|(row, _)| row);
        let is = row.as_ref().map(|row| Ok(hash128(self.encoded(row)?))).transpose()?;
        if hash != is {
            context.drop_record(&self.node, DropReason::StaleAnswer);
            return if answer.is_none() { self.ignore(key, is) } else { Ok(()) };
        }
        let value = row.and_then(|row| (self.joiner)(row, answer));
        self.outputs.forward(context, Record { key, value, timestamp, headers })
    }
}

impl<K: Key, V, R, J> Resolve<K, V, R, J> {
    /// Ignores the answer that there is no row on the right.
    fn ignore(&mut self, key: K, hash: RowHash) -> Result<(), OperatorError> {
        let Some(doubts) = self.doubts.clone() else { return Ok(()) };
        let encoded = self.encoded(&key)?.to_vec();
        doubts.borrow_mut().ignored(&encoded, key, hash);
        Ok(())
    }

    fn encoded(&mut self, value: &impl Value) -> Result<&[u8], OperatorError> {
        self.bytes.clear();
        let encoded = value.encode(&mut self.bytes);
        encoded.map_err(|error| OperatorError::Encode { node: self.node.to_string(), error })?;
        Ok(&self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::testing::{Chain, Word, at, headers};
    use crate::record::Timestamp;
    use crate::state::rows::Row;

    struct Fixed(Option<&'static str>);

    impl TableView<Word, Word> for Fixed {
        fn get(&mut self, _: &Word) -> Result<Option<Row<Word>>, OperatorError> {
            panic!("an answer is to what was forwarded")
        }

        fn get_forwarded(&mut self, _: &Word) -> Result<Option<Row<Word>>, OperatorError> {
            Ok(self.0.map(|row| (row.into(), Timestamp(7))))
        }
    }

    /// `ResponseJoinProcessorSupplierTest`.
    #[test]
    fn an_answer_is_joined_with_the_row_that_asked() {
        let of = |row: &str| Some(hash128(row.as_bytes()));
        let (result, deletion) = (|text: &str| Some(Some(Word::from(text))), Some(None));
        for (row, hash, answer, inner, left) in [
            (Some("a"), of("a"), Some("x"), result("a+x"), result("a+x")),
            (Some("a"), of("a"), None, deletion.clone(), result("a+-")),
            (None, None, None, deletion.clone(), deletion.clone()),
            (Some("b"), of("a"), Some("x"), None, None),
            (Some("b"), of("a"), None, None, None),
            (Some("b"), None, None, None, None),
            (None, of("a"), Some("x"), None, None),
        ] {
            for (is_left, expected) in [(false, inner), (true, left)] {
                let rows = TableViewRecipe::new(move |_| Ok(Box::new(Fixed(row)) as Box<dyn TableView<Word, Word>>));
                let recipe = super::recipe(rows, (is_left, StoreId(0)), move |row: Word, other: Option<Word>| {
                    let other =
                        if is_left { Some(other.map_or("-".to_owned(), |other| other.0)) } else { other.map(|o| o.0) };
                    Some(Word(format!("{}+{}", row.0, other?)))
                });
                let mut chain: Chain<Word, Answer<Word>, Word, Option<Word>> = Chain::new(&recipe);
                let answer = Answer { hash, row: answer.map(Word::from), to: None };
                let record = Record { headers: headers("h", "1"), ..at(5, "pk".into(), answer) };
                chain.send(record.clone());
                let dropped = u64::from(expected.is_none());
                let expected: Vec<_> =
                    expected.into_iter().map(|value| record.clone().with("pk".into(), value)).collect();
                assert_eq!(chain.received(), expected, "{row:?}, left: {is_left}");
                assert_eq!(chain.context.dropped(DropReason::StaleAnswer), dropped);
            }
        }
    }
}
