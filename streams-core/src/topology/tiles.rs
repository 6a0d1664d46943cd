//! Tiles: what a page shows of tables while the application runs, and how a stored row becomes something to show.
//!
//! A tile is data beside the graph: it changes no node, no store and no name, so that programs with other tiles are the same
//! application. The typed half, which the user's closures are in, is `dsl/live/`; here a tile only knows how to make texts
//! and numbers of a row's bytes. What becomes of all rows together is up to whoever shows them.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::graph::Topology;
use crate::record::Timestamp;
use crate::state::StoreKind;
use crate::state::kinds::StoredRow;
use crate::windows::{Window, WindowSize, WindowSizes};
use crate::wire::DecodeError;

/// A tile of a table, made by [`KTable::live`](crate::dsl::KTable::live).
#[derive(Clone)]
pub struct TileFacts {
    /// Unique in the topology: the title in lower case, with a hyphen for everything but letters and digits.
    pub id: String,
    /// For people.
    pub title: String,
    /// What its numbers are, for people.
    pub unit: Option<String>,
    /// What it is.
    pub kind: TileKind,
    /// Which rows count.
    pub span: TileSpan,
    /// Whether time is the wall clock's, and not that of its rows.
    pub by_wall_clock: bool,
    /// The store that it shows.
    pub store: Arc<str>,
    pub(super) rows: StoredRows,
    pub(super) read: TileReader,
}

/// What a tile is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TileKind {
    /// One number of all rows.
    Number(TileNumber),
    /// A line for each series, over the starts of windows. Rows of the same window are added up.
    Lines {
        /// The series' names.
        series: Vec<String>,
    },
    /// A bar for each label, the longest first. Rows with the same label are added up.
    Bars {
        /// How many bars there are at most.
        top: usize,
    },
    /// Rows with columns, the largest first: those with the largest number, or the latest ones if they have none.
    Table {
        /// The columns' names.
        columns: Vec<String>,
        /// How many rows there are at most.
        top: usize,
    },
    /// A number for each step, of all rows together.
    Funnel {
        /// The steps' names, in their order.
        steps: Vec<String>,
    },
}

impl TileKind {
    /// Its name, for programs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Number(_) => "number",
            Self::Lines { .. } => "lines",
            Self::Bars { .. } => "bars",
            Self::Table { .. } => "table",
            Self::Funnel { .. } => "funnel",
        }
    }
}

/// How one number is made of those of all rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TileNumber {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// The largest.
    Max,
}

/// Which rows of a table count. Time is the latest that was seen in its rows, unless the tile goes by the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TileSpan {
    /// All that the store keeps.
    All,
    /// All that the store keeps; of rows with windows that have a fixed size, those of the oldest window that is not over.
    Current,
    /// Those of the last so long: windows that have started in it, sessions with a record in it, other rows that have changed
    /// in it.
    Last(Duration),
    /// Those of windows that have ended in the last so long, divided by its seconds.
    Rate(Duration),
}

/// What a tile shows of a row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TileRow {
    /// The label of its bar.
    pub label: String,
    /// The texts in its columns.
    pub cells: Vec<TileCell>,
    /// Its numbers: one for each series or step, otherwise one or none. What is not a finite number is none.
    pub figures: Vec<f64>,
}

/// What stands in a column.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub enum TileCell {
    /// Nothing.
    #[default]
    Nothing,
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// A moment.
    Time(Timestamp),
    /// How long something takes.
    Duration(Duration),
}

/// As JSON: `null`, a string, a number, `{"time": ..}` in milliseconds since 1970, or `{"duration": ..}` in milliseconds.
impl Serialize for TileCell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "lowercase")]
        enum Marked {
            Time(i64),
            Duration(u64),
        }
        match self {
            Self::Nothing => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            // JSON has no other numbers.
            Self::Number(number) if number.is_finite() => serializer.serialize_f64(*number),
            Self::Number(number) => serializer.serialize_str(&number.to_string()),
            Self::Time(time) => Marked::Time(time.0).serialize(serializer),
            Self::Duration(duration) => {
                Marked::Duration(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)).serialize(serializer)
            }
        }
    }
}

impl From<String> for TileCell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for TileCell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<bool> for TileCell {
    fn from(is_so: bool) -> Self {
        Self::Text(if is_so { "yes" } else { "no" }.to_owned())
    }
}

impl From<Timestamp> for TileCell {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

impl From<Duration> for TileCell {
    fn from(duration: Duration) -> Self {
        Self::Duration(duration)
    }
}

impl<T: Into<Self>> From<Option<T>> for TileCell {
    fn from(cell: Option<T>) -> Self {
        cell.map_or(Self::Nothing, Into::into)
    }
}

macro_rules! cells_of_numbers {
    ($($number:ty),+) => {$(
        impl From<$number> for TileCell {
            #[allow(clippy::cast_precision_loss, clippy::cast_lossless, reason = "it is shown, and nobody sees a difference")]
            fn from(number: $number) -> Self {
                Self::Number(number as f64)
            }
        }
    )+};
}

cells_of_numbers!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize, f32, f64);

