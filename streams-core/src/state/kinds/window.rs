//! Window stores: one row per key and window.
//!
//! The changelog's key is Java's: the key's bytes, the window's start, and a sequence number that is 0 for tables. In
//! the store the start comes first, so that the oldest windows can be deleted as one range.

use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use super::{Area, ChangelogRecord, Detail, Keys, StoreKind, StoreRow, StoredRow, Windowing, compacted_for, millis};
use crate::record::Timestamp;
use crate::state::definition::{StoreFor, store_constant};
use crate::state::key_range::behind;
use crate::state::timestamped::{split_timestamped, timestamped};
use crate::state::window_key;
use crate::windows::{TimeWindows, Window, WindowSize, Windowed};

store_constant! {
    /// Names a window store and its types: one value per key and window.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const VIEWS: WindowStore<String, i64> = WindowStore::new("views-per-minute");
    ///
    /// assert_eq!(VIEWS.name(), "views-per-minute");
    /// ```
    WindowStore
}

impl<K, V> StoreFor<Windowed<K>, V> for WindowStore<K, V> {
    fn store_name(&self) -> &str {
        self.name()
    }

    fn constant(&self) -> &'static str {
        "WindowStore"
    }
}

/// One row with a timestamp per key and window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// How long a window is.
    pub size: WindowSize,
    /// How long rows are kept in stream time, counted from the start of their window.
    pub retention: Duration,
}

#[cfg(test)]
impl Windows {
    pub(super) const fn example() -> Self {
        Self { size: WindowSize::Millis(60_000), retention: Duration::from_secs(90) }
    }
}

impl StoreKind for Windows {
    fn name(&self) -> &'static str {
        "window"
    }

    fn constant(&self) -> &'static str {
        "WindowStore"
    }

    fn details(&self) -> Vec<(&'static str, Detail)> {
        let size = match self.size {
            WindowSize::Millis(size) => ("size_ms", size.into()),
            WindowSize::Calendar(windows) => ("calendar", windows.to_string().into()),
        };
        vec![size, ("retention_ms", millis(self.retention).into())]
    }

    fn retention(&self) -> Option<Duration> {
        Some(self.retention)
    }

    fn window_size(&self) -> Option<WindowSize> {
        Some(self.size)
    }

    fn is_in_order_of_time(&self) -> bool {
        true
    }

    /// The newest window starts at `time`; windows that start `retention` or more before it have expired.
    fn over_below(&self, time: Timestamp) -> Option<Vec<u8>> {
        let retention = i64::try_from(self.retention.as_millis()).unwrap_or(i64::MAX);
        let mut floor = Vec::with_capacity(size_of::<i64>());
        window_key::write_start(Timestamp(time.0.saturating_sub(retention).saturating_add(1)), &mut floor);
        Some(floor)
    }

    fn changelog_settings(&self, additional_retention: Duration) -> Vec<(&'static str, String)> {
        compacted_for(self.retention.saturating_add(additional_retention))
    }

    fn to_store(&self, record: ChangelogRecord<'_>) -> Option<StoreRow> {
        let key = window_key::from_changelog(record.key)?;
        Some((key, record.value.map(|value| timestamped(record.timestamp, value))))
    }

    fn changelog_key(&self, key: &[u8]) -> Option<Vec<u8>> {
        window_key::split(key)?;
        let mut logged = Vec::new();
        window_key::write_changelog(key, &mut logged);
        Some(logged)
    }

    fn areas(&self, keys: &Keys, times: Option<(Timestamp, Timestamp)>) -> Vec<Area> {
        let (from, to) = times.unwrap_or((Timestamp(i64::MIN), Timestamp(i64::MAX)));
        let from = Bound::Included(window_key::start(from).to_vec());
        vec![Area::by_time(from, behind(&window_key::start(to)), keys)]
    }

    fn read<'a>(&self, key: &'a [u8], row: &'a [u8]) -> Option<StoredRow<'a>> {
        let (start, key) = window_key::split(key)?;
        let (timestamp, value) = split_timestamped(row)?;
        let window = Window { start, end: self.size.end(start) };
        Some(StoredRow { key, window: Some(window), timestamp: Some(timestamp), value })
    }
}

impl Windowing for TimeWindows {
    fn check(&self) -> Result<(), String> {
        self.validate()
    }

    fn closes_after(&self) -> Duration {
        Duration::from_millis(self.grace_ms.unsigned_abs())
    }

    fn changing_for(&self) -> Duration {
        Duration::from_millis(self.retention_min_ms().unsigned_abs())
    }

    fn kind(&self, retention: Duration) -> Arc<dyn StoreKind> {
        let size = self.calendar.map_or(WindowSize::Millis(self.size_ms), WindowSize::Calendar);
        Arc::new(Windows { size, retention })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changelog_record_becomes_a_row_with_its_windows_start_in_front() {
        let logged = [&b"k"[..], &7_i64.to_be_bytes(), &[0; 4]].concat();
        let stored = [&[0x80, 0, 0, 0, 0, 0, 0, 7], &b"k"[..]].concat();
        let row = b"\0\0\0\0\0\0\x02\x01v".to_vec();
        for (key, value, expected) in [
            (&*logged, Some(&b"v"[..]), Some((stored.clone(), Some(row.clone())))),
            (&logged, None, Some((stored.clone(), None))),
            (b"too short", Some(b"v"), None),
        ] {
            let record = ChangelogRecord { key, value, timestamp: Timestamp(0x0201) };
            assert_eq!(Windows::example().to_store(record), expected, "{key:?} {value:?}");
        }
        let kept = Windows::example().over_below(Timestamp(90_006));
        let over = Windows::example().over_below(Timestamp(90_007));
        assert!(kept <= Some(stored.clone()) && Some(&stored) < over.as_ref(), "90 s after its start it is over");
        let window = Some(Window { start: Timestamp(7), end: Timestamp(60_007) });
        let read = StoredRow { key: b"k", window, timestamp: Some(Timestamp(0x0201)), value: b"v" };
        assert_eq!(Windows::example().read(&stored, &row), Some(read));
    }
}
