//! `select_key` and the key of `group_by`: a new key for every record; the value stays.

use std::sync::Arc;

use super::{BuiltNode, Context, Next, OperatorError, Outputs, Recipe};
use crate::record::Record;

/// Takes `Record<K, V>`, forwards `Record<K2, V>` with the same value, timestamp and headers.
pub(crate) fn recipe<K, V, K2>(mapper: impl Fn(&K, &V) -> K2 + Send + Sync + 'static) -> Recipe
where
    K: 'static,
    V: Clone + 'static,
    K2: Clone + 'static,
{
    let mapper = Arc::new(mapper);
    Recipe::new(move |builder| {
        let select = SelectKey { mapper: Arc::clone(&mapper), outputs: builder.outputs::<K2, V>()? };
        Ok(BuiltNode::link::<K, V>(select))
    })
}

struct SelectKey<K2, V, F> {
    mapper: Arc<F>,
    outputs: Outputs<K2, V>,
}

impl<K, V: Clone, K2: Clone, F: Fn(&K, &V) -> K2> Next<K, V> for SelectKey<K2, V, F> {
    #[inline]
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let key = (self.mapper)(&record.key, &record.value);
        let Record { value, timestamp, headers, .. } = record;
        self.outputs.forward(context, Record { key, value, timestamp, headers })
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::{Chain, at};

    #[test]
    fn select_key_replaces_the_key_only() {
        let recipe = super::recipe(|key: &&str, value: &i32| format!("{key}{value}"));
        let mut chain = Chain::<&str, i32, String, i32>::new(&recipe);
        chain.send(at(5, "a", 1));
        assert_eq!(chain.received(), [at(5, "a1".to_owned(), 1)]);
    }
}
