//! `merge`.

use super::KStream;
use crate::dsl::Data;
use crate::operators::merge;
use crate::topology::program::Call;

impl<'t, K, V> KStream<'t, K, V> {
    /// Merges two streams. There is no order between the records of one and the other.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const WEB: Topic<u64, String> = Topic::new("web");
    /// const MOBILE: Topic<u64, String> = Topic::new("mobile");
    /// const ALL: Topic<u64, String> = Topic::new("all");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(WEB).merge(builder.stream(MOBILE)).to(ALL);
    /// builder.build()?;
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn merge(self, other: impl Into<Self>) -> Self
    where
        K: Data,
        V: Data,
    {
        let other = other.into();
        self.builder.expect_same(other.builder);
        let call = Call::Merge { left: self.step, right: other.step, recipe: merge::recipe::<K, V>() };
        Self::new(self.builder, self.builder.add(call))
    }
}
