//! `to_stream`: turns a table's changes into a stream's records.

use super::{BuiltNode, Context, Next, OperatorError, Outputs, Recipe};
use crate::record::{Change, Record};

/// Takes `Change<V>` by key, forwards `Record<K, Option<V>>`: the new row, or `None` for a deletion.
#[must_use]
pub(crate) fn recipe<K, V>() -> Recipe
where
    K: Clone + 'static,
    V: Clone + 'static,
{
    Recipe::new(|builder| Ok(BuiltNode::link::<K, Change<V>>(ToStream { outputs: builder.outputs::<K, Option<V>>()? })))
}

struct ToStream<K, V> {
    outputs: Outputs<K, Option<V>>,
}

impl<K: Clone, V: Clone> Next<K, Change<V>> for ToStream<K, V> {
    #[inline]
    fn process(&mut self, context: &mut Context, record: Record<K, Change<V>>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        self.outputs.forward(context, Record { key, value: value.new, timestamp, headers })
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::{Chain, at};
    use crate::record::Change;

    #[test]
    fn the_new_row_or_a_null_is_forwarded() {
        let mut chain = Chain::<i32, Change<i32>, i32, Option<i32>>::new(&super::recipe::<i32, i32>());
        chain.send(at(1, 7, Change::latest(Some(1), Some(2))));
        chain.send(at(2, 7, Change::latest(Some(2), None)));
        assert_eq!(chain.received(), [at(1, 7, Some(2)), at(2, 7, None)]);
    }
}
