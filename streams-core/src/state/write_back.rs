//! Rows with a cache in front, as those who flush the cache see them.

use super::rows::{ChangeOf, RowError, RowLayout, Rows};
use super::runs::{RunLayout, Runs};
use crate::wire::Value;

/// Rows whose changes wait in a cache.
pub(crate) trait WriteBack: 'static {
    /// The key that rows are forwarded with.
    type Key: Clone + 'static;
    /// A row's value.
    type Value: Value;

    /// Whether changes wait for [`WriteBack::flush`].
    fn is_cached(&self) -> bool;

    /// Writes and logs at most `rows_max` dirty rows, in the order of their last changes. What is to be forwarded is
    /// added to `forward`, if somebody listens. Returns whether there are more.
    ///
    /// # Errors
    /// When the store or the changelog fails, or a value cannot be encoded. The task cannot go on then.
    fn flush(&mut self, rows_max: usize, forward: Option<&mut ChangesOf<Self>>) -> Result<bool, RowError>;

    /// Drops rows that were not used lately until the budget is kept, looking at no more than `rows_max`. Dirty ones are
    /// written and logged first. Returns whether all rows were looked at since the last time this was so.
    ///
    /// # Errors
    /// As [`WriteBack::flush`].
    fn make_room(&mut self, rows_max: usize, forward: Option<&mut ChangesOf<Self>>) -> Result<bool, RowError>;

    /// As [`WriteBack::make_room`], but writes nothing: dirty rows stay.
    fn drop_clean(&mut self, rows_max: usize) -> bool;
}

/// The changes of rows that are to be forwarded.
pub(crate) type ChangesOf<R> = Vec<ChangeOf<<R as WriteBack>::Key, <R as WriteBack>::Value>>;

macro_rules! write_back {
    ($rows:ident, $layout:ident) => {
        impl<L: $layout, V: Value> WriteBack for $rows<L, V> {
            type Key = L::Key;
            type Value = V;

            fn is_cached(&self) -> bool {
                Self::is_cached(self)
            }

            fn flush(&mut self, rows_max: usize, forward: Option<&mut ChangesOf<Self>>) -> Result<bool, RowError> {
                Self::flush(self, rows_max, forward)
            }

            fn make_room(&mut self, rows_max: usize, forward: Option<&mut ChangesOf<Self>>) -> Result<bool, RowError> {
                Self::make_room(self, rows_max, forward)
            }

            fn drop_clean(&mut self, rows_max: usize) -> bool {
                Self::drop_clean(self, rows_max)
            }
        }
    };
}

write_back!(Rows, RowLayout);
write_back!(Runs, RunLayout);
