//! `try_map` and its like: what may be refused turns each record into any number of new ones.

use std::error::Error;
use std::sync::Arc;

use super::{BuiltNode, Context, Next, OperatorError, Outputs, Recipe};
use crate::error_text;
use crate::record::Record;

/// Takes `Record<K, V>`, forwards the pairs that `work` makes of it in order, with the record's timestamp and headers.
/// If `work` refuses the record, nothing is forwarded.
pub(crate) fn recipe<K, V, K2, V2, I, E>(work: impl Fn(K, V) -> Result<I, E> + Send + Sync + 'static) -> Recipe
where
    K: 'static,
    V: 'static,
    K2: Clone + 'static,
    V2: Clone + 'static,
    I: IntoIterator<Item = (K2, V2)>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let work = Arc::new(work);
    Recipe::new(move |builder| {
        let node = Arc::clone(builder.name());
        let fallible = Fallible { node, work: Arc::clone(&work), outputs: builder.outputs::<K2, V2>()? };
        Ok(BuiltNode::link::<K, V>(fallible))
    })
}

struct Fallible<K2, V2, F> {
    node: Arc<str>,
    work: Arc<F>,
    outputs: Outputs<K2, V2>,
}

impl<K, V, K2, V2, I, E, F> Next<K, V> for Fallible<K2, V2, F>
where
    K2: Clone,
    V2: Clone,
    I: IntoIterator<Item = (K2, V2)>,
    E: Into<Box<dyn Error + Send + Sync>>,
    F: Fn(K, V) -> Result<I, E>,
{
    #[inline]
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        let made = (self.work)(key, value).map_err(|error| refused(&self.node, &*error.into()))?;
        for (key, value) in made {
            self.outputs.forward(context, Record { key, value, timestamp, headers: headers.clone() })?;
        }
        Ok(())
    }
}

/// The only place where the application's refusals arrive.
#[cold]
fn refused(node: &str, error: &(dyn Error + Send + Sync + 'static)) -> OperatorError {
    OperatorError::Refused { node: node.to_owned(), reason: error_text::told(error) }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::{Chain, at, headers};

    #[test]
    fn what_is_made_of_a_record_is_forwarded_in_order() {
        let recipe = super::recipe(|key: &'static str, count: i32| {
            Ok::<_, String>((0..count).map(|number| (number, key)).collect::<Vec<_>>())
        });
        let mut chain = Chain::<&str, i32, i32, &str>::new(&recipe);
        let mut record = at(3, "a", 2);
        record.headers = headers("trace", "x");
        chain.send(record);
        chain.send(at(4, "b", 0));
        let expected = [at(3, 0, "a"), at(3, 1, "a")].map(|mut record| {
            record.headers = headers("trace", "x");
            record
        });
        assert_eq!(chain.received(), expected);
    }

    #[test]
    fn a_refused_record_is_an_error_that_names_the_node_and_tells_the_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("no price")]
        struct NoPrice(#[source] std::num::ParseIntError);

        let recipe = super::recipe(|key: &'static str, price: &'static str| {
            price.parse::<i32>().map(|price| Some((key, price))).map_err(NoPrice)
        });
        let mut chain = Chain::<&str, &str, &str, i32>::new(&recipe);
        chain.send(at(1, "pen", "7"));
        let error = chain.try_send(at(2, "ink", "seven")).unwrap_err();
        let told = "NODE: the application refuses the record: no price: invalid digit found in string";
        assert_eq!(error.to_string(), told);
        assert_eq!(chain.received(), [at(1, "pen", 7)]);
    }
}