/// Makes what a tile shows of a row's key, the sizes of the windows in it, and its value. `None` if the row does not count.
pub(crate) type TileReader =
    Arc<dyn Fn(&[u8], &[WindowSize], &[u8]) -> Result<Option<TileRow>, DecodeError> + Send + Sync>;

/// A tile before it is known which store its table has.
#[derive(Clone)]
pub(crate) struct TileSpec {
    pub(crate) title: String,
    pub(crate) unit: Option<String>,
    pub(crate) kind: TileKind,
    pub(crate) span: TileSpan,
    pub(crate) by_wall_clock: bool,
    pub(crate) read: TileReader,
}

/// What has to be known of a store to read its rows.
#[derive(Clone)]
pub(super) struct StoredRows {
    pub(super) kind: Arc<dyn StoreKind>,
    pub(super) windows: WindowSizes,
}

impl TileFacts {
    /// What it shows of a stored row; `None` if the row does not count. Calls the application's closures.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::state::kinds::StoredRow;
    ///
    /// const VIEWS: Topic<String, String> = Topic::new("views");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(VIEWS).group_by_key().count().live(|tile| tile.bars("Views by page"));
    /// let topology = builder.build()?;
    ///
    /// let tile = &topology.tiles()[0];
    /// assert_eq!((&*tile.id, tile.kind.name()), ("views-by-page", "bars"));
    /// let value = &7_i64.to_be_bytes();
    /// let row = tile.read(&StoredRow { key: b"/home", window: None, timestamp: None, value })?.unwrap();
    /// assert_eq!((&*row.label, &*row.figures), ("/home", &[7.0][..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the bytes are not of the store's types.
    pub fn read(&self, row: &StoredRow<'_>) -> Result<Option<TileRow>, DecodeError> {
        (self.read)(&self.rows.whole_key(row), self.rows.windows.as_slice(), row.value)
    }

    /// Whether the store keeps a window's row no longer once it has rows of a time.
    #[must_use]
    pub fn is_over(&self, window: Window, newest: Timestamp) -> bool {
        let row = StoredRow { key: &[], window: Some(window), timestamp: None, value: &[] };
        self.rows.kind.is_over(&row, newest)
    }

    /// Whether its rows have windows of a fixed size, and so each is for a certain one.
    #[must_use]
    pub fn has_windows(&self) -> bool {
        self.rows.kind.window_size().is_some()
    }
}

impl StoredRows {
    /// The bytes of a key with its window, as in a topic.
    fn whole_key<'a>(&self, row: &StoredRow<'a>) -> Cow<'a, [u8]> {
        let Some(Window { start, end }) = row.window else { return Cow::Borrowed(row.key) };
        let start = start.0.to_be_bytes();
        Cow::Owned(match self.kind.window_size() {
            Some(_) => [row.key, &start].concat(),
            None => [row.key, &end.0.to_be_bytes(), &start].concat(),
        })
    }
}

impl fmt::Debug for TileFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TileFacts")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("span", &self.span)
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

impl Topology {
    /// The tiles of its tables, in the order of the program.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const VIEWS: Topic<String, String> = Topic::new("views");
    /// const PER_PAGE: KeyValueStore<String, i64> = KeyValueStore::new("views-per-page");
    ///
    /// let builder = StreamsBuilder::new();
    /// let pages = builder.stream(VIEWS).group_by_key().count().stored_as(PER_PAGE);
    /// pages.live(|tile| tile.bars("Top pages").top(5)).live(|tile| tile.number("Views"));
    /// let topology = builder.build()?;
    /// let tiles: Vec<_> = topology.tiles().iter().map(|tile| (&*tile.title, &*tile.store)).collect();
    /// assert_eq!(tiles, [("Top pages", "views-per-page"), ("Views", "views-per-page")]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use]
    pub fn tiles(&self) -> &[TileFacts] {
        &self.tiles
    }
}

/// The id of a tile with that title; empty if there are no letters or digits in it.
pub(super) fn slug(title: &str) -> String {
    let words = title.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_id_is_made_of_the_letters_and_digits_of_a_title() {
        for (title, expected) in [
            ("Views by country", "views-by-country"),
            ("  99 % of \"it\"  ", "99-of-it"),
            ("Überblick", "überblick"),
            ("!?", ""),
            ("", ""),
        ] {
            assert_eq!(slug(title), expected, "{title:?}");
        }
    }

    #[test]
    fn a_cell_is_what_a_page_can_tell_apart() {
        let cells: [TileCell; 8] = [
            "a".into(),
            7_u8.into(),
            f64::NAN.into(),
            true.into(),
            Timestamp(5).into(),
            Duration::from_secs(1).into(),
            None::<i64>.into(),
            Some(1.5).into(),
        ];
        let expected = json!(["a", 7.0, "NaN", "yes", { "time": 5 }, { "duration": 1_000 }, null, 1.5]);
        assert_eq!(json!(cells), expected);
    }
}
