//! `live`.

use std::panic::Location;

use super::KTable;
use crate::dsl::live::{IntoTile, Tiles};
use crate::wire::{Key, Value};

impl<K: Key, V: Value> KTable<'_, K, V> {
    /// Shows the table in the application's dashboard, as the [tile](crate::dsl::live) that the closure makes: one number,
    /// lines over windows, bars, rows in columns, or a funnel. A table may have several.
    ///
    /// A tile changes nothing else: nodes, names, topics and stores are the same, and as long as nobody looks, it costs
    /// nothing. The table has to be kept in a store; where no other operation needs its rows, `.stored_as(..)` keeps them.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use std::time::Duration;
    ///
    /// const VIEWS: Topic<String, String> = Topic::new("views-by-country");
    ///
    /// let builder = StreamsBuilder::new();
    /// let countries = builder.stream(VIEWS).group_by_key();
    /// countries.count().live(|tile| tile.bars("Views by country"));
    /// let seconds = Tumbling::of(Duration::from_secs(1)).no_grace();
    /// countries.windowed_by(seconds).count().live(|tile| tile.lines("Views per second"));
    ///
    /// let topology = builder.build()?;
    /// let kinds: Vec<_> = topology.tiles().iter().map(|tile| tile.kind.name()).collect();
    /// assert_eq!(kinds, ["bars", "lines"]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    ///
    /// Bars, lines and numbers are made of numbers, so the compiler asks for one where the values are none:
    ///
    /// ```compile_fail,E0277
    /// use millstream::prelude::*;
    ///
    /// const NAMES: Topic<u64, String> = Topic::new("names");
    /// const KEPT: KeyValueStore<u64, String> = KeyValueStore::new("names");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.table(NAMES).stored_as(KEPT).live(|tile| tile.bars("Longest names")); // .by(|_, name| name.len())
    /// ```
    #[doc(alias = "tile")]
    #[track_caller]
    pub fn live<T: IntoTile<K, V>>(self, tile: impl FnOnce(Tiles<K, V>) -> T) -> Self {
        let tile = (tile(Tiles::new()).into_tile().0, Location::caller());
        self.builder.options(self.step, |options| options.tiles.push(tile));
        self
    }
}
