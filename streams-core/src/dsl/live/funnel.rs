//! `funnel`: how many get from step to step.

use super::figure::{By, Figure, Measure as _};
use super::{IntoTile, Tile, TileOf, Tiles, text_of};
use crate::dsl::Shared;
use crate::topology::{TileKind, TileSpan};
use crate::wire::Value;

/// A funnel that has no steps yet.
#[derive(Debug)]
pub struct Funnel(());

/// A funnel with steps.
#[derive(Debug)]
pub struct FunnelSteps<K, V>(Vec<(String, By<K, V>)>);

impl<K: Value, V: Value> Tiles<K, V> {
    /// A number for each step, in the order of the calls, each beside its part of the first one.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const STEPS: Topic<String, String> = Topic::new("steps-by-visitor");
    ///
    /// let builder = StreamsBuilder::new();
    /// let per_step = builder.stream(STEPS).group_by(|_, step| step.clone()).count();
    /// per_step.live(|tile| tile.funnel("From view to sale").keys(["view", "cart", "sale"]));
    /// per_step.live(|tile| {
    ///     tile.funnel("By hand")
    ///         .step("viewed", |step, count| if step == "view" { *count } else { 0 })
    ///         .step("bought", |step, count| if step == "sale" { *count } else { 0 })
    /// });
    /// assert_eq!(builder.build()?.tiles().len(), 2);
    /// # Ok::<(), TopologyError>(())
    /// ```
    pub fn funnel(self, title: impl Into<String>) -> Tile<K, V, Funnel> {
        Tile::titled(title, TileSpan::Current, Funnel(()))
    }
}

impl<K: Value, V: Value> Tile<K, V, Funnel> {
    /// The first step, of what a closure makes of each row.
    pub fn step<F: Figure>(
        self,
        name: impl Into<String>,
        measure: impl Fn(&K, &V) -> F + Shared,
    ) -> Tile<K, V, FunnelSteps<K, V>> {
        self.showing(|_| FunnelSteps(vec![(name.into(), By::new(measure))]))
    }

    /// A step for each of these keys, written as they are shown, of its row's value.
    pub fn keys<const N: usize>(self, keys: [&'static str; N]) -> Tile<K, V, FunnelSteps<K, V>>
    where
        V: Figure,
    {
        let step = |name: &'static str| {
            let of = move |key: &K, value: &V| if text_of(key) == name { value.figure() } else { 0.0 };
            (name.to_owned(), By::new(of))
        };
        self.showing(|_| FunnelSteps(keys.map(step).into()))
    }
}

impl<K: Value, V: Value> Tile<K, V, FunnelSteps<K, V>> {
    /// The next step.
    pub fn step<F: Figure>(
        mut self,
        name: impl Into<String>,
        measure: impl Fn(&K, &V) -> F + Shared,
    ) -> Tile<K, V, FunnelSteps<K, V>> {
        self.sort.0.push((name.into(), By::new(measure)));
        self
    }
}

impl<K: Value, V: Value> IntoTile<K, V> for Tile<K, V, FunnelSteps<K, V>> {
    fn into_tile(self) -> TileOf<K, V> {
        TileOf::new(self.finished(
            |FunnelSteps(steps)| TileKind::Funnel { steps: steps.iter().map(|(name, _)| name.clone()).collect() },
            |FunnelSteps(steps)| {
                Box::new(move |key, value, row| {
                    row.figures.extend(steps.iter().map(|(_, measure)| measure.of(key, value)));
                })
            },
        ))
    }
}
