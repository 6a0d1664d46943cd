//! `filter` and `filter_not`.

use super::KStream;
use crate::dsl::Data;
use crate::operators::filter;
use crate::topology::names::prefix;

impl<'t, K, V> KStream<'t, K, V> {
    /// The records that the predicate holds for.
    ///
    /// ```
    /// # use streams_core::dsl::StreamsBuilder;
    /// # use streams_core::topic::Topic;
    /// # const AMOUNTS: Topic<String, i64> = Topic::new("amounts");
    /// # const LARGE: Topic<String, i64> = Topic::new("large-amounts");
    /// let builder = StreamsBuilder::new();
    /// builder.stream(AMOUNTS).filter(|_, amount| *amount > 1_000).to(LARGE);
    /// # builder.build()?;
    /// # Ok::<(), streams_core::topology::TopologyError>(())
    /// ```
    #[track_caller]
    pub fn filter(self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self
    where
        K: Data,
        V: Data,
    {
        self.operator(prefix::FILTER, false, filter::recipe(true, predicate))
    }

    /// The records that the predicate does not hold for.
    #[track_caller]
    pub fn filter_not(self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self
    where
        K: Data,
        V: Data,
    {
        self.operator(prefix::FILTER, false, filter::recipe(false, predicate))
    }
}
