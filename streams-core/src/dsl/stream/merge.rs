//! `merge`.

use super::{Distinct, KStream, Repartitioned};
use crate::dsl::Data;
use crate::operators::merge;
use crate::topology::program::Call;

/// A stream that can be merged with one of keys `K` and values `V`: one of the same types.
#[diagnostic::on_unimplemented(
    message = "streams that are merged have keys and values of the same types",
    label = "expected a stream of keys `{K}` and values `{V}`, found `{Self}`",
    note = "`.map_values(..)` or `.map(..)` before it makes them the same: one of the two types, or an `enum` with a variant \
            for each"
)]
pub trait Mergeable<'t, K, V> {
    /// The stream itself.
    fn into_stream(self) -> KStream<'t, K, V>;
}

impl<'t, K, V> Mergeable<'t, K, V> for KStream<'t, K, V> {
    fn into_stream(self) -> Self {
        self
    }
}

impl<'t, K, V> Mergeable<'t, K, V> for Distinct<'t, K, V> {
    fn into_stream(self) -> KStream<'t, K, V> {
        self.into()
    }
}

impl<'t, K, V> Mergeable<'t, K, V> for Repartitioned<'t, K, V> {
    fn into_stream(self) -> KStream<'t, K, V> {
        self.into()
    }
}

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
    pub fn merge(self, other: impl Mergeable<'t, K, V>) -> Self
    where
        K: Data,
        V: Data,
    {
        let other = other.into_stream();
        self.builder.expect_same(other.builder);
        let call = Call::Merge { left: self.step, right: other.step, recipe: merge::recipe::<K, V>() };
        Self::new(self.builder, self.builder.add(call))
    }
}
