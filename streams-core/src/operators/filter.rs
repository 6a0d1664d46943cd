//! `filter` and `filter_not`: keep the records that satisfy a predicate, or those that do not.

use std::sync::Arc;

use super::{BuiltNode, Context, Next, OperatorError, Outputs, Recipe};
use crate::record::Record;

/// Keeps the records for which `predicate` returns `keep`. Takes and forwards `Record<K, V>`.
pub(crate) fn recipe<K, V>(keep: bool, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Recipe
where
    K: Clone + 'static,
    V: Clone + 'static,
{
    let predicate = Arc::new(predicate);
    Recipe::new(move |builder| {
        Ok(BuiltNode::link(Filter { keep, predicate: Arc::clone(&predicate), outputs: builder.outputs::<K, V>()? }))
    })
}

struct Filter<K, V, F> {
    keep: bool,
    predicate: Arc<F>,
    outputs: Outputs<K, V>,
}

impl<K: Clone, V: Clone, F: Fn(&K, &V) -> bool> Next<K, V> for Filter<K, V, F> {
    #[inline]
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        if (self.predicate)(&record.key, &record.value) == self.keep {
            self.outputs.forward(context, record)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::{Chain, at};

    #[test]
    fn filter_keeps_what_filter_not_drops() {
        for (keep, expected) in [(true, vec![("b", 2), ("d", 4)]), (false, vec![("a", 1), ("c", 3)])] {
            let recipe = super::recipe(keep, |_: &&str, value: &i32| value % 2 == 0);
            let mut chain = Chain::<&str, i32, &str, i32>::new(&recipe);
            for (key, value) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
                chain.send(at(7, key, value));
            }
            let expected: Vec<_> = expected.into_iter().map(|(key, value)| at(7, key, value)).collect();
            assert_eq!(chain.received(), expected, "keep: {keep}");
        }
    }
}
