//! Joins with a global table: a key computed from each record selects the row to join it with.

use std::marker::PhantomData;
use std::sync::Arc;

use super::{BuiltNode, Context, DropReason, Next, OperatorError, Outputs, Recipe, StoreId};
use crate::record::Record;
use crate::state::timestamped::split_timestamped;
use crate::state::{GlobalStore, StoreError, StoreErrorKind};
use crate::wire::{Key, MaybeNull, Value};

/// Takes `Record<K, V>`, forwards `Record<K, R>` with the same key, timestamp and headers.
///
/// A record with a null value is dropped and counted. So is one for which the mapper returns no key, unless the join
/// is `left`: it is then joined with `None`. If the joiner returns `None`, as an inner join's does without a row,
/// nothing is forwarded. The stream and the global table are not synchronised in time.
pub(crate) fn recipe<K, V, GK, T, R>(
    store: StoreId,
    mapper: impl Fn(&K, &V::Inner) -> Option<GK> + Send + Sync + 'static,
    left: bool,
    joiner: impl Fn(&K, V::Inner, Option<T>) -> Option<R> + Send + Sync + 'static,
) -> Recipe
where
    K: Clone + 'static,
    V: MaybeNull,
    GK: Key,
    T: Value,
    R: Clone + 'static,
{
    let functions = Arc::new((mapper, joiner));
    Recipe::new(move |builder| {
        let rows = GlobalRows { store: builder.global_store(store)?, key: Vec::new(), types: PhantomData };
        let (node, outputs) = (Arc::clone(builder.name()), builder.outputs()?);
        let join = Join::<K, V, GK, T, R, _> {
            node,
            rows,
            left,
            functions: Arc::clone(&functions),
            outputs,
            value: PhantomData,
        };
        Ok(BuiltNode::link::<K, V>(join))
    })
}

struct Join<K, V, GK, T, R, F> {
    node: Arc<str>,
    rows: GlobalRows<GK, T>,
    left: bool,
    functions: Arc<F>,
    outputs: Outputs<K, R>,
    value: PhantomData<fn(V)>,
}

impl<K, V, GK, T, R, M, J> Next<K, V> for Join<K, V, GK, T, R, (M, J)>
where
    K: Clone,
    V: MaybeNull,
    GK: Key,
    T: Value,
    R: Clone,
    M: Fn(&K, &V::Inner) -> Option<GK>,
    J: Fn(&K, V::Inner, Option<T>) -> Option<R>,
{
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let (mapper, joiner) = &*self.functions;
        let Record { key, value, timestamp, headers } = record;
        let Some(value) = value.into_option() else {
            context.drop_record(&self.node, DropReason::NullValue);
            return Ok(());
        };
        let row = match mapper(&key, &value) {
            Some(table_key) => self.rows.get(&self.node, &table_key)?,
            None if self.left => None,
            None => {
                context.drop_record(&self.node, DropReason::NullKey);
                return Ok(());
            }
        };
        let Some(value) = joiner(&key, value, row) else { return Ok(()) };
        self.outputs.forward(context, Record { key, value, timestamp, headers })
    }
}

/// A global table's typed rows.
struct GlobalRows<GK, T> {
    store: Arc<GlobalStore>,
    key: Vec<u8>,
    types: PhantomData<fn(GK) -> T>,
}

impl<GK: Key, T: Value> GlobalRows<GK, T> {
    fn get(&mut self, node: &str, key: &GK) -> Result<Option<T>, OperatorError> {
        self.key.clear();
        key.encode(&mut self.key).map_err(|error| OperatorError::Encode { node: node.to_owned(), error })?;
        let row = self.store.get(&self.key).map_err(|error| OperatorError::Store { node: node.to_owned(), error })?;
        row.map(|row| self.decode(node, &row)).transpose()
    }

    fn decode(&self, node: &str, row: &[u8]) -> Result<T, OperatorError> {
        let reason = match split_timestamped(row).map(|(_, value)| T::decode(value)) {
            Some(Ok(value)) => return Ok(value),
            Some(Err(error)) => error.to_string(),
            None => "it is shorter than its timestamp".to_owned(),
        };
        let message = format!(
            "the global table {} holds a row that cannot be read: {reason}; check that its topic holds what its              types say",
            self.store.name()
        );
        Err(OperatorError::Store { node: node.to_owned(), error: StoreError::new(StoreErrorKind::Decode, message) })
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::{Chain, Num, Setup, Word, at};
    use crate::operators::{DropReason, StoreId};
    use crate::record::Timestamp;
    use crate::state::timestamped::timestamped;

    type Joined = Chain<Option<Word>, Option<Word>, Option<Word>, String>;

    /// The table has a = 1; the join key is the value up to `:`, or no key if that is empty.
    fn joined(left: bool) -> Joined {
        let recipe = super::recipe::<Option<Word>, Option<Word>, Word, Num, String>(
            StoreId(0),
            |_, value| value.0.split_once(':').map(|(key, _)| Word::from(key)),
            left,
            move |_, value, row| {
                let row = row.map(|row| row.0.to_string()).or_else(|| left.then(|| "-".to_owned()))?;
                Some(format!("{}/{row}", value.0))
            },
        );
        let one = timestamped(Timestamp(9), &1_i64.to_be_bytes());
        let global = vec![(b"a".to_vec(), one), (b"bad".to_vec(), b"short".to_vec())];
        Chain::with(Setup { global, ..Setup::default() }, &recipe)
    }

    #[test]
    fn the_mappers_key_is_looked_up() {
        for (left, expected, dropped) in [(false, vec!["a:x/1"], [1, 1]), (true, vec!["a:x/1", "b:y/-", "z/-"], [0, 1])]
        {
            let mut joined = joined(left);
            for value in [Some("a:x"), Some("b:y"), Some("z"), None] {
                joined.send(at(5, None, value.map(Word::from)));
            }
            let received = joined.received();
            assert!(received.iter().all(|record| record.key.is_none() && record.timestamp == Timestamp(5)));
            let received: Vec<_> = received.into_iter().map(|record| record.value).collect();
            assert_eq!(received, expected, "left: {left}");
            let counted = [DropReason::NullKey, DropReason::NullValue].map(|reason| joined.context.dropped(reason));
            assert_eq!(counted, dropped, "left: {left}");
        }
    }

    #[test]
    fn a_damaged_row_is_an_error_that_names_node_and_table() {
        let error = joined(true).try_send(at(1, None, Some("bad:x".into()))).unwrap_err().to_string();
        assert!(error.starts_with("NODE: the global table global holds a row that cannot be read"), "{error}");
    }
}
