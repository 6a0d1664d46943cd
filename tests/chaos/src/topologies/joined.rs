//! Two streams are joined within some time, and the records of the first one are divided into sessions.

use std::error::Error;
use std::time::Duration;

use millstream::prelude::*;

use super::{Kind, topic, witnessed};
use crate::numbers::{Numbers, Totals};

/// The store of the sessions.
pub const SESSIONS: &str = "sessions-store";

/// How far apart the records of a pair may be, in event time.
pub const WITHIN_MS: i64 = 400;

/// The longest pause within a session, in event time.
pub const GAP_MS: i64 = 800;

/// No record is late: a partition may be read long after another one.
const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

const fn ms(millis: i64) -> Duration {
    Duration::from_millis(millis.unsigned_abs())
}

pub(super) fn topology(id: &str, process: i64) -> Result<Topology, Box<dyn Error>> {
    let builder = StreamsBuilder::new();
    let left = witnessed(&builder, Kind::Joined, 0, id, process)?;
    let right = witnessed(&builder, Kind::Joined, 1, id, process)?;
    let windows = JoinWindows::of(ms(WITHIN_MS)).grace(GRACE);
    left.join(right.within(windows), |left, right| Numbers([left, right])).to(topic::<i64, Numbers<2>>(id, "pairs")?);
    let add = |totals: &mut Totals, id: i64| totals.add_id(id);
    left.group_by_key()
        .windowed_by(Sessions::gap(ms(GAP_MS)).grace(GRACE))
        .aggregate(|| Totals::NONE, add, Totals::plus)
        .stored_as(SessionStore::<i64, Totals>::new(SESSIONS))
        .to_stream()
        .to(topic::<Windowed<i64, Session>, Option<Totals>>(id, "sessions")?);
    Ok(builder.build()?)
}
