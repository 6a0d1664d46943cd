//! What a stream can be joined with: a table, or another stream within some time.
//!
//! One method takes both. What else is passed gets a sentence that says what is missing.

use super::not_yet::{JoinsGlobalTablesByKey, JoinsStreamsForEver, ThisVersion};
use super::{Data, GlobalKTable, KStream, KTable, Shared, StreamWithin, TableWithGrace};
use crate::operators::JoinKind;
use crate::wire::{Key, MaybeNull, Nullable, NullableKey, Value, WidensTo};

/// A key that is `K`, or null.
#[diagnostic::on_unimplemented(
    message = "a key of type `{Self}` is never the same as one of type `{K}`",
    label = "its keys are of another type",
    note = "records are joined with what has the same key: change a stream's key first with `.select_key(..)`, or read \
            the table with `.global_table(..)` and use `.join_global(..)`, which computes a key from each record"
)]
pub trait MayBe<K>: NullableKey<Inner = K> {}

impl<K: Key> MayBe<K> for K {}

impl<K: Key> MayBe<K> for Option<K> {}

/// What a stream with keys `K` can be joined with, whose rows or values are `T`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be joined with a stream",
    label = "expected a table, or a stream with `.within(..)`",
    note = "`.join(users, ..)` joins a stream with a table, `.join(clicks.within(JoinWindows::of(..).grace(..)), ..)` with \
            another stream"
)]
pub trait Joinable<'t, K, T>: Sized {
    /// Joins the stream with this.
    #[doc(hidden)]
    #[track_caller]
    fn join_into<V, R>(
        self,
        stream: KStream<'t, K, V>,
        left: bool,
        joiner: impl Fn(&K, V::Inner, Option<T>) -> Option<R> + Shared,
    ) -> KStream<'t, K, R>
    where
        K: NullableKey,
        V: Nullable,
        T: Value,
        R: Data;
}

impl<'t, K: MayBe<K2>, K2, T> Joinable<'t, K, T> for KTable<'t, K2, T> {
    #[track_caller]
    fn join_into<V, R>(
        self,
        stream: KStream<'t, K, V>,
        left: bool,
        joiner: impl Fn(&K, V::Inner, Option<T>) -> Option<R> + Shared,
    ) -> KStream<'t, K, R>
    where
        V: Nullable,
        T: Value,
        R: Data,
    {
        stream.join_table((self, None), left, joiner)
    }
}

impl<'t, K: MayBe<K2>, K2, T> Joinable<'t, K, T> for TableWithGrace<'t, K2, T> {
    #[track_caller]
    fn join_into<V, R>(
        self,
        stream: KStream<'t, K, V>,
        left: bool,
        joiner: impl Fn(&K, V::Inner, Option<T>) -> Option<R> + Shared,
    ) -> KStream<'t, K, R>
    where
        V: Nullable,
        T: Value,
        R: Data,
    {
        stream.join_table((self.table, Some(self.grace)), left, joiner)
    }
}

impl<'t, K, K2, W> Joinable<'t, K, W::Inner> for StreamWithin<'t, K2, W>
where
    K: NullableKey,
    K2: MayBe<K::Inner>,
    W: Nullable,
{
    #[track_caller]
    fn join_into<V, R>(
        self,
        stream: KStream<'t, K, V>,
        left: bool,
        joiner: impl Fn(&K, V::Inner, Option<W::Inner>) -> Option<R> + Shared,
    ) -> KStream<'t, K, R>
    where
        V: Nullable,
        R: Data,
    {
        let kind = if left { JoinKind::Left } else { JoinKind::Inner };
        // Records from the right are joined with nothing only in an outer join.
        let joiner = move |key: &K, left: Option<V::Inner>, right| joiner(key, left?, right);
        let rekey = |key: K2| key.into_option().map(K::from_key);
        stream.join_stream(self, kind, rekey, joiner)
    }
}

/// A stream that a stream with keys `K` can be outer joined with, whose values are `T`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be outer joined with a stream",
    label = "expected a stream with `.within(..)`",
    note = "`.outer_join(clicks.within(JoinWindows::of(..).grace(..)), ..)` joins two streams; a stream and a table are \
            joined with `.join(..)` or `.left_join(..)`"
)]
pub trait OuterJoinable<'t, K, T>: Sized {
    /// Joins the stream with this.
    #[doc(hidden)]
    #[track_caller]
    fn outer_join_into<V, R>(
        self,
        stream: KStream<'t, K, V>,
        joiner: impl Fn(&K, Option<V::Inner>, Option<T>) -> R + Shared,
    ) -> KStream<'t, K, R>
    where
        K: NullableKey,
        V: Nullable,
        T: Value,
        R: Data;
}

impl<'t, K, K2, W> OuterJoinable<'t, K, W::Inner> for StreamWithin<'t, K2, W>
where
    K: NullableKey,
    K2: MayBe<K::Inner> + WidensTo<K>,
    W: Nullable,
{
    #[track_caller]
    fn outer_join_into<V, R>(
        self,
        stream: KStream<'t, K, V>,
        joiner: impl Fn(&K, Option<V::Inner>, Option<W::Inner>) -> R + Shared,
    ) -> KStream<'t, K, R>
    where
        V: Nullable,
        R: Data,
    {
        let joiner = move |key: &K, left, right| Some(joiner(key, left, right));
        stream.join_stream(self, JoinKind::Outer, |key| Some(K2::widen(key)), joiner)
    }
}

impl<'t, K, K2, W> Joinable<'t, K, W::Inner> for KStream<'t, K2, W>
where
    W: MaybeNull,
    ThisVersion: JoinsStreamsForEver<K2>,
{
    fn join_into<V, R>(
        self,
        _stream: KStream<'t, K, V>,
        _left: bool,
        _joiner: impl Fn(&K, V::Inner, Option<W::Inner>) -> Option<R> + Shared,
    ) -> KStream<'t, K, R>
    where
        K: NullableKey,
        V: Nullable,
        R: Data,
    {
        ThisVersion::never()
    }
}

impl<'t, K, K2, W> OuterJoinable<'t, K, W::Inner> for KStream<'t, K2, W>
where
    W: MaybeNull,
    ThisVersion: JoinsStreamsForEver<K2>,
{
    fn outer_join_into<V, R>(
        self,
        _stream: KStream<'t, K, V>,
        _joiner: impl Fn(&K, Option<V::Inner>, Option<W::Inner>) -> R + Shared,
    ) -> KStream<'t, K, R>
    where
        K: NullableKey,
        V: Nullable,
        R: Data,
    {
        ThisVersion::never()
    }
}

impl<'t, K, K2, T> Joinable<'t, K, T> for GlobalKTable<'t, K2, T>
where
    ThisVersion: JoinsGlobalTablesByKey<K>,
{
    fn join_into<V, R>(
        self,
        _stream: KStream<'t, K, V>,
        _left: bool,
        _joiner: impl Fn(&K, V::Inner, Option<T>) -> Option<R> + Shared,
    ) -> KStream<'t, K, R>
    where
        K: NullableKey,
        V: Nullable,
        R: Data,
    {
        ThisVersion::never()
    }
}
