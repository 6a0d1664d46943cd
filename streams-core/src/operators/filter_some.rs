//! `filter_some`: keeps the records that have a value, and unwraps the `Option`.

use super::{BuiltNode, Context, Next, OperatorError, Outputs, Recipe};
use crate::record::Record;

/// Takes `Record<K, Option<V>>`, forwards `Record<K, V>`.
pub(crate) fn recipe<K, V>() -> Recipe
where
    K: Clone + 'static,
    V: Clone + 'static,
{
    Recipe::new(|builder| Ok(BuiltNode::link(FilterSome { outputs: builder.outputs::<K, V>()? })))
}

struct FilterSome<K, V> {
    outputs: Outputs<K, V>,
}

impl<K: Clone, V: Clone> Next<K, Option<V>> for FilterSome<K, V> {
    #[inline]
    fn process(&mut self, context: &mut Context, record: Record<K, Option<V>>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        match value {
            Some(value) => self.outputs.forward(context, Record { key, value, timestamp, headers }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::{Chain, at, headers};

    #[test]
    fn filter_some_drops_nulls_and_changes_nothing_else() {
        let mut chain = Chain::<&str, Option<i32>, &str, i32>::new(&super::recipe::<&str, i32>());
        let mut traced = at(3, "c", Some(3));
        traced.headers = headers("trace", "x");
        for record in [at(1, "a", Some(1)), at(2, "b", None), traced] {
            chain.send(record);
        }
        let mut expected = [at(1, "a", 1), at(3, "c", 3)];
        expected[1].headers = headers("trace", "x");
        assert_eq!(chain.received(), expected);
    }
}
