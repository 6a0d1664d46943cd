//! `filter`, `filter_not` and `filter_some`.

use super::KStream;
use crate::dsl::{Data, Shared};
use crate::operators::{filter, filter_some};
use crate::topology::names::prefix;
use crate::topology::program::Changes;

impl<'t, K, V> KStream<'t, K, V> {
    /// Keeps the records for which the predicate is true.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const AMOUNTS: Topic<String, i64> = Topic::new("amounts");
    /// const LARGE: Topic<String, i64> = Topic::new("large-amounts");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(AMOUNTS).filter(|_, amount| *amount > 1_000).to(LARGE);
    /// builder.build()?;
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn filter(self, predicate: impl Fn(&K, &V) -> bool + Shared) -> Self
    where
        K: Data,
        V: Data,
    {
        self.operator(prefix::FILTER, Changes::Nothing, filter::recipe(true, predicate))
    }

    /// Drops the records for which the predicate is true.
    #[track_caller]
    pub fn filter_not(self, predicate: impl Fn(&K, &V) -> bool + Shared) -> Self
    where
        K: Data,
        V: Data,
    {
        self.operator(prefix::FILTER, Changes::Nothing, filter::recipe(false, predicate))
    }
}

impl<'t, K, V> KStream<'t, K, Option<V>> {
    /// Keeps the records that have a value, and removes the `Option`. After a table's
    /// [`to_stream`](crate::dsl::KTable::to_stream), this leaves out deletions.
    ///
    /// In Kafka Streams this is `filter((key, value) -> value != null)`.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const MAYBE: Topic<u64, Option<String>> = Topic::new("maybe-names");
    /// const NAMES: Topic<u64, String> = Topic::new("names");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(MAYBE).filter_some().map_values(|name| name.to_uppercase()).to(NAMES);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&MAYBE, 1_u64, Some("ada".to_owned()));
    /// driver.pipe(&MAYBE, 1_u64, None);
    /// assert_eq!(driver.read(&NAMES), [(1, "ADA".to_owned())]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn filter_some(self) -> KStream<'t, K, V>
    where
        K: Data,
        V: Data,
    {
        self.operator(prefix::FILTER, Changes::Values, filter_some::recipe::<K, V>())
    }
}
