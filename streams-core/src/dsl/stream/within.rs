//! `within`: the time within which a stream is joined with another one.

use std::panic::Location;

use super::KStream;
use crate::dsl::{Data, Shared, through};
use crate::operators::{JoinKind, stream_join};
use crate::topology::program::{Call, JoinStoreOptions, StreamJoin};
use crate::windows::{IntoJoinSpan, JoinSpan};
use crate::wire::{Nullable, NullableKey};

/// A stream and the time within which its records are joined with those of another stream; made by [`KStream::within`].
///
/// The join keeps the records of both streams in stores as long as others can be joined with them: for the time before and
/// after plus the grace, in stream time. The options here are about these stores.
#[must_use = "it does nothing until it is joined: `.join(clicks.within(..), ..)`"]
pub struct StreamWithin<'t, K, V> {
    stream: KStream<'t, K, V>,
    span: JoinSpan,
    stores: JoinStoreOptions,
}

impl<'t, K, V> KStream<'t, K, V> {
    /// Says how far apart in time records of this stream and another one may be, where the other one is joined with this
    /// one: see [`KStream::join`].
    #[doc(alias("StreamJoined", "join_windows"))]
    pub fn within(self, windows: impl IntoJoinSpan) -> StreamWithin<'t, K, V> {
        StreamWithin { stream: self, span: windows.into_join_span(), stores: JoinStoreOptions::default() }
    }

    /// Joins this stream, the left one, with another.
    #[track_caller]
    pub(in crate::dsl) fn join_stream<K2, W, R>(
        self,
        other: StreamWithin<'t, K2, W>,
        kind: JoinKind,
        rekey: fn(K2) -> Option<K>,
        joiner: impl Fn(&K, Option<V::Inner>, Option<W::Inner>) -> Option<R> + Shared,
    ) -> KStream<'t, K, R>
    where
        K: NullableKey,
        V: Nullable,
        K2: NullableKey<Inner = K::Inner>,
        W: Nullable,
        R: Data,
    {
        let StreamWithin { stream: right, span, stores } = other;
        self.builder.expect_same(right.builder);
        let call = Call::StreamJoin(Box::new(StreamJoin {
            left: self.step,
            right: right.step,
            kind,
            span,
            stores,
            through: (through::<K, V>(), through::<K2, W>()),
            recipes: Box::new(move |stores| {
                stream_join::recipes::<K, V, K2, W, R>(stores, (kind, span), rekey, joiner)
            }),
        }));
        KStream::new(self.builder, self.builder.add(call))
    }
}

impl<K, V> StreamWithin<'_, K, V> {
    /// Names the stores of the join, so that their changelogs keep their names when the program changes:
    /// `<name>-this-join-store`, `<name>-other-join-store`, and a third one for a left or outer join.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use std::time::Duration;
    ///
    /// const ORDERS: Topic<u64, String> = Topic::new("orders");
    /// const PAYMENTS: Topic<u64, i64> = Topic::new("payments");
    /// const PAID: Topic<u64, String> = Topic::new("paid-orders");
    ///
    /// let builder = StreamsBuilder::new();
    /// let soon = JoinWindows::of(Duration::from_secs(3_600)).no_grace();
    /// let payments = builder.stream(PAYMENTS).within(soon).stores_named("orders-and-payments");
    /// builder.stream(ORDERS).join(payments, |order, cents| format!("{order} for {cents}")).to(PAID);
    /// let description = builder.build()?.describe();
    /// assert!(description.contains("(stores: [orders-and-payments-this-join-store])"));
    /// assert!(description.contains("(stores: [orders-and-payments-other-join-store])"));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn stores_named(mut self, name: impl Into<String>) -> Self {
        self.stores.name = Some((name.into(), Location::caller()));
        self
    }

    /// Keeps the join's stores in memory, even if the application keeps its state on disk; see
    /// [`KTable::in_memory`](crate::dsl::KTable::in_memory).
    pub fn in_memory(mut self) -> Self {
        self.stores.keeping.in_memory = true;
        self
    }

    /// Keeps no changelogs: the records that wait to be joined are lost with the machine, and an instance that takes over
    /// a task starts with what is on its own disk, perhaps nothing.
    pub fn not_logged(mut self) -> Self {
        self.stores.keeping.not_logged = true;
        self
    }

    /// A topic setting for the changelogs, such as `("segment.bytes", "1048576")`. A name that looks like a typo is an
    /// error of `build()`; the broker checks other unknown names.
    pub fn changelog_config(mut self, setting: impl Into<String>, value: impl Into<String>) -> Self {
        self.stores.keeping.configs.push((setting.into(), value.into()));
        self
    }
}

impl<K, V> std::fmt::Debug for StreamWithin<'_, K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamWithin").field("stream", &self.stream).field("span", &self.span).finish_non_exhaustive()
    }
}
