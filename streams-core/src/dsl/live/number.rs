//! `number`: one number of all rows.

use std::time::Duration;

use super::figure::{By, Figure, Itself, Measure};
use super::{IntoTile, Tile, TileOf, Tiles};
use crate::dsl::Shared;
use crate::topology::{TileKind, TileNumber, TileSpan};
use crate::windows::Windowed;
use crate::wire::Value;

/// One number, of the rows' `M`.
#[derive(Debug)]
pub struct Number<M> {
    of: TileNumber,
    measure: M,
}

impl<K: Value, V: Value> Tiles<K, V> {
    /// One number: the sum of all rows' values, unless it is said of what.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const ORDERS: Topic<String, i64> = Topic::new("orders-in-cents");
    ///
    /// let builder = StreamsBuilder::new();
    /// let spent = builder.stream(ORDERS).group_by_key().aggregate(|| 0_i64, |sum, cents| *sum += cents);
    /// spent.live(|tile| tile.number("Revenue").sum(|_, cents| *cents as f64 / 100.0).unit("EUR"));
    /// spent.live(|tile| tile.number("Customers").rows());
    /// spent.live(|tile| tile.number("Best customer, in cents").max());
    /// assert_eq!(builder.build()?.tiles().len(), 3);
    /// # Ok::<(), TopologyError>(())
    /// ```
    pub fn number(self, title: impl Into<String>) -> Tile<K, V, Number<Itself>> {
        Tile::titled(title, TileSpan::Current, Number { of: TileNumber::Sum, measure: Itself })
    }
}

impl<K: Value, V: Value, M> Tile<K, V, Number<M>> {
    /// How many rows there are.
    pub fn rows(self) -> Tile<K, V, Number<By<K, V>>> {
        self.sum(|_, _| 1)
    }

    /// The sum of what a closure makes of each row.
    pub fn sum<F: Figure>(self, measure: impl Fn(&K, &V) -> F + Shared) -> Tile<K, V, Number<By<K, V>>> {
        self.showing(|Number { of, .. }| Number { of, measure: By::new(measure) })
    }

    /// Not the sum, but the mean of the rows' numbers.
    pub fn mean(mut self) -> Self {
        self.sort.of = TileNumber::Mean;
        self
    }

    /// Not the sum, but the largest of the rows' numbers.
    pub fn max(mut self) -> Self {
        self.sort.of = TileNumber::Max;
        self
    }
}

impl<K: Value, V: Value, M> Tile<Windowed<K>, V, Number<M>> {
    /// So many per second: what windows have that ended in the last so long, divided by its seconds. It should be a multiple
    /// of the windows' size, and they should not overlap.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use std::time::Duration;
    ///
    /// const VIEWS: Topic<String, String> = Topic::new("views");
    ///
    /// let builder = StreamsBuilder::new();
    /// let seconds = Tumbling::of(Duration::from_secs(1)).grace(Duration::from_secs(10));
    /// let per_second = builder.stream(VIEWS).group_by_key().windowed_by(seconds).count();
    /// per_second.live(|tile| tile.number("Views").rate(Duration::from_secs(5)).unit("per second"));
    /// builder.build()?;
    /// # Ok::<(), TopologyError>(())
    /// ```
    pub fn rate(mut self, duration: Duration) -> Self {
        self.span = TileSpan::Rate(duration);
        self
    }
}

impl<K: Value, V: Value, M: Measure<K, V>> IntoTile<K, V> for Tile<K, V, Number<M>> {
    fn into_tile(self) -> TileOf<K, V> {
        TileOf::new(self.finished(
            |number| TileKind::Number(number.of),
            |Number { measure, .. }| Box::new(move |key, value, row| row.figures.push(measure.of(key, value))),
        ))
    }
}
