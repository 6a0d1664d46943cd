//! By whom a static member was fenced: by another process that has taken its place, or by a late request of its own.
//!
//! Each request to join with the same instance id takes the place of the one before (KIP-345). A client that asks again
//! because an answer is overdue does that to itself, and a broker that was busy, or has just come back, may take the two
//! requests in the other order: then the client holds the id of a member that its own earlier request has replaced. Only
//! a member that has been without its group asks so. It joins again, which takes the place back; a process that
//! really is another one then learns of it. Two processes that both have trouble do not go on like that for ever.

use std::time::{Duration, Instant};

/// How often in a row a place is taken back.
const TAKEN_BACK_MAX: u32 = 5;

/// What a member knows of its time without a group.
#[derive(Debug)]
pub(crate) struct Fencing {
    /// After that long in the group, no request from before is under way any more.
    settled_after: Duration,
    was_lost: bool,
    assigned: Option<Instant>,
    taken_back: u32,
}

impl Fencing {
    /// Of a member that has not joined yet.
    pub(crate) const fn new(settled_after: Duration) -> Self {
        Self { settled_after, was_lost: false, assigned: None, taken_back: 0 }
    }

    /// The group has had to do without the member.
    pub(crate) const fn lost(&mut self) {
        self.was_lost = true;
        self.assigned = None;
    }

    /// The member is in the group.
    pub(crate) fn assigned(&mut self, now: Instant) {
        self.assigned.get_or_insert(now);
    }

    /// The member is fenced. Whether it may have done that itself, and takes its place back.
    pub(crate) fn takes_place_back(&mut self, now: Instant) -> bool {
        if self.assigned.is_some_and(|since| now.duration_since(since) >= self.settled_after) {
            (self.was_lost, self.taken_back) = (false, 0);
        }
        let takes_back = self.was_lost && self.taken_back < TAKEN_BACK_MAX;
        if takes_back {
            self.taken_back += 1;
            self.assigned = None;
        }
        takes_back
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Lost,
        Assigned,
        Fenced(bool),
    }
    use Step::{Assigned, Fenced, Lost};

    #[test]
    fn only_who_was_without_a_group_a_short_time_ago_takes_its_place_back() {
        let start = Instant::now();
        for steps in [
            &[(0, Fenced(false))][..],
            &[(0, Assigned), (1, Fenced(false))],
            &[(0, Assigned), (5, Lost), (500, Fenced(true)), (501, Assigned), (509, Fenced(true)), (510, Fenced(true))],
            &[(0, Lost), (1, Assigned), (10, Fenced(true))],
            &[(0, Lost), (1, Assigned), (5, Assigned), (11, Fenced(false)), (12, Fenced(false))],
            &[(0, Lost), (1, Assigned), (11, Fenced(false)), (12, Lost), (13, Fenced(true))],
        ] {
            let mut fencing = Fencing::new(Duration::from_secs(10));
            for (at, step) in steps {
                let now = start + Duration::from_secs(*at);
                match step {
                    Lost => fencing.lost(),
                    Assigned => fencing.assigned(now),
                    Fenced(expected) => assert_eq!(fencing.takes_place_back(now), *expected, "{at}: {steps:?}"),
                }
            }
        }
    }

    #[test]
    fn a_place_is_not_taken_back_for_ever() {
        let (now, mut fencing) = (Instant::now(), Fencing::new(Duration::from_secs(10)));
        fencing.lost();
        let taken = (0..8).map(|_| fencing.takes_place_back(now)).collect::<Vec<_>>();
        assert_eq!(taken, [true, true, true, true, true, false, false, false]);
    }
}
