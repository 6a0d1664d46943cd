//! The typed rows of a table with sliding windows: one per key and window.

use std::marker::PhantomData;
use std::time::Duration;

use super::cached_row::Identity;
use super::kinds::{sliding, write_logged};
use super::runs::{EachPlace, Place, RunLayout, Runs, spanned};
use super::spans::Spans;
use super::timestamped::{RowBuffer, split_timestamped};
use super::{StoreAccess, StoreError, StoreKind};
use crate::record::Timestamp;
use crate::windows::{Window, WindowSize, Windowed};
use crate::wire::{DecodeError, Key};

/// The rows of a table with sliding windows.
pub(crate) type SlidingRows<K, V> = Runs<BySlidingWindow<K>, V>;

/// Where a window starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SlidingPlace(pub(crate) Timestamp);

impl Identity for SlidingPlace {}

impl Place for SlidingPlace {
    fn time(self) -> Timestamp {
        self.0
    }
}

/// The layout of [`SlidingRows`].
pub(crate) struct BySlidingWindow<K> {
    spans: Spans,
    key: PhantomData<fn() -> K>,
}

impl<K: Key> RunLayout for BySlidingWindow<K> {
    type Place = SlidingPlace;
    type Key = Windowed<K>;

    fn of(kind: &dyn StoreKind) -> Self {
        Self { spans: Spans::of(kind.retention().unwrap_or(Duration::MAX)), key: PhantomData }
    }

    fn store_key(&self, key: &[u8], place: SlidingPlace, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.spans.rows(place.0));
        Self::changelog_key(key, place, out);
    }

    fn changelog_key(key: &[u8], SlidingPlace(start): SlidingPlace, out: &mut Vec<u8>) {
        out.extend_from_slice(key);
        write_logged(start, 0, out);
    }

    fn split(store_key: &[u8]) -> Option<(&[u8], SlidingPlace)> {
        let (key, start) = sliding::split_stored(store_key)?;
        Some((key, SlidingPlace(start)))
    }

    fn typed_key(
        key: &[u8],
        SlidingPlace(start): SlidingPlace,
        windows: &[WindowSize],
    ) -> Result<Self::Key, DecodeError> {
        use crate::wire::Value as _;

        let mut key = Windowed { key: K::decode(key)?, window: Window { start, end: Timestamp(i64::MAX) } };
        key.set_window_sizes(windows);
        Ok(key)
    }

    fn stored(encoded: &RowBuffer) -> &[u8] {
        encoded.row()
    }

    fn row(_: SlidingPlace, stored: &[u8]) -> Option<(Timestamp, &[u8])> {
        split_timestamped(stored)
    }

    fn forwarded(_: SlidingPlace, timestamp: Timestamp) -> Timestamp {
        timestamp
    }

    fn read(
        &self,
        access: &StoreAccess,
        key: &[u8],
        times: (Timestamp, Timestamp),
        each: &mut EachPlace<'_, SlidingPlace>,
    ) -> Result<(), StoreError> {
        spanned::read::<Self>((access, self.spans), key, times, each)
    }

    fn span(&self, time: Timestamp) -> (Timestamp, Timestamp) {
        self.spans.around(time)
    }

    fn floor(&self, time: Timestamp) -> Vec<u8> {
        self.spans.rows(time).to_vec()
    }
}
