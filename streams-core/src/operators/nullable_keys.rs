//! Keys that cannot be null, for nodes whose keys may be: the link between the two, which is no node.

use std::cell::RefCell;
use std::rc::Rc;

use super::{BuiltNode, Context, Link, Next, OperatorError, Recipe};
use crate::record::Record;

/// Makes a node that takes keys of `Option<K>` also take keys of `K`.
#[must_use]
pub(crate) fn accepting<K: 'static, V: 'static>(node: Recipe) -> Recipe {
    node.around(move |node, builder| {
        Ok(match node.build(builder)? {
            BuiltNode::Inner(links) => BuiltNode::Inner(
                links.or_with_certain_keys(|node: Link<Option<K>, V>| Rc::new(RefCell::new(CertainKeys { node })) as _),
            ),
            source @ BuiltNode::Source(_) => source,
        })
    })
}

struct CertainKeys<K, V> {
    node: Link<Option<K>, V>,
}

impl<K, V> Next<K, V> for CertainKeys<K, V> {
    #[inline]
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        self.node.borrow_mut().process(context, Record { key: Some(key), value, timestamp, headers })
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::merge;
    use crate::operators::testing::{Chain, at};

    #[test]
    fn a_node_takes_both_kinds_of_keys() {
        let node = super::accepting::<i32, &str>(merge::recipe::<Option<i32>, &str>());
        let mut certain = Chain::<i32, &str, Option<i32>, &str>::new(&node);
        certain.send(at(1, 7, "a"));
        assert_eq!(certain.received(), [at(1, Some(7), "a")]);
        let mut nullable = Chain::<Option<i32>, &str, Option<i32>, &str>::new(&node);
        nullable.send(at(1, None, "a"));
        nullable.send(at(2, Some(7), "b"));
        assert_eq!(nullable.received(), [at(1, None, "a"), at(2, Some(7), "b")]);
    }
}
