//! A table of records by another key, and a table of that table's rows by a third one.

use std::error::Error;

use millstream::prelude::*;

use super::{Kind, topic, witnessed};
use crate::numbers::Totals;

/// The store of the first table.
pub const MIDS: &str = "mids-store";
/// The store of the second one.
pub const TOPS: &str = "tops-store";

/// The key of an event's row in the first table.
#[must_use]
pub const fn mid_of(key: i64) -> i64 {
    key.rem_euclid(500) + 100_000
}

/// The key of the row of the second table that a row of the first one belongs to.
#[must_use]
pub const fn top_of(mid: i64) -> i64 {
    mid.rem_euclid(23) + 200_000
}

pub(super) fn topology(id: &str, process: i64) -> Result<Topology, Box<dyn Error>> {
    let builder = StreamsBuilder::new();
    let mids = witnessed(&builder, Kind::Hops, 0, id, process)?
        .group_by(|key, _| mid_of(*key))
        .aggregate(|| Totals::NONE, |totals, id| totals.add_id(id))
        .stored_as(KeyValueStore::<i64, Totals>::new(MIDS));
    mids.to_stream().to(topic::<i64, Totals>(id, "mids")?);
    mids.group_by(|mid, totals| (top_of(*mid), totals))
        .aggregate(|| Totals::NONE, |all, part| *all = all.plus(part), |all, part| *all = all.minus(part))
        .stored_as(KeyValueStore::<i64, Totals>::new(TOPS))
        .to_stream()
        .to(topic::<i64, Totals>(id, "tops")?);
    Ok(builder.build()?)
}
