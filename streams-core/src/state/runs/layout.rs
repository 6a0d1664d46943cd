//! What a store's rows look like to runs.

use std::fmt::Debug;

use crate::record::Timestamp;
use crate::state::cached_row::Identity;
use crate::state::timestamped::RowBuffer;
use crate::state::{StoreAccess, StoreError, StoreKind};
use crate::windows::WindowSize;
use crate::wire::DecodeError;

/// Where one of a key's rows lies in time.
pub(crate) trait Place: Identity + Copy + Ord + Debug + 'static {
    /// The time that retention goes by.
    fn time(self) -> Timestamp;
}

/// Calls back with a row's place and its stored form; `false` ends the reading.
pub(crate) type EachPlace<'a, P> = dyn FnMut(P, &[u8]) -> bool + 'a;

/// What the bytes of keys and rows mean.
pub(crate) trait RunLayout: 'static {
    /// Where a row lies in time.
    type Place: Place;
    /// The key that rows are forwarded with.
    type Key: Clone + 'static;

    /// The layout of a store of that kind.
    fn of(kind: &dyn StoreKind) -> Self;

    /// Appends the store's form of a row's key, given the key's own bytes.
    fn store_key(&self, key: &[u8], place: Self::Place, out: &mut Vec<u8>);

    /// Appends the changelog's form of a row's key.
    fn changelog_key(key: &[u8], place: Self::Place, out: &mut Vec<u8>);

    /// The key's own bytes and the place in the store's form of a row's key; `None` if it belongs to no row.
    fn split(store_key: &[u8]) -> Option<(&[u8], Self::Place)>;

    /// Decodes the key that a row is forwarded with, with windows of these sizes in milliseconds.
    ///
    /// # Errors
    /// When the bytes are not such a key.
    fn typed_key(key: &[u8], place: Self::Place, windows: &[WindowSize]) -> Result<Self::Key, DecodeError>;

    /// The stored form of a row.
    fn stored(encoded: &RowBuffer) -> &[u8];

    /// The timestamp of a stored row and its value's bytes; `None` if they are too short.
    fn row(place: Self::Place, stored: &[u8]) -> Option<(Timestamp, &[u8])>;

    /// The timestamp that a row is forwarded with.
    fn forwarded(place: Self::Place, timestamp: Timestamp) -> Timestamp;

    /// Calls `each` with the rows of a key whose times are between two others, both included, in the order of their places.
    ///
    /// # Errors
    /// When the store fails.
    fn read(
        &self,
        access: &StoreAccess,
        key: &[u8],
        times: (Timestamp, Timestamp),
        each: &mut EachPlace<'_, Self::Place>,
    ) -> Result<(), StoreError>;

    /// The first and the last time of rows that lie together in the store with those of this time.
    fn span(&self, time: Timestamp) -> (Timestamp, Timestamp);

    /// The bound of the store's keys below which all rows have times before this one. Other rows with earlier times may lie
    /// behind it.
    fn floor(&self, time: Timestamp) -> Vec<u8>;
}
