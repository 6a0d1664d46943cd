//! The filter before a repartition topic: drops records without a key if nothing downstream can use them.
//!
//! Since KIP-962, a record with a null key passes unless everything downstream needs a key.

use super::{BuiltNode, Context, DropReason, Next, OperatorError, Outputs, Recipe};
use crate::record::Record;
use crate::wire::NullableKey;

/// Takes and forwards `Record<K, V>`. With `drop_null_keys`, records whose key is null are dropped and counted; Java
/// drops them here without counting.
#[must_use]
pub(crate) fn recipe<K, V>(drop_null_keys: bool) -> Recipe
where
    K: NullableKey,
    V: Clone + 'static,
{
    Recipe::new(move |builder| {
        let node = builder.name().to_string();
        Ok(BuiltNode::link(RepartitionFilter { node, drop_null_keys, outputs: builder.outputs::<K, V>()? }))
    })
}

struct RepartitionFilter<K, V> {
    node: String,
    drop_null_keys: bool,
    outputs: Outputs<K, V>,
}

impl<K: NullableKey, V: Clone> Next<K, V> for RepartitionFilter<K, V> {
    #[inline]
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        if self.drop_null_keys && record.key.as_option().is_none() {
            context.drop_record(&self.node, DropReason::NullKey);
            return Ok(());
        }
        self.outputs.forward(context, record)
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::DropReason;
    use crate::operators::testing::{Chain, Word, at, values};

    #[test]
    fn null_keys_pass_unless_they_are_to_be_dropped_and_null_values_always_pass() {
        for (drop_null_keys, expected, dropped) in
            [(false, vec![Some(1), Some(2), None], 0), (true, vec![Some(1), None], 1)]
        {
            let recipe = super::recipe::<Option<Word>, Option<i32>>(drop_null_keys);
            let mut chain = Chain::<Option<Word>, Option<i32>, Option<Word>, Option<i32>>::new(&recipe);
            chain.send(at(0, Some("a".into()), Some(1)));
            chain.send(at(0, None, Some(2)));
            chain.send(at(0, Some("b".into()), None));
            assert_eq!(values(&chain.received()), expected, "drop_null_keys: {drop_null_keys}");
            assert_eq!(chain.context.dropped(DropReason::NullKey), dropped);
        }
    }
}
