//! `peek`: shows every record to a closure and forwards it.

use std::sync::Arc;

use super::{BuiltNode, Context, Next, OperatorError, Outputs, Recipe};
use crate::record::Record;

/// Calls `look` with every record. Takes and forwards `Record<K, V>`.
pub(crate) fn recipe<K, V>(look: impl Fn(&K, &V) + Send + Sync + 'static) -> Recipe
where
    K: Clone + 'static,
    V: Clone + 'static,
{
    let look = Arc::new(look);
    Recipe::new(move |builder| {
        Ok(BuiltNode::link(Peek { look: Arc::clone(&look), outputs: builder.outputs::<K, V>()? }))
    })
}

struct Peek<K, V, F> {
    look: Arc<F>,
    outputs: Outputs<K, V>,
}

impl<K: Clone, V: Clone, F: Fn(&K, &V)> Next<K, V> for Peek<K, V, F> {
    #[inline]
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        (self.look)(&record.key, &record.value);
        self.outputs.forward(context, record)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use crate::operators::testing::{Chain, at};

    #[test]
    fn peek_sees_every_record_and_forwards_it_unchanged() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let looking = Arc::clone(&seen);
        let recipe = super::recipe(move |key: &i32, value: &i32| looking.lock().unwrap().push((*key, *value)));
        let mut chain = Chain::<i32, i32, i32, i32>::new(&recipe);
        chain.send(at(1, 1, 10));
        chain.send(at(2, 2, 20));
        assert_eq!(*seen.lock().unwrap(), [(1, 10), (2, 20)]);
        assert_eq!(chain.received(), [at(1, 1, 10), at(2, 2, 20)]);
    }
}
