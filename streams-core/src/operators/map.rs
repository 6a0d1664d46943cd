//! `map`: a new key and a new value for every record.

use std::sync::Arc;

use super::{BuiltNode, Context, Next, OperatorError, Outputs, Recipe};
use crate::record::Record;

/// Takes `Record<K, V>`, forwards `Record<K2, V2>` with the same timestamp and headers.
pub(crate) fn recipe<K, V, K2, V2>(mapper: impl Fn(K, V) -> (K2, V2) + Send + Sync + 'static) -> Recipe
where
    K: 'static,
    V: 'static,
    K2: Clone + 'static,
    V2: Clone + 'static,
{
    let mapper = Arc::new(mapper);
    Recipe::new(move |builder| {
        let map = Map { mapper: Arc::clone(&mapper), outputs: builder.outputs::<K2, V2>()? };
        Ok(BuiltNode::link::<K, V>(map))
    })
}

struct Map<K2, V2, F> {
    mapper: Arc<F>,
    outputs: Outputs<K2, V2>,
}

impl<K, V, K2: Clone, V2: Clone, F: Fn(K, V) -> (K2, V2)> Next<K, V> for Map<K2, V2, F> {
    #[inline]
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let (key, value) = (self.mapper)(record.key, record.value);
        let mapped = Record { key, value, timestamp: record.timestamp, headers: record.headers };
        self.outputs.forward(context, mapped)
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::{Chain, at, headers};

    #[test]
    fn map_replaces_key_and_value_and_keeps_timestamp_and_headers() {
        let recipe = super::recipe(|key: &'static str, value: i32| (value, format!("{key}{value}")));
        let mut chain = Chain::<&str, i32, i32, String>::new(&recipe);
        let mut record = at(9, "a", 1);
        record.headers = headers("trace", "x");
        chain.send(record);
        let mut expected = at(9, 1, "a1".to_owned());
        expected.headers = headers("trace", "x");
        assert_eq!(chain.received(), [expected]);
    }
}
