//! `flat_map_values`: turns every record into any number of records with the same key.

use std::sync::Arc;

use super::{BuiltNode, Context, Next, OperatorError, Outputs, Recipe};
use crate::record::Record;

/// Takes `Record<K, V>`, forwards the mapper's values in order, with the record's key, timestamp and headers.
pub(crate) fn recipe<K, V, V2>(mapper: impl Fn(&K, V) -> Vec<V2> + Send + Sync + 'static) -> Recipe
where
    K: Clone + 'static,
    V: 'static,
    V2: Clone + 'static,
{
    let mapper = Arc::new(mapper);
    Recipe::new(move |builder| {
        let map = FlatMapValues { mapper: Arc::clone(&mapper), outputs: builder.outputs::<K, V2>()? };
        Ok(BuiltNode::link::<K, V>(map))
    })
}

struct FlatMapValues<K, V2, F> {
    mapper: Arc<F>,
    outputs: Outputs<K, V2>,
}

impl<K: Clone, V, V2: Clone, F: Fn(&K, V) -> Vec<V2>> Next<K, V> for FlatMapValues<K, V2, F> {
    #[inline]
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        let mut values = (self.mapper)(&key, value).into_iter();
        let Some(mut value) = values.next() else { return Ok(()) };
        for next in values {
            let record = Record { key: key.clone(), value, timestamp, headers: headers.clone() };
            self.outputs.forward(context, record)?;
            value = next;
        }
        self.outputs.forward(context, Record { key, value, timestamp, headers })
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::{Chain, at};

    #[test]
    fn flat_map_values_forwards_all_values_under_the_same_key() {
        let recipe =
            super::recipe(|_: &i32, line: &'static str| line.split(' ').filter(|word| !word.is_empty()).collect());
        let mut chain = Chain::<i32, &str, i32, &str>::new(&recipe);
        chain.send(at(1, 7, "to be or"));
        chain.send(at(2, 8, ""));
        chain.send(at(3, 9, "one"));
        assert_eq!(chain.received(), [at(1, 7, "to"), at(1, 7, "be"), at(1, 7, "or"), at(3, 9, "one")]);
    }
}
