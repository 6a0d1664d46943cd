//! Joins of a stream with a table: `join` and `left_join`.

use super::KStream;
use crate::dsl::not_yet::TableToJoin;
use crate::dsl::{Data, KTable, Shared, through};
use crate::operators::stream_table_join;
use crate::topology::program::Call;
use crate::wire::{Nullable, NullableKey, Value};

impl<'t, K, V> KStream<'t, K, V> {
    /// Joins each record with the table's row of the same key; records without a row are left out.
    ///
    /// Only the stream's records produce results: each sees the row as it is when the record is processed. Of the records
    /// that wait, those with smaller timestamps are processed first. So a row that is stamped with the clock's time is not
    /// seen by records with older timestamps, even if it was sent before them: give it the time since when it is true.
    ///
    /// Records with a null key or value are dropped and counted. If the stream's key may have changed, its records go
    /// through a repartition topic first. The topics of stream and table need the same number of partitions, which is
    /// checked at startup.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const CLICKS: Topic<u64, String> = Topic::new("clicks");
    /// const COUNTRIES: Topic<u64, String> = Topic::new("countries");
    /// const LOCATED: Topic<u64, String> = Topic::new("located-clicks");
    ///
    /// let builder = StreamsBuilder::new();
    /// let countries = builder.table(COUNTRIES);
    /// builder.stream(CLICKS).join(countries, |page, country| format!("{page} from {country}")).to(LOCATED);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&CLICKS, 1_u64, "/home");
    /// driver.pipe(&COUNTRIES, 1_u64, "Peru");
    /// driver.pipe(&CLICKS, 1_u64, "/cart");
    /// assert_eq!(driver.read(&LOCATED), [(1, "/cart from Peru".to_owned())]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn join<T, R>(
        self,
        table: impl TableToJoin<'t, K::Inner, T>,
        joiner: impl Fn(V::Inner, T) -> R + Shared,
    ) -> KStream<'t, K, R>
    where
        K: NullableKey,
        V: Nullable,
        T: Value,
        R: Data,
    {
        self.join_table(table.into_table(), false, move |value, row| row.map(|row| joiner(value, row)))
    }

    /// Joins each record with the table's row of the same key, or with `None` if there is no row or the key is null.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const CLICKS: Topic<u64, String> = Topic::new("clicks");
    /// const NAMES: Topic<u64, String> = Topic::new("names");
    /// const SEEN: Topic<u64, String> = Topic::new("seen");
    ///
    /// let builder = StreamsBuilder::new();
    /// let names = builder.table(NAMES);
    /// builder
    ///     .stream(CLICKS)
    ///     .left_join(names, |page, name| format!("{} at {page}", name.unwrap_or("a guest".to_owned())))
    ///     .to(SEEN);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&CLICKS, 1_u64, "/home");
    /// driver.pipe(&NAMES, 1_u64, "Ada");
    /// driver.pipe(&CLICKS, 1_u64, "/cart");
    /// assert_eq!(driver.read(&SEEN), [(1, "a guest at /home".to_owned()), (1, "Ada at /cart".to_owned())]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn left_join<T, R>(
        self,
        table: impl TableToJoin<'t, K::Inner, T>,
        joiner: impl Fn(V::Inner, Option<T>) -> R + Shared,
    ) -> KStream<'t, K, R>
    where
        K: NullableKey,
        V: Nullable,
        T: Value,
        R: Data,
    {
        self.join_table(table.into_table(), true, move |value, row| Some(joiner(value, row)))
    }

    #[track_caller]
    fn join_table<T, R>(
        self,
        table: KTable<'t, K::Inner, T>,
        left: bool,
        joiner: impl Fn(V::Inner, Option<T>) -> Option<R> + Shared,
    ) -> KStream<'t, K, R>
    where
        K: NullableKey,
        V: Nullable,
        T: Value,
        R: Data,
    {
        self.builder.expect_same(table.builder);
        let lookup = table.lookup();
        let call = Call::TableJoin {
            input: self.step,
            table: table.step,
            left,
            through: through::<K, V>(),
            recipe: Box::new(move |store_of| {
                Some(stream_table_join::recipe::<K, V, T, R>(lookup?.view(store_of)?, left, joiner))
            }),
        };
        KStream::new(self.builder, self.builder.add(call))
    }
}
