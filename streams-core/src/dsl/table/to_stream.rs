//! `to_stream`.

use super::KTable;
use crate::dsl::{Data, KStream};
use crate::operators::table_to_stream;
use crate::topology::plan::Call;

impl<'t, K, V> KTable<'t, K, V> {
    /// The table's changes as records: the new row, or `None` where a row was deleted.
    ///
    /// ```
    /// # use streams_core::dsl::StreamsBuilder;
    /// # use streams_core::topic::Topic;
    /// # const LINES: Topic<(), String> = Topic::new("lines");
    /// # const COUNTS: Topic<String, i64> = Topic::new("counts");
    /// let builder = StreamsBuilder::new();
    /// builder.stream(LINES).group_by(|_, line| line.clone()).count().to_stream().to(COUNTS);
    /// # builder.build()?;
    /// # Ok::<(), streams_core::topology::TopologyError>(())
    /// ```
    #[track_caller]
    pub fn to_stream(self) -> KStream<'t, K, Option<V>>
    where
        K: Data,
        V: Data,
    {
        let call = Call::ToStream { input: self.step, recipe: table_to_stream::recipe::<K, V>() };
        KStream::new(self.builder, self.builder.add(call))
    }
}
