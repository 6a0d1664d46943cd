//! `bars`: the largest of many.

use std::sync::Arc;

use super::figure::{By, Figure, Itself, Measure};
use super::{IntoTile, Making, Tile, TileOf, Tiles, text_of};
use crate::dsl::Shared;
use crate::topology::{TileKind, TileSpan};
use crate::wire::Value;

/// How many bars there are unless it is said, and at most.
const TOP: usize = 10;
const TOP_MAX: usize = 100;

/// A bar for each label, of the rows' `M`.
pub struct Bars<K, V, M> {
    top: usize,
    label: Making<K, V, String>,
    measure: M,
}

impl<K: Value, V: Value> Tiles<K, V> {
    /// A bar for each of the ten largest rows, the longest first. Its length is the row's value, unless [`Tile::by`] says
    /// otherwise, and its label the row's key.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const VIEWS: Topic<String, String> = Topic::new("views-by-user");
    ///
    /// let builder = StreamsBuilder::new();
    /// let views = builder.stream(VIEWS);
    /// views.group_by(|_, page| page.clone()).count().live(|tile| tile.bars("Top pages").top(5).unit("views"));
    /// assert_eq!(builder.build()?.tiles()[0].kind.name(), "bars");
    /// # Ok::<(), TopologyError>(())
    /// ```
    pub fn bars(self, title: impl Into<String>) -> Tile<K, V, Bars<K, V, Itself>> {
        let label: Making<K, V, String> = Arc::new(|key, _| text_of(key));
        Tile::titled(title, TileSpan::Current, Bars { top: TOP, label, measure: Itself })
    }
}

impl<K: Value, V: Value, M> Tile<K, V, Bars<K, V, M>> {
    /// The length of a row's bar.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const WORDS: Topic<String, String> = Topic::new("words");
    ///
    /// let builder = StreamsBuilder::new();
    /// let last = builder.stream(WORDS).group_by_key().reduce(|_, word| word);
    /// last.live(|tile| tile.bars("Longest last words").by(|_, word| word.len()).label(|author, _| author.to_uppercase()));
    /// builder.build()?;
    /// # Ok::<(), TopologyError>(())
    /// ```
    pub fn by<F: Figure>(self, measure: impl Fn(&K, &V) -> F + Shared) -> Tile<K, V, Bars<K, V, By<K, V>>> {
        self.showing(|Bars { top, label, .. }| Bars { top, label, measure: By::new(measure) })
    }

    /// The label of a row's bar. Rows with the same label are added up.
    pub fn label(mut self, label: impl Fn(&K, &V) -> String + Shared) -> Self {
        self.sort.label = Arc::new(label);
        self
    }

    /// How many bars there are at most: from 1 to 100, otherwise 10.
    pub fn top(mut self, bars: usize) -> Self {
        self.sort.top = bars.clamp(1, TOP_MAX);
        self
    }
}

impl<K: Value, V: Value, M: Measure<K, V>> IntoTile<K, V> for Tile<K, V, Bars<K, V, M>> {
    fn into_tile(self) -> TileOf<K, V> {
        TileOf::new(self.finished(
            |bars| TileKind::Bars { top: bars.top },
            |Bars { label, measure, .. }| {
                Box::new(move |key, value, row| {
                    row.label = label(key, value);
                    row.figures.push(measure.of(key, value));
                })
            },
        ))
    }
}

impl<K, V, M> std::fmt::Debug for Bars<K, V, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bars({})", self.top)
    }
}
