//! `to_table`.

use super::KStream;
use crate::dsl::{KTable, table, through};
use crate::operators::to_table;
use crate::topology::program::Call;
use crate::wire::{Nullable, NullableKey};

impl<'t, K, V> KStream<'t, K, V> {
    /// A table with the latest value of each key. A null value deletes the row; records with a null key are dropped and
    /// counted. If the key may have changed, the records go through a repartition topic first.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const MOVES: Topic<u64, String> = Topic::new("moves");
    /// const ADDRESSES: KeyValueStore<u64, String> = KeyValueStore::new("addresses");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(MOVES).to_table().stored_as(ADDRESSES);
    /// builder.build()?;
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn to_table(self) -> KTable<'t, K::Inner, V::Inner>
    where
        K: NullableKey,
        V: Nullable,
    {
        let call = Call::ToTable {
            input: self.step,
            through: through::<K, V>(),
            table: Box::new(|store| to_table::recipe::<K, V>(store, true)),
        };
        KTable::stored(self.builder, self.builder.add(call), table::view_of_rows)
    }
}
