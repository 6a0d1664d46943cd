//! `merge`, and every other node that forwards records unchanged.

use super::{BuiltNode, Context, Next, OperatorError, Outputs, Recipe};
use crate::record::Record;

/// Takes `Record<K, V>` from any number of parents and forwards it.
#[must_use]
pub(crate) fn recipe<K, V>() -> Recipe
where
    K: Clone + 'static,
    V: Clone + 'static,
{
    Recipe::new(|builder| Ok(BuiltNode::link(Merge { outputs: builder.outputs::<K, V>()? })))
}

struct Merge<K, V> {
    outputs: Outputs<K, V>,
}

impl<K: Clone, V: Clone> Next<K, V> for Merge<K, V> {
    #[inline]
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        self.outputs.forward(context, record)
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::{Chain, at};

    #[test]
    fn every_child_gets_every_record() {
        let mut chain = Chain::<i32, String, i32, String>::with_children(&super::recipe::<i32, String>(), 3);
        chain.send(at(1, 1, "a".to_owned()));
        for child in 0..3 {
            assert_eq!(chain.received_by(child), [at(1, 1, "a".to_owned())], "child {child}");
        }
    }
}
