//! Makes points of windows: one for each, with zeros where there are none, and no more than a page can show.

use std::collections::BTreeMap;

use serde::Serialize;
use streams_core::record::Timestamp;
use streams_core::topology::TileRow;

use super::held::HeldRow;

/// How many points a line has at most. Where there are more windows, neighbours are combined.
const POINTS_MAX: usize = if cfg!(test) { 6 } else { 600 };

/// How many windows are filled up with zeros at most.
const FILLED_MAX: i64 = 100_000;

/// The lines of all series.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Chart {
    /// When the windows start, in milliseconds since 1970.
    starts: Starts,
    /// The values of each series.
    values: Vec<Vec<f64>>,
    /// How many of the last points are of windows that are not over.
    open: usize,
    /// How many windows are combined in a point, which then has their mean.
    combined: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Starts {
    /// As many as there are values, with equal distances.
    Even {
        from: i64,
        step: i64,
    },
    Listed {
        at: Vec<i64>,
    },
}

impl Default for Starts {
    fn default() -> Self {
        Self::Listed { at: Vec::new() }
    }
}

#[derive(Debug, Clone, Copy)]
struct Place {
    start: i64,
    is_open: bool,
}

pub(super) fn chart(rows: &[(&HeldRow, &TileRow)], series: usize, now: Timestamp, is_up_to_now: bool) -> Chart {
    let mut sums: BTreeMap<i64, (i64, Vec<f64>)> = BTreeMap::new();
    for (held, row) in rows {
        let Some(window) = held.window else { continue };
        let (_, sums) = sums.entry(window.start.0).or_insert_with(|| (window.end.0, vec![0.0; series]));
        for (sum, figure) in sums.iter_mut().zip(&row.figures).filter(|(_, figure)| figure.is_finite()) {
            *sum += figure;
        }
    }
    let Some((first, (first_end, _))) = sums.first_key_value().map(|(first, of)| (*first, of.clone())) else {
        return Chart { values: vec![Vec::new(); series], combined: 1, ..Chart::default() };
    };
    let last = sums.last_key_value().map_or(first, |(last, _)| *last);
    let distances = sums.keys().zip(sums.keys().skip(1)).map(|(one, next)| next.saturating_sub(*one));
    let length = first_end.saturating_sub(first).max(1);
    let step = distances.clone().min().map_or(length, |distance| distance.min(length)).max(1);
    let is_even = distances.clone().all(|distance| distance % step == 0)
        && last.saturating_sub(first) / step < FILLED_MAX
        && sums.iter().all(|(start, (end, _))| end.saturating_sub(*start) == length);
    if !is_even {
        return listed(&sums, series, now);
    }
    let last = match is_up_to_now && now.0 > last && now.0.saturating_sub(first) / step < FILLED_MAX {
        true => first + (now.0 - first).div_euclid(step) * step,
        false => last,
    };
    even(&sums, series, (first, last, step, length), now)
}

/// One point for each window, of the latest ones.
fn listed(sums: &BTreeMap<i64, (i64, Vec<f64>)>, series: usize, now: Timestamp) -> Chart {
    let skipped = sums.len().saturating_sub(POINTS_MAX);
    let mut chart = Chart { values: vec![Vec::new(); series], combined: 1, ..Chart::default() };
    let mut at = Vec::new();
    for (start, (end, values)) in sums.iter().skip(skipped) {
        at.push(*start);
        chart.open += usize::from(*end > now.0);
        chart.values.iter_mut().zip(values).for_each(|(line, value)| line.push(*value));
    }
    Chart { starts: Starts::Listed { at }, ..chart }
}

/// Points with equal distances. Which windows are combined does not depend on which is the first, so that points stay as they
/// are when time goes on.
fn even(
    sums: &BTreeMap<i64, (i64, Vec<f64>)>,
    series: usize,
    (first, last, step, length): (i64, i64, i64, i64),
    now: Timestamp,
) -> Chart {
    let windows = usize::try_from((last - first) / step + 1).unwrap_or(1);
    let combined = windows.div_ceil(POINTS_MAX);
    let group_of = |start: i64| start.div_euclid(step).div_euclid(i64::try_from(combined).unwrap_or(1));
    let mut groups: Vec<(Place, usize, Vec<f64>)> = Vec::new();
    let mut start = first;
    for _ in 0..windows {
        if groups.last().is_none_or(|(place, ..)| group_of(place.start) != group_of(start)) {
            groups.push((Place { start, is_open: false }, 0, vec![0.0; series]));
        }
        if let Some((place, count, values)) = groups.last_mut() {
            *count += 1;
            place.is_open |= start.saturating_add(length) > now.0;
            let found = sums.get(&start).map(|(_, found)| found);
            values.iter_mut().zip(found.into_iter().flatten()).for_each(|(sum, value)| *sum += value);
        }
        start = start.saturating_add(step);
    }
    let mut chart = Chart { values: vec![Vec::new(); series], combined, ..Chart::default() };
    chart.open = groups.iter().rev().take_while(|(place, ..)| place.is_open).count();
    for (_, count, values) in &groups {
        #[allow(clippy::cast_precision_loss, reason = "a few windows")]
        let count = *count as f64;
        chart.values.iter_mut().zip(values).for_each(|(line, sum)| line.push(sum / count));
    }
    let width = step.saturating_mul(i64::try_from(combined).unwrap_or(1));
    // A first group that is not whole begins earlier than its first window.
    let offset = first.rem_euclid(step);
    let from = if combined == 1 { first } else { group_of(first).saturating_mul(width).saturating_add(offset) };
    Chart { starts: Starts::Even { from, step: width }, ..chart }
}
