//! Windowed streams and their aggregations: one sort of windows per file.

use super::{CogroupedKStream, KGroupedStream};
use crate::wire::{MaybeNull, Nullable};

mod session;
mod sliding;
mod time;

pub use session::SessionWindowedKStream;
pub use sliding::SlidingWindowedKStream;
pub use time::TimeWindowedKStream;

/// Windows that [`KGroupedStream::windowed_by`] and [`CogroupedKStream::windowed_by`] accept.
#[diagnostic::on_unimplemented(
    message = "this window does not say how long it waits for late records",
    label = "how late may a record be?",
    note = "choose `.grace(duration)` or `.no_grace()`"
)]
pub trait IntoWindows {
    /// What a stream becomes when it is divided into such windows.
    type Stream<'t, K, V>;

    /// Divides the stream.
    #[doc(hidden)]
    fn group<'t, K, V>(self, group: KGroupedStream<'t, K, V>) -> Self::Stream<'t, K, V>;

    /// What several streams become that are aggregated together.
    type Cogrouped<'t, K, A>;

    /// Divides the streams.
    #[doc(hidden)]
    fn cogroup<'t, K, A>(self, groups: CogroupedKStream<'t, K, A>) -> Self::Cogrouped<'t, K, A>;
}

/// What a reduction makes of a window's result so far and of the next value, either of which may be null.
fn reduced<V: Nullable>(
    reducer: &impl Fn(V, V) -> V,
    result: Option<V::Inner>,
    value: Option<V::Inner>,
) -> Option<V::Inner> {
    let Some(result) = result else { return value };
    match (V::from_option(Some(result)), V::from_option(value)) {
        (Some(result), Some(value)) => reducer(result, value).into_option(),
        (result, _) => result.and_then(MaybeNull::into_option),
    }
}
