//! `split` into branches: each record goes to the first branch whose predicate it satisfies.

use std::sync::Arc;

use super::{BuiltNode, Context, Link, Next, OperatorError, Recipe, pass};
use crate::record::Record;

/// Decides whether a record belongs to a branch.
pub(crate) type Predicate<K, V> = Arc<dyn Fn(&K, &V) -> bool + Send + Sync>;

/// Child `i` gets the records that satisfy predicate `i` and none before it. If there is one more child than
/// predicates, the last child gets the remaining records; otherwise they are dropped. That is not counted as a drop,
/// because the program asked for it.
#[must_use]
pub(crate) fn recipe<K, V>(predicates: Vec<Predicate<K, V>>) -> Recipe
where
    K: 'static,
    V: 'static,
{
    Recipe::new(move |builder| {
        let children = builder.children();
        if children != predicates.len() && children != predicates.len() + 1 {
            return Err(builder.error(format!("{} predicates, but {children} branches", predicates.len())));
        }
        let branches = (predicates.iter().enumerate())
            .map(|(index, predicate)| Ok((Arc::clone(predicate), builder.output(index)?)))
            .collect::<Result<_, _>>()?;
        let rest = if children > predicates.len() { Some(builder.output(predicates.len())?) } else { None };
        Ok(BuiltNode::link::<K, V>(Branch { branches, rest }))
    })
}

struct Branch<K, V> {
    branches: Vec<(Predicate<K, V>, Link<K, V>)>,
    rest: Option<Link<K, V>>,
}

impl<K, V> Next<K, V> for Branch<K, V> {
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let branch = self.branches.iter().find(|(predicate, _)| predicate(&record.key, &record.value));
        match branch.map(|(_, child)| child).or(self.rest.as_ref()) {
            Some(child) => pass(child, context, record),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Predicate;
    use crate::operators::testing::{Chain, at, values};

    fn predicates() -> Vec<Predicate<i32, i32>> {
        vec![Arc::new(|_, value| *value > 10), Arc::new(|_, value| value % 2 == 0)]
    }

    #[test]
    fn the_first_predicate_that_holds_decides_and_the_last_child_gets_the_rest() {
        for (children, expected) in
            [(2, vec![vec![12, 13], vec![2, 4]]), (3, vec![vec![12, 13], vec![2, 4], vec![1, 3]])]
        {
            let mut chain = Chain::<i32, i32, i32, i32>::with_children(&super::recipe(predicates()), children);
            for value in [1, 2, 3, 4, 12, 13] {
                chain.send(at(0, 0, value));
            }
            for (child, expected) in expected.iter().enumerate() {
                assert_eq!(&values(&chain.received_by(child)), expected, "child {child} of {children}");
            }
        }
    }

    #[test]
    fn too_few_children_are_an_error_of_the_build() {
        let error = Chain::<i32, i32, i32, i32>::try_new(&super::recipe(predicates()), 1).err().unwrap();
        assert_eq!(error.to_string(), "cannot build node NODE: 2 predicates, but 1 branches");
    }
}
