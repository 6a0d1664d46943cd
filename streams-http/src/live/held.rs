//! What a tile holds of its rows: as little as a picture needs, and no more than there is room for.

use std::collections::HashMap;

use streams_core::record::Timestamp;
use streams_core::topology::{TileCell, TileFacts, TileRow, TileSpan};
use streams_core::windows::Window;

/// How many rows a tile holds, and how many bytes they may take. Beyond that rows are left out, and the picture says so.
pub(super) const ROWS_MAX: usize = if cfg!(test) { 20 } else { 50_000 };
const BYTES_MAX: usize = 16 << 20;

/// What a row takes beside its texts.
const BYTES_OF_ROW: usize = 160;

/// What a tile shows of a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Row(TileRow),
    /// It does not count.
    Unwanted,
    /// It cannot be shown, because of this.
    Unreadable(String),
}

/// A row that is held.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HeldRow {
    pub(super) window: Option<Window>,
    pub(super) timestamp: Option<Timestamp>,
    pub(super) content: Content,
    bytes: usize,
}

/// The rows of a tile that may be in its picture, by their places in the store.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) rows: HashMap<Box<[u8]>, HeldRow>,
    bytes: usize,
    /// The latest time that was seen in the rows.
    pub(super) newest: Option<Timestamp>,
    /// Whether rows are left out for want of room.
    pub(super) is_partial: bool,
    has_windows: bool,
}

impl Held {
    pub(super) fn new(tile: &TileFacts) -> Self {
        Self { has_windows: tile.has_windows(), ..Self::default() }
    }

    /// Takes in what a row has become; `None` if it is gone.
    pub(super) fn take(
        &mut self,
        tile: &TileFacts,
        place: Box<[u8]>,
        row: Option<(Option<Window>, Option<Timestamp>, Content)>,
    ) {
        self.remove(&place);
        let Some((window, timestamp, content)) = row else { return };
        self.newest = self.newest.max(self.time_of(window, timestamp).max(timestamp));
        let is_late = self.newest.is_some_and(|now| self.is_past(tile, window, timestamp, now));
        if is_late || content == Content::Unwanted {
            return;
        }
        let bytes = BYTES_OF_ROW + place.len() + bytes_of(&content);
        if self.rows.len() >= ROWS_MAX || self.bytes + bytes > BYTES_MAX {
            self.drop_past(tile, self.newest);
        }
        if self.rows.len() >= ROWS_MAX || self.bytes + bytes > BYTES_MAX {
            self.is_partial = true;
            return;
        }
        self.bytes += bytes;
        self.rows.insert(place, HeldRow { window, timestamp, content, bytes });
    }

    #[cfg(test)]
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    fn remove(&mut self, place: &[u8]) {
        if let Some(row) = self.rows.remove(place) {
            self.bytes -= row.bytes;
        }
    }

    /// Forgets the rows that no picture will have any more.
    pub(super) fn drop_past(&mut self, tile: &TileFacts, now: Option<Timestamp>) {
        let Some(now) = now else { return };
        let mut rows = std::mem::take(&mut self.rows);
        rows.retain(|_, row| {
            let is_past = self.is_past(tile, row.window, row.timestamp, now);
            self.bytes -= if is_past { row.bytes } else { 0 };
            !is_past
        });
        self.rows = rows;
    }

    /// Whether much was left out that there is room for now.
    pub(super) fn is_worth_a_new_beginning(&self) -> bool {
        self.is_partial && self.rows.len() < ROWS_MAX / 2 && self.bytes < BYTES_MAX / 2
    }

    /// The time of a row: the start of its window, the end of its session, or when it was changed.
    pub(super) fn time_of(&self, window: Option<Window>, timestamp: Option<Timestamp>) -> Option<Timestamp> {
        match window {
            Some(window) if self.has_windows => Some(window.start),
            Some(session) => Some(session.end),
            None => timestamp,
        }
    }

    /// Whether a row is in no picture from a time on.
    fn is_past(&self, tile: &TileFacts, window: Option<Window>, timestamp: Option<Timestamp>, now: Timestamp) -> bool {
        let newest = self.newest.unwrap_or(now);
        if window.is_some_and(|window| tile.is_over(window, newest)) {
            return true;
        }
        let is_before = |time: Option<Timestamp>, duration| time.is_some_and(|time| time <= ago(now, duration));
        match tile.span {
            TileSpan::All => false,
            TileSpan::Last(duration) => is_before(self.time_of(window, timestamp), duration),
            TileSpan::Rate(duration) => is_before(window.map(|window| window.end), duration),
            // Of windows, those that are over.
            _ => self.has_windows && window.is_some_and(|window| window.end <= now),
        }
    }

    /// The rows that count now.
    pub(super) fn counting<'a>(&'a self, tile: &TileFacts, now: Timestamp) -> impl Iterator<Item = &'a HeldRow> {
        let has_windows = self.has_windows;
        let is_current = tile.span == TileSpan::Current && has_windows;
        let starts = self.rows.values().filter_map(|row| row.window).map(|window| window.start);
        let current = if is_current { starts.min() } else { None };
        let is_rate = matches!(tile.span, TileSpan::Rate(_));
        self.rows.values().filter(move |row| match row.window {
            Some(window) if is_rate => window.end <= now,
            Some(window) => current.is_none_or(|start| window.start == start),
            None => true,
        })
    }
}

/// So long before a time.
pub(super) fn ago(now: Timestamp, duration: std::time::Duration) -> Timestamp {
    Timestamp(now.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
}

fn bytes_of(content: &Content) -> usize {
    let of_cell =
        |cell: &TileCell| size_of::<TileCell>() + if let TileCell::Text(text) = cell { text.len() } else { 0 };
    match content {
        Content::Row(row) => {
            row.label.len() + row.figures.len() * size_of::<f64>() + row.cells.iter().map(of_cell).sum::<usize>()
        }
        Content::Unwanted => 0,
        Content::Unreadable(reason) => reason.len(),
    }
}
