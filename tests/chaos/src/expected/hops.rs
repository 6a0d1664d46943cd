//! What comes of the two tables.

use std::collections::BTreeMap;

use super::Input;
use crate::numbers::Totals;
use crate::topologies::{mid_of, top_of};

/// The rows of the first table.
#[must_use]
pub fn mids(events: &[Input]) -> BTreeMap<i64, Totals> {
    rows(events, mid_of)
}

/// The rows of the second table.
#[must_use]
pub fn tops(events: &[Input]) -> BTreeMap<i64, Totals> {
    rows(events, |key| top_of(mid_of(key)))
}

fn rows(events: &[Input], row_of: impl Fn(i64) -> i64) -> BTreeMap<i64, Totals> {
    let mut rows = BTreeMap::new();
    for event in events {
        rows.entry(row_of(event.key)).or_insert(Totals::NONE).add_id(event.id);
    }
    rows
}
