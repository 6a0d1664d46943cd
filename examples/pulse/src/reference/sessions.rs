//! The sessions that must result: each event makes a session of its own, which then takes in those that are near enough.

use std::collections::BTreeMap;

use super::SessionKey;
use crate::events::UserId;

/// Counts an event at this time.
pub fn note(sessions: &mut BTreeMap<SessionKey, i64>, user: UserId, at: i64, gap_ms: i64) {
    let of_user = sessions.range((user, i64::MIN, i64::MIN)..=(user, i64::MAX, i64::MAX));
    let near = of_user.filter(|((_, start, end), _)| *start <= at + gap_ms && *end >= at - gap_ms);
    let near: Vec<SessionKey> = near.map(|(key, _)| *key).collect();
    let (mut start, mut end, mut actions) = (at, at, 1);
    for key in near {
        start = start.min(key.1);
        end = end.max(key.2);
        actions += sessions.remove(&key).unwrap_or(0);
    }
    sessions.insert((user, start, end), actions);
}

/// Whether a session that was found is an earlier state of one of these.
pub fn has_grown(sessions: &BTreeMap<SessionKey, i64>, (user, start, end): SessionKey, actions: i64) -> bool {
    let until = sessions.range((user, i64::MIN, i64::MIN)..=(user, start, i64::MAX));
    until.last().is_some_and(|((_, _, grown_end), grown)| *grown_end >= end && *grown >= actions)
}
