//! Joins of two streams within a window: each record is joined with those of the other stream that have the same key and
//! a timestamp close enough.
//!
//! Each side is two nodes. Its [`buffer`] forwards a record and then keeps it, and its [`side`] looks for matches among
//! what the other side has kept. So a record never meets itself, unless a stream is joined with itself. Both sides'
//! results come together in a merge.
//!
//! A left or outer join also has [`Unjoined`]: the records that wait for a match, which both sides share. An inner join of a
//! stream with itself may do with one buffer: see [`itself`].

use std::sync::Arc;

use super::{JoinKind, Recipe, StoreId, merge};
use crate::state::kinds::{JoinBuffer, Side};
use crate::windows::JoinSpan;
use crate::wire::{Nullable, NullableKey};

mod buffer;
mod itself;
mod side;
mod unjoined;

pub(crate) use unjoined::Unjoined;

/// The stores of a join.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JoinStores {
    pub(crate) left: StoreId,
    pub(crate) right: StoreId,
    /// Unless it is an inner join.
    pub(crate) unmatched: Option<StoreId>,
}

/// The nodes of a join.
pub(crate) struct JoinRecipes {
    pub(crate) left_buffer: Recipe,
    pub(crate) right_buffer: Recipe,
    pub(crate) left: Recipe,
    pub(crate) right: Recipe,
    pub(crate) merge: Recipe,
    /// In place of all but the left buffer, where both streams are the same.
    pub(crate) itself: Recipe,
}

/// Joins `Record<K, V>` from the left with `Record<K2, W>` from the right into `Record<K, R>`.
///
/// A result has the key of both, the later timestamp of the two, and the headers of the record that came last. If
/// `joiner` returns `None`, as an inner join's does without a match, nothing is forwarded. `rekey` makes a key of the
/// left stream from one of the right, unless it is null and `K` does not allow that.
pub(crate) fn recipes<K, V, K2, W, R>(
    stores: JoinStores,
    (kind, span): (JoinKind, JoinSpan),
    rekey: fn(K2) -> Option<K>,
    joiner: impl Fn(&K, Option<V::Inner>, Option<W::Inner>) -> Option<R> + Send + Sync + 'static,
) -> JoinRecipes
where
    K: NullableKey,
    V: Nullable,
    K2: NullableKey<Inner = K::Inner>,
    W: Nullable,
    R: Clone + 'static,
{
    let layout = JoinBuffer::of(span);
    let joiner = Arc::new(joiner);
    let reversed = {
        let joiner = Arc::clone(&joiner);
        move |key: &K, right: Option<W::Inner>, left: Option<V::Inner>| joiner(key, left, right)
    };
    let side = |side, other, span| side::Place { side, other, span, layout, kind, unmatched: stores.unmatched };
    let itself = itself::recipe::<K, V, W::Inner, R, _>(stores.left, (layout, span), Arc::clone(&joiner));
    JoinRecipes {
        itself,
        left_buffer: buffer::recipe::<K, V>(stores.left, layout),
        right_buffer: buffer::recipe::<K2, W>(stores.right, layout),
        left: side::recipe::<K, K, V, W::Inner, R, _>(side(Side::Left, stores.right, span), Some, joiner),
        right: side::recipe::<K2, K, W, V::Inner, R, _>(
            side(Side::Right, stores.left, span.reversed()),
            rekey,
            Arc::new(reversed),
        ),
        merge: merge::recipe::<K, R>(),
    }
}
