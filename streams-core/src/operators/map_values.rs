//! `map_values`: a new value for every record; the key stays, so no repartitioning is needed.

use std::sync::Arc;

use super::{BuiltNode, Context, Next, OperatorError, Outputs, Recipe};
use crate::record::Record;

/// Takes `Record<K, V>`, forwards `Record<K, V2>` with the same key, timestamp and headers.
pub(crate) fn recipe<K, V, V2>(mapper: impl Fn(&K, V) -> V2 + Send + Sync + 'static) -> Recipe
where
    K: Clone + 'static,
    V: 'static,
    V2: Clone + 'static,
{
    let mapper = Arc::new(mapper);
    Recipe::new(move |builder| {
        let map = MapValues { mapper: Arc::clone(&mapper), outputs: builder.outputs::<K, V2>()? };
        Ok(BuiltNode::link::<K, V>(map))
    })
}

struct MapValues<K, V2, F> {
    mapper: Arc<F>,
    outputs: Outputs<K, V2>,
}

impl<K: Clone, V, V2: Clone, F: Fn(&K, V) -> V2> Next<K, V> for MapValues<K, V2, F> {
    #[inline]
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        let value = (self.mapper)(&key, value);
        self.outputs.forward(context, Record { key, value, timestamp, headers })
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::{Chain, at};

    #[test]
    fn map_values_sees_the_key_and_keeps_it() {
        let recipe = super::recipe(|key: &&str, value: i32| format!("{key}={value}"));
        let mut chain = Chain::<&str, i32, &str, String>::new(&recipe);
        chain.send(at(1, "a", 5));
        chain.send(at(2, "b", 6));
        assert_eq!(chain.received(), [at(1, "a", "a=5".to_owned()), at(2, "b", "b=6".to_owned())]);
    }
}
