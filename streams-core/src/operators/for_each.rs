//! `for_each`: shows every record to a closure and ends the stream.

use std::sync::Arc;

use super::{BuiltNode, Context, Next, OperatorError, Recipe};
use crate::record::Record;

/// Calls `look` with every record. Takes `Record<K, V>`, forwards nothing.
pub(crate) fn recipe<K, V>(look: impl Fn(&K, &V) + Send + Sync + 'static) -> Recipe
where
    K: 'static,
    V: 'static,
{
    let look = Arc::new(look);
    Recipe::new(move |_| Ok(BuiltNode::link::<K, V>(ForEach { look: Arc::clone(&look) })))
}

struct ForEach<F> {
    look: Arc<F>,
}

impl<K, V, F: Fn(&K, &V)> Next<K, V> for ForEach<F> {
    #[inline]
    fn process(&mut self, _context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        (self.look)(&record.key, &record.value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use crate::operators::testing::{Chain, at};

    #[test]
    fn for_each_sees_every_record_and_forwards_none() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let looking = Arc::clone(&seen);
        let recipe = super::recipe(move |key: &i32, value: &i32| looking.lock().unwrap().push((*key, *value)));
        let mut chain = Chain::<i32, i32, i32, i32>::new(&recipe);
        chain.send(at(1, 1, 10));
        chain.send(at(2, 2, 20));
        assert_eq!(*seen.lock().unwrap(), [(1, 10), (2, 20)]);
        assert_eq!(chain.received(), []);
    }
}
