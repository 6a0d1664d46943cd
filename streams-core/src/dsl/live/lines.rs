//! `lines`: how numbers change from window to window.

use std::time::Duration;

use super::figure::{By, Figure, Itself, Measure};
use super::{IntoTile, Tile, TileOf, Tiles};
use crate::dsl::Shared;
use crate::topology::{TileKind, TileSpan};
use crate::windows::Windowed;
use crate::wire::Value;

/// How far back lines go unless it is said.
const LAST: Duration = Duration::from_secs(300);

/// A line for each series `S`.
#[derive(Debug)]
pub struct Lines<S>(S);

/// The series of lines, by their names.
#[derive(Debug)]
pub struct Series<K, V>(Vec<(String, By<K, V>)>);

impl<K: Value, V: Value> Tiles<Windowed<K>, V> {
    /// Lines over the starts of windows, of the last five minutes unless [`Tile::last`] says otherwise: of the rows' values,
    /// or of each [series](Tile::series). The rows of a window are added up, whatever their keys.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use std::time::Duration;
    ///
    /// const SALES: Topic<String, i64> = Topic::new("sales-in-cents");
    ///
    /// let builder = StreamsBuilder::new();
    /// let minutes = Tumbling::of(Duration::from_secs(60)).no_grace();
    /// let per_minute = builder.stream(SALES).group_by_key().windowed_by(minutes);
    /// per_minute.count().live(|tile| tile.lines("Sales"));
    /// per_minute
    ///     .aggregate(Vec::<u8>::new, |sizes, cents| sizes.push(if cents > 10_000 { 1 } else { 0 }))
    ///     .live(|tile| {
    ///         let large = |sizes: &[u8]| sizes.iter().filter(|size| **size > 0).count();
    ///         tile.lines("By size")
    ///             .series("large", move |_, sizes| large(sizes))
    ///             .series("small", move |_, sizes| sizes.len() - large(sizes))
    ///             .last(Duration::from_secs(3_600))
    ///             .unit("per minute")
    ///     });
    /// assert_eq!(builder.build()?.tiles().len(), 2);
    /// # Ok::<(), TopologyError>(())
    /// ```
    pub fn lines(self, title: impl Into<String>) -> Tile<Windowed<K>, V, Lines<Itself>> {
        Tile::titled(title, TileSpan::Last(LAST), Lines(Itself))
    }
}

impl<K: Value, V: Value> Tile<K, V, Lines<Itself>> {
    /// A line with a name, of what a closure makes of each row.
    pub fn series<F: Figure>(
        self,
        name: impl Into<String>,
        measure: impl Fn(&K, &V) -> F + Shared,
    ) -> Tile<K, V, Lines<Series<K, V>>> {
        self.showing(|_| Lines(Series(vec![(name.into(), By::new(measure))])))
    }
}

impl<K: Value, V: Value> Tile<K, V, Lines<Series<K, V>>> {
    /// One more line with a name.
    pub fn series<F: Figure>(
        mut self,
        name: impl Into<String>,
        measure: impl Fn(&K, &V) -> F + Shared,
    ) -> Tile<K, V, Lines<Series<K, V>>> {
        self.sort.0.0.push((name.into(), By::new(measure)));
        self
    }
}

impl<K: Value, V: Value + Figure> IntoTile<K, V> for Tile<K, V, Lines<Itself>> {
    fn into_tile(self) -> TileOf<K, V> {
        let series = vec![self.title.clone()];
        TileOf::new(self.finished(
            |_| TileKind::Lines { series },
            |Lines(itself)| Box::new(move |key, value, row| row.figures.push(itself.of(key, value))),
        ))
    }
}

impl<K: Value, V: Value> IntoTile<K, V> for Tile<K, V, Lines<Series<K, V>>> {
    fn into_tile(self) -> TileOf<K, V> {
        TileOf::new(self.finished(
            |Lines(Series(series))| TileKind::Lines { series: series.iter().map(|(name, _)| name.clone()).collect() },
            |Lines(Series(series))| {
                Box::new(move |key, value, row| {
                    row.figures.extend(series.iter().map(|(_, measure)| measure.of(key, value)));
                })
            },
        ))
    }
}
