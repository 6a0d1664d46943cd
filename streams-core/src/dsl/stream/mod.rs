//! Streams of records: one operation per file.

use std::marker::PhantomData;
use std::panic::Location;

use super::{StreamsBuilder, handle};
use crate::operators::Recipe;
use crate::topology::program::{Call, CallId, Changes};

mod distinct;
mod fallible;
mod filter;
mod flat_map;
mod for_each;
mod group;
mod handled;
mod join;
mod join_global;
mod map;
mod merge;
mod nullable_keys;
mod peek;
mod print;
mod process;
mod repartition;
mod select_key;
mod split;
mod to;
mod to_table;
mod validate;
mod within;

pub use distinct::Distinct;
pub use handled::Handled;
pub use merge::Mergeable;
pub use repartition::Repartitioned;
pub use split::Split;
pub use to::Sent;
pub use within::StreamWithin;

/// A stream of records with keys `K` and values `V`.
///
/// A stream is a `Copy` handle: using it twice forks it. [`KStream::named`] names the node of the operation that it
/// follows.
#[must_use = "a stream does nothing until it is sent, stored or acted on; behind a processor that sends nothing, \
              write `_ = ..`"]
pub struct KStream<'t, K, V> {
    pub(super) builder: &'t StreamsBuilder,
    pub(super) step: CallId,
    types: PhantomData<fn() -> (K, V)>,
}

handle::step!(KStream);
handle::windows_of!(KStream, V);

impl<'t, K, V> KStream<'t, K, V> {
    /// Names the node that this stream comes from, instead of a generated name such as `KSTREAM-MAP-0000000003`. A
    /// repartition's name is also that of its topic; a branch's name is appended to the name of its split.
    ///
    /// Naming one node never changes the generated name of another.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const LINES: Topic<(), String> = Topic::new("lines");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(LINES).filter(|_, line| !line.is_empty()).named("not-empty").to(LINES);
    /// assert!(builder.build()?.describe().contains("Processor: not-empty (stores: [])"));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias("Named", "with_name"))]
    #[track_caller]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.builder.name(self.step, name.into(), Location::caller());
        self
    }

    /// Adds an operator with this stream as its only input.
    #[track_caller]
    fn operator<K2, V2>(self, prefix: &'static str, changes: Changes, recipe: Recipe) -> KStream<'t, K2, V2> {
        let call = Call::Operator { input: self.step, prefix, changes, recipe };
        KStream::new(self.builder, self.builder.add(call))
    }
}

/// The end of a stream: a sink or an action. It can only be named.
#[derive(Clone, Copy, Debug)]
pub struct Output<'t> {
    builder: &'t StreamsBuilder,
    step: CallId,
}

impl Output<'_> {
    /// Names the node, instead of a generated name such as `KSTREAM-SINK-0000000003`.
    #[track_caller]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.builder.name(self.step, name.into(), Location::caller());
        self
    }
}
