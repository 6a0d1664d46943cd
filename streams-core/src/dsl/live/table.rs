//! `table`: some rows as they are.

use std::sync::Arc;

use super::figure::{By, Figure, Measure as _};
use super::{IntoTile, Making, Tile, TileOf, Tiles, text_of};
use crate::dsl::Shared;
use crate::topology::{TileCell, TileKind, TileSpan};
use crate::wire::Value;

/// How many rows there are unless it is said, and at most.
const TOP: usize = 10;
const TOP_MAX: usize = 100;

/// Rows with columns.
pub struct TableTile<K, V> {
    top: usize,
    columns: Vec<Column<K, V>>,
    order: Option<By<K, V>>,
}

/// A column with its name.
pub struct Column<K, V> {
    name: String,
    cell: Making<K, V, TileCell>,
}

impl<K: Value, V: Value> Tiles<K, V> {
    /// The ten latest rows, with columns for their keys and values unless there are [others](Tile::column).
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use std::time::Duration;
    ///
    /// const VIEWS: Topic<String, String> = Topic::new("views");
    ///
    /// let builder = StreamsBuilder::new();
    /// let visits = builder.stream(VIEWS).group_by_key().windowed_by(Sessions::gap(Duration::from_secs(300)).no_grace());
    /// visits.count().live(|tile| {
    ///     tile.table("Visits")
    ///         .column("user", |visit, _| visit.key.clone())
    ///         .column("pages", |_, pages| *pages)
    ///         .column("lasted", |visit, _| {
    ///             Duration::from_millis((visit.window.end.0 - visit.window.start.0).unsigned_abs())
    ///         })
    ///         .column("last seen", |visit, _| visit.window.end)
    /// });
    /// builder.build()?;
    /// # Ok::<(), TopologyError>(())
    /// ```
    pub fn table(self, title: impl Into<String>) -> Tile<K, V, TableTile<K, V>> {
        Tile::titled(title, TileSpan::All, TableTile { top: TOP, columns: Vec::new(), order: None })
    }
}

impl<K: Value, V: Value> Tile<K, V, TableTile<K, V>> {
    /// One more column, with what a closure makes of each row: a text, a number, a `bool`, a `Timestamp`, a `Duration`, or an
    /// `Option` of one of these.
    pub fn column<C: Into<TileCell>>(mut self, name: impl Into<String>, cell: impl Fn(&K, &V) -> C + Shared) -> Self {
        let cell = Arc::new(move |key: &K, value: &V| cell(key, value).into());
        self.sort.columns.push(Column { name: name.into(), cell });
        self
    }

    /// The rows with the largest numbers, instead of the latest ones.
    pub fn largest<F: Figure>(mut self, measure: impl Fn(&K, &V) -> F + Shared) -> Self {
        self.sort.order = Some(By::new(measure));
        self
    }

    /// How many rows there are at most: from 1 to 100, otherwise 10.
    pub fn top(mut self, rows: usize) -> Self {
        self.sort.top = rows.clamp(1, TOP_MAX);
        self
    }
}

impl<K: Value, V: Value> IntoTile<K, V> for Tile<K, V, TableTile<K, V>> {
    fn into_tile(self) -> TileOf<K, V> {
        let tile = match self.sort.columns.is_empty() {
            false => self,
            true => self.column("key", |key, _| text_of(key)).column("value", |_, value| text_of(value)),
        };
        TileOf::new(tile.finished(
            |table| TileKind::Table {
                columns: table.columns.iter().map(|column| column.name.clone()).collect(),
                top: table.top,
            },
            |TableTile { columns, order, .. }| {
                Box::new(move |key, value, row| {
                    row.cells.extend(columns.iter().map(|column| (column.cell)(key, value)));
                    row.figures.extend(order.iter().map(|order| order.of(key, value)));
                })
            },
        ))
    }
}

impl<K, V> std::fmt::Debug for TableTile<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.columns.iter().map(|column| &column.name)).finish()
    }
}

impl<K, V> std::fmt::Debug for Column<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Column({:?})", self.name)
    }
}
