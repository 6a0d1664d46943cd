//! Makes a tile's picture of the rows that it holds.

use std::cmp::Ordering;
use std::collections::HashMap;

use serde::Serialize;
use streams_core::record::Timestamp;
use streams_core::topology::{TileCell, TileFacts, TileKind, TileNumber, TileRow, TileSpan};

use super::held::{Content as HeldContent, Held, HeldRow};
use super::lines::{Chart, chart};

/// What a page draws of a tile.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Picture {
    id: String,
    #[serde(flatten)]
    pub(super) state: State,
    /// The time of the picture in milliseconds since 1970: the latest in the rows, unless the tile goes by the wall clock.
    at: Option<i64>,
    /// How many rows it is made of.
    rows: usize,
    /// Whether the table has more rows than a tile can hold.
    partial: bool,
    /// How many rows cannot be shown.
    unreadable: usize,
    /// Why one of them cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Why the rows of other instances are missing, if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<String>,
    #[serde(flatten)]
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub(super) enum State {
    /// Rows are being read; until then this is the picture before, if there is one.
    Loading,
    Live,
    /// It is tried again, and until then this is the picture before, if there is one.
    Failed {
        message: String,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Content {
    /// `null` if there is none.
    Number(Option<f64>),
    Lines(Chart),
    Bars(Bars),
    /// The rows' columns.
    Table(Vec<Vec<TileCell>>),
    /// The steps' numbers.
    Funnel(Vec<f64>),
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Bars {
    bars: Vec<Bar>,
    /// How many labels there are.
    labels: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Bar {
    label: String,
    value: f64,
}

impl Picture {
    /// That of a tile without rows, which are being read.
    pub(super) fn loading(tile: &TileFacts) -> Self {
        let mut picture = Held::new(tile).picture(tile, None);
        picture.state = State::Loading;
        picture
    }

    /// The same, with what is missing in it.
    pub(super) fn without(self, missing: Option<String>) -> Self {
        Self { missing, ..self }
    }
}

impl Held {
    /// The picture as of a time on the wall clock, or as of the latest row.
    pub(super) fn picture(&mut self, tile: &TileFacts, wall_clock: Option<Timestamp>) -> Picture {
        let at = wall_clock.or(self.newest);
        self.drop_past(tile, at);
        let now = at.unwrap_or(Timestamp(0));
        let counting: Vec<&HeldRow> = self.counting(tile, now).collect();
        let reasons = counting.iter().filter_map(|row| match &row.content {
            HeldContent::Unreadable(reason) => Some(reason),
            HeldContent::Row(_) | HeldContent::Unwanted => None,
        });
        let (unreadable, reason) = (reasons.clone().count(), reasons.min().cloned());
        let rows: Vec<(&HeldRow, &TileRow)> = counting
            .iter()
            .filter_map(|held| match &held.content {
                HeldContent::Row(row) => Some((*held, row)),
                HeldContent::Unreadable(_) | HeldContent::Unwanted => None,
            })
            .collect();
        let content = match &tile.kind {
            TileKind::Number(of) => Content::Number(number(*of, tile.span, &rows)),
            TileKind::Lines { series } => Content::Lines(chart(&rows, series.len(), now, tile.by_wall_clock)),
            TileKind::Bars { top } => Content::Bars(bars(*top, &rows)),
            TileKind::Table { top, .. } => Content::Table(self.table(*top, rows.clone())),
            TileKind::Funnel { steps } => Content::Funnel(funnel(steps.len(), &rows)),
            // Those that this version does not know.
            _ => Content::Number(None),
        };
        Picture {
            id: tile.id.clone(),
            state: State::Live,
            at: at.map(|at| at.0),
            rows: rows.len(),
            partial: self.is_partial,
            unreadable,
            reason,
            missing: None,
            content,
        }
    }

    /// The largest rows, or else the latest ones.
    fn table(&self, top: usize, mut rows: Vec<(&HeldRow, &TileRow)>) -> Vec<Vec<TileCell>> {
        let key = |(held, row): &(&HeldRow, &TileRow)| {
            (row.figures.first().copied().unwrap_or(f64::NAN), self.time_of(held.window, held.timestamp))
        };
        let order = |one: &(&HeldRow, &TileRow), other: &(&HeldRow, &TileRow)| {
            let (one_key, other_key) = (key(one), key(other));
            // Rows that are alike keep their places from picture to picture.
            descending(one_key.0, other_key.0)
                .then(other_key.1.cmp(&one_key.1))
                .then_with(|| format!("{:?}", one.1.cells).cmp(&format!("{:?}", other.1.cells)))
        };
        if rows.len() > top {
            rows.select_nth_unstable_by(top, order);
            rows.truncate(top);
        }
        rows.sort_by(order);
        rows.into_iter().map(|(_, row)| row.cells.clone()).collect()
    }
}

/// The largest first, and what is no number last.
fn descending(one: f64, other: f64) -> Ordering {
    one.is_nan().cmp(&other.is_nan()).then(other.partial_cmp(&one).unwrap_or(Ordering::Equal))
}

fn number(of: TileNumber, span: TileSpan, rows: &[(&HeldRow, &TileRow)]) -> Option<f64> {
    let figures = rows.iter().filter_map(|(_, row)| row.figures.first().copied()).filter(|figure| figure.is_finite());
    let (count, sum) = figures.clone().fold((0_u32, 0.0), |(count, sum), figure| (count + 1, sum + figure));
    let number = match of {
        TileNumber::Mean if count == 0 => return None,
        TileNumber::Mean => sum / f64::from(count),
        TileNumber::Max => figures.reduce(f64::max)?,
        _ => sum,
    };
    let number = match (span, of) {
        (TileSpan::Rate(duration), TileNumber::Sum) => number / duration.as_secs_f64(),
        _ => number,
    };
    number.is_finite().then_some(number)
}

fn bars(top: usize, rows: &[(&HeldRow, &TileRow)]) -> Bars {
    let mut sums: HashMap<&str, f64> = HashMap::new();
    for (_, row) in rows {
        let figure = row.figures.first().copied().filter(|figure| figure.is_finite());
        if let Some(figure) = figure {
            *sums.entry(&row.label).or_default() += figure;
        }
    }
    let labels = sums.len();
    let mut bars: Vec<(&str, f64)> = sums.into_iter().filter(|(_, value)| value.is_finite()).collect();
    let order = |one: &(&str, f64), other: &(&str, f64)| descending(one.1, other.1).then(one.0.cmp(other.0));
    if bars.len() > top {
        bars.select_nth_unstable_by(top, order);
        bars.truncate(top);
    }
    bars.sort_by(order);
    Bars { bars: bars.into_iter().map(|(label, value)| Bar { label: label.to_owned(), value }).collect(), labels }
}

fn funnel(steps: usize, rows: &[(&HeldRow, &TileRow)]) -> Vec<f64> {
    let mut sums = vec![0.0; steps];
    for (_, row) in rows {
        for (sum, figure) in sums.iter_mut().zip(&row.figures).filter(|(_, figure)| figure.is_finite()) {
            *sum += figure;
        }
    }
    sums
}
