//! `group_by_key` and `group_by`.

use super::KStream;
use crate::dsl::{Data, KGroupedStream, Shared, through};
use crate::operators::select_key;
use crate::topology::program::Call;
use crate::wire::{Nullable, NullableKey};

impl<'t, K, V> KStream<'t, K, V> {
    /// Groups the records by their key, for an aggregation.
    ///
    /// If the key may have changed since the records were last read from a topic, they go through a repartition topic
    /// first, so that all records of a key meet in one task.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const SALES: Topic<String, i64> = Topic::new("sales");
    /// const TOTALS: Topic<String, i64> = Topic::new("totals");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(SALES).group_by_key().reduce(|total, cents| total + cents).to_stream().to(TOTALS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for (shop, cents) in [("north", 500), ("south", 200), ("north", 100)] {
    ///     driver.pipe(&SALES, shop, cents);
    /// }
    /// let totals = [("north", 500), ("south", 200), ("north", 600)];
    /// assert_eq!(driver.read(&TOTALS), totals.map(|(shop, cents)| (shop.to_owned(), cents)));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias = "Grouped")]
    #[track_caller]
    pub fn group_by_key(self) -> KGroupedStream<'t, K, V>
    where
        K: NullableKey,
        V: Nullable,
    {
        let call = Call::Group { input: self.step, select: None, through: through::<K, V>() };
        KGroupedStream::new(self.builder, self.builder.add(call))
    }

    /// Groups the records by another key, for an aggregation. They go through a repartition topic.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const LINES: Topic<(), String> = Topic::new("lines");
    /// const LENGTHS: Topic<u64, i64> = Topic::new("lines-per-length");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(LINES).group_by(|_, line| line.len() as u64).count().to_stream().to(LENGTHS);
    /// builder.build()?;
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn group_by<K2>(self, mapper: impl Fn(&K, &V) -> K2 + Shared) -> KGroupedStream<'t, K2, V>
    where
        K: Data,
        K2: NullableKey,
        V: Nullable,
    {
        let select = Some(select_key::recipe(mapper));
        let call = Call::Group { input: self.step, select, through: through::<K2, V>() };
        KGroupedStream::new(self.builder, self.builder.add(call))
    }
}
