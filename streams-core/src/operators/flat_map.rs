//! `flat_map`: turns every record into any number of new ones.

use std::sync::Arc;

use super::{BuiltNode, Context, Next, OperatorError, Outputs, Recipe};
use crate::record::Record;

/// Takes `Record<K, V>`, forwards the mapper's pairs in order, with the record's timestamp and headers.
pub(crate) fn recipe<K, V, K2, V2>(mapper: impl Fn(K, V) -> Vec<(K2, V2)> + Send + Sync + 'static) -> Recipe
where
    K: 'static,
    V: 'static,
    K2: Clone + 'static,
    V2: Clone + 'static,
{
    let mapper = Arc::new(mapper);
    Recipe::new(move |builder| {
        let map = FlatMap { mapper: Arc::clone(&mapper), outputs: builder.outputs::<K2, V2>()? };
        Ok(BuiltNode::link::<K, V>(map))
    })
}

struct FlatMap<K2, V2, F> {
    mapper: Arc<F>,
    outputs: Outputs<K2, V2>,
}

impl<K, V, K2: Clone, V2: Clone, F: Fn(K, V) -> Vec<(K2, V2)>> Next<K, V> for FlatMap<K2, V2, F> {
    #[inline]
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        for (key, value) in (self.mapper)(key, value) {
            self.outputs.forward(context, Record { key, value, timestamp, headers: headers.clone() })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::{Chain, at};

    #[test]
    fn flat_map_forwards_all_pairs_in_order_or_none() {
        let recipe = super::recipe(|key: &'static str, count: i32| (0..count).map(|n| (n, key)).collect());
        let mut chain = Chain::<&str, i32, i32, &str>::new(&recipe);
        chain.send(at(3, "a", 2));
        chain.send(at(4, "b", 0));
        assert_eq!(chain.received(), [at(3, 0, "a"), at(3, 1, "a")]);
    }
}
