//! Tiles: what a page shows of a table's rows while the application runs.
//!
//! [`KTable::live`](super::KTable::live) hands [`Tiles`] to a closure, which makes one of them: a number, lines, bars, a
//! table or a funnel, one file each. Options follow what they belong to. As everywhere, closures get a row's key and value by
//! reference; where the value is a number, none is needed.
//!
//! Here closures are typed. What is left of a tile when the topology is built are texts and numbers
//! ([`TileFacts`](crate::topology::TileFacts)); `streams-http` makes a picture of all rows, for a page to draw.
//!
//! # Which rows count
//!
//! Time is the latest that was seen in a table's rows: the start of a window, the end of a session, the timestamp of a row.
//! So a replay looks as it did then, and while nothing comes, nothing changes. [`Tile::by_wall_clock`] says otherwise.
//!
//! * A table without windows counts with all its rows.
//! * Of windows that follow each other or overlap, those of one interval count: the oldest that is not over. Of windows of a
//!   minute that begin every five seconds, that is one which began 55 to 60 seconds ago. [`TableTile`] shows the rows of all.
//! * Sessions count as long as the store keeps them.
//! * With [`Tile::last`], rows of the last so long count instead, and those of several windows together.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;

use super::Shared;
use crate::topology::tiles::{TileReader, TileSpec};
use crate::topology::{TileKind, TileRow, TileSpan};
use crate::wire::Value;

mod bars;
mod figure;
mod funnel;
mod lines;
mod number;
mod table;

pub use bars::Bars;
pub use figure::{By, Figure, Itself, Measure};
pub use funnel::{Funnel, FunnelSteps};
pub use lines::{Lines, Series};
pub use number::Number;
pub use table::{Column, TableTile};

/// The tiles that a table with keys `K` and values `V` can have; see [`KTable::live`](super::KTable::live).
#[derive(Debug)]
pub struct Tiles<K, V>(PhantomData<fn(K, V)>);

impl<K, V> Tiles<K, V> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

/// A tile, with the options that all of them have. What it is says `S`.
#[must_use = "a tile is shown if the closure of `.live(..)` returns it"]
pub struct Tile<K, V, S> {
    title: String,
    unit: Option<String>,
    span: TileSpan,
    by_wall_clock: bool,
    only: Vec<Making<K, V, bool>>,
    sort: S,
}

/// What a closure makes of a row.
type Making<K, V, T> = Arc<dyn Fn(&K, &V) -> T + Send + Sync>;

impl<K, V, S> Tile<K, V, S> {
    fn titled(title: impl Into<String>, span: TileSpan, sort: S) -> Self {
        Self { title: title.into(), unit: None, span, by_wall_clock: false, only: Vec::new(), sort }
    }

    /// The same with something else to show.
    fn showing<T>(self, change: impl FnOnce(S) -> T) -> Tile<K, V, T> {
        let Self { title, unit, span, by_wall_clock, only, sort } = self;
        Tile { title, unit, span, by_wall_clock, only, sort: change(sort) }
    }

    /// What the numbers are, such as `per second`. It is shown beside them.
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = Some(unit.into());
        self
    }

    /// Leaves out other rows. Said several times, all have to agree.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const VIEWS: Topic<String, String> = Topic::new("views");
    ///
    /// let builder = StreamsBuilder::new();
    /// let per_page = builder.stream(VIEWS).group_by_key().count();
    /// per_page.live(|tile| tile.number("Unpopular pages").rows().only(|_, views| *views < 10));
    /// assert_eq!(builder.build()?.tiles()[0].id, "unpopular-pages");
    /// # Ok::<(), TopologyError>(())
    /// ```
    pub fn only(mut self, wants: impl Fn(&K, &V) -> bool + Shared) -> Self {
        self.only.push(Arc::new(wants));
        self
    }

    /// The rows of the last so long count: windows that have started in it, sessions with a record in it, other rows that
    /// have changed in it.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use std::time::Duration;
    ///
    /// const VIEWS: Topic<String, String> = Topic::new("views");
    ///
    /// let builder = StreamsBuilder::new();
    /// let visits = builder.stream(VIEWS).group_by_key().windowed_by(Sessions::gap(Duration::from_secs(300)).no_grace());
    /// visits.count().live(|tile| tile.number("Active users").rows().last(Duration::from_secs(30)));
    /// builder.build()?;
    /// # Ok::<(), TopologyError>(())
    /// ```
    pub fn last(mut self, duration: Duration) -> Self {
        self.span = TileSpan::Last(duration);
        self
    }

    /// Time is the wall clock's, so that rows grow old although none comes after them.
    pub fn by_wall_clock(mut self) -> Self {
        self.by_wall_clock = true;
        self
    }

    /// The finished tile, given what it shows of a row's key and value.
    fn finished(
        self,
        kind: impl FnOnce(&mut S) -> TileKind,
        show: impl FnOnce(S) -> Box<dyn Fn(&K, &V, &mut TileRow) + Send + Sync>,
    ) -> TileSpec
    where
        K: Value,
        V: Value,
    {
        let Self { title, unit, span, by_wall_clock, only, mut sort } = self;
        let kind = kind(&mut sort);
        let show = show(sort);
        let read: TileReader = Arc::new(move |key, windows, value| {
            let (mut key, value) = (K::decode(key)?, V::decode(value)?);
            key.set_window_sizes(windows);
            if !only.iter().all(|wants| wants(&key, &value)) {
                return Ok(None);
            }
            let mut row = TileRow::default();
            show(&key, &value, &mut row);
            Ok(Some(row))
        });
        TileSpec { title, unit, kind, span, by_wall_clock, read }
    }
}

impl<K, V, S> std::fmt::Debug for Tile<K, V, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tile({:?})", self.title)
    }
}

/// A tile that says everything.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no tile, or one that does not say everything",
    label = "expected a tile of this table",
    note = "the closure makes one of what it is given: `.live(|tile| tile.bars(\"Top pages\"))`"
)]
pub trait IntoTile<K, V> {
    #[doc(hidden)]
    fn into_tile(self) -> TileOf<K, V>;
}

/// A finished tile.
#[doc(hidden)]
pub struct TileOf<K, V>(pub(super) TileSpec, PhantomData<fn(K, V)>);

impl<K, V> TileOf<K, V> {
    const fn new(spec: TileSpec) -> Self {
        Self(spec, PhantomData)
    }
}

/// A key as a text for people. Of one with a window, the key inside.
fn text_of<K: Value>(key: &K) -> String {
    match key.to_json() {
        Ok(Json::String(text)) => text,
        Ok(Json::Object(mut parts)) if parts.len() == 3 && parts.contains_key("start") && parts.contains_key("end") => {
            match parts.remove("key") {
                Some(Json::String(text)) => text,
                Some(other) => other.to_string(),
                None => Json::Object(parts).to_string(),
            }
        }
        Ok(other) => other.to_string(),
        Err(error) => format!("({error})"),
    }
}
