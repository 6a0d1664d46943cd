//! What was dropped on purpose, by node and reason, and when to say so.
//!
//! A line per record would drown the log in a replay that drops most of it, and a counter alone is looked at by nobody.
//! So each node says how many it has dropped: soon after the first, then now and then, and at the end.

use std::time::Duration;

use super::DropReason;
use crate::record::Timestamp;

/// How long after the first drop it is told, so that it is told with a number that means something.
const FIRST_AFTER: Duration = Duration::from_secs(1);

/// How often a node says more.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// A task's drops.
#[derive(Debug, Default)]
pub(super) struct Drops(Vec<NodeDrops>);

#[derive(Debug)]
struct NodeDrops {
    node: Box<str>,
    reason: DropReason,
    total: u64,
    untold: u64,
    /// When the first was dropped, until that is told; then when something was told last.
    waits_since: Timestamp,
    was_told: bool,
}

/// What a node has to say.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told<'a> {
    pub(super) node: &'a str,
    pub(super) reason: DropReason,
    /// How many were dropped since it was told last.
    pub(super) dropped: u64,
    pub(super) total: u64,
}

impl Drops {
    /// Counts a drop.
    pub(super) fn count(&mut self, node: &str, reason: DropReason, now: Timestamp) {
        let known = self.0.iter_mut().find(|known| known.reason == reason && *known.node == *node);
        match known {
            Some(drops) => {
                drops.total += 1;
                drops.untold += 1;
            }
            None => {
                let node = node.into();
                self.0.push(NodeDrops { node, reason, total: 1, untold: 1, waits_since: now, was_told: false });
            }
        }
    }

    /// What is to be told at `now`; everything if this is the end.
    pub(super) fn tell(&mut self, now: Timestamp, is_end: bool) -> impl Iterator<Item = Told<'_>> {
        self.0.iter_mut().filter_map(move |drops| {
            let patience = if drops.was_told { AGAIN_AFTER } else { FIRST_AFTER };
            let waited = now.0.saturating_sub(drops.waits_since.0);
            if drops.untold == 0 || !is_end && u128::try_from(waited).unwrap_or(0) < patience.as_millis() {
                return None;
            }
            (drops.was_told, drops.waits_since) = (true, now);
            let dropped = std::mem::take(&mut drops.untold);
            Some(Told { node: &drops.node, reason: drops.reason, dropped, total: drops.total })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_tells_soon_then_every_ten_seconds_and_at_the_end() {
        let mut drops = Drops::default();
        let mut told = Vec::new();
        for ms in (0..25_000).step_by(100) {
            let now = Timestamp(ms);
            drops.count("window", DropReason::Late, now);
            told.extend(drops.tell(now, false).map(|told| (ms, told.dropped, told.total)));
        }
        assert_eq!(told, [(1_000, 11, 11), (11_000, 100, 111), (21_000, 100, 211)]);
        let end: Vec<_> = drops.tell(Timestamp(25_000), true).map(|told| (told.dropped, told.total)).collect();
        assert_eq!(end, [(39, 250)]);
        assert_eq!(drops.tell(Timestamp(99_000), true).count(), 0, "there is no more to tell");
    }

    #[test]
    fn nodes_and_reasons_are_told_apart() {
        let mut drops = Drops::default();
        for (node, reason) in
            [("a", DropReason::Late), ("b", DropReason::Late), ("a", DropReason::NullKey), ("a", DropReason::Late)]
        {
            drops.count(node, reason, Timestamp(0));
        }
        let told: Vec<_> =
            drops.tell(Timestamp(5_000), false).map(|told| (told.node, told.reason, told.total)).collect();
        assert_eq!(told, [("a", DropReason::Late, 2), ("b", DropReason::Late, 1), ("a", DropReason::NullKey, 1)]);
    }
}
