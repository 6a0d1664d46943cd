//! `flat_map`, `flat_map_values` and `flat_map_values_with_key`.

use super::KStream;
use crate::dsl::{Data, Shared};
use crate::operators::{flat_map, flat_map_values};
use crate::topology::program::Changes;

impl<'t, K, V> KStream<'t, K, V> {
    /// Replaces each record with any number of records.
    ///
    /// The keys may have changed, so the next operation that depends on them sends the records through a repartition
    /// topic first. If only values change, use [`KStream::flat_map_values`].
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use millstream::wire::List;
    ///
    /// const ORDERS: Topic<u64, List<String>> = Topic::new("orders");
    /// const SOLD: Topic<String, u64> = Topic::new("sold-articles");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream(ORDERS)
    ///     .flat_map(|order, List(articles)| articles.into_iter().map(|article| (article, order)).collect())
    ///     .to(SOLD);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&ORDERS, 7_u64, List(vec!["pen".to_owned(), "ink".to_owned()]));
    /// assert_eq!(driver.read(&SOLD), [("pen".to_owned(), 7), ("ink".to_owned(), 7)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn flat_map<K2, V2>(self, mapper: impl Fn(K, V) -> Vec<(K2, V2)> + Shared) -> KStream<'t, K2, V2>
    where
        K: Data,
        V: Data,
        K2: Data,
        V2: Data,
    {
        self.operator("KSTREAM-FLATMAP-", Changes::Keys, flat_map::recipe(mapper))
    }

    /// Replaces each record with any number of records that have its key. For at most one, map the value to an `Option`,
    /// and leave out what is `None`: `.map_values(..).filter_some()`.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const LINES: Topic<(), String> = Topic::new("lines");
    /// const WORDS: Topic<(), String> = Topic::new("words");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream(LINES)
    ///     .flat_map_values(|line| line.split_whitespace().map(str::to_lowercase).collect())
    ///     .to(WORDS);
    /// builder.build()?;
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn flat_map_values<V2>(self, mapper: impl Fn(V) -> Vec<V2> + Shared) -> KStream<'t, K, V2>
    where
        K: Data,
        V: Data,
        V2: Data,
    {
        self.flat_map_values_with_key(move |_, value| mapper(value))
    }

    /// As [`KStream::flat_map_values`], but the mapper also gets the key.
    #[track_caller]
    pub fn flat_map_values_with_key<V2>(self, mapper: impl Fn(&K, V) -> Vec<V2> + Shared) -> KStream<'t, K, V2>
    where
        K: Data,
        V: Data,
        V2: Data,
    {
        self.operator("KSTREAM-FLATMAPVALUES-", Changes::Values, flat_map_values::recipe(mapper))
    }
}
