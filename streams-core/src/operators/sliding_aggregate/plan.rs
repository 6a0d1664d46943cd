//! What a record does to the sliding windows of its key.

use smallvec::SmallVec;

use crate::record::Timestamp;

/// A window near a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Near {
    pub(super) start: Timestamp,
    /// The time of the latest record in it.
    pub(super) latest: Timestamp,
}

/// Something to do to the window with a certain start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It takes the record.
    Update(Timestamp),
    /// It begins with the record.
    Create(Timestamp),
    /// It begins with the result of the window before it, and takes the record.
    CreateLeft(Timestamp),
    /// It begins with the result of a window whose records after this one are those in it.
    CreateRight(Timestamp),
}

/// Everything that a record does, in this order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) steps: SmallVec<[Step; 8]>,
    /// The window whose result the one that ends with the record begins with.
    pub(super) left_of: Option<Timestamp>,
    /// The window whose result the one that begins after the record begins with.
    pub(super) right_of: Option<Timestamp>,
}

impl Plan {
    /// The plan for a record, given the windows of its key that start from twice the difference before it up to a moment
    /// after it, by ascending start.
    pub(super) fn of(near: &[Near], time: Timestamp, difference: i64) -> Self {
        if time.0 < difference { Self::early(near, time) } else { Self::usual(near, time, difference) }
    }

    /// As Kafka Streams' `processReverse`.
    fn usual(near: &[Near], time: Timestamp, difference: i64) -> Self {
        let mut plan = Self::default();
        let (mut right, mut has_right, mut has_left) = (None, false, false);
        let (mut left, mut previous) = (None, None);
        for window in near.iter().rev() {
            let Near { start, latest } = *window;
            let end = start.0.saturating_add(difference);
            if start > time {
                has_right = true;
            } else if end > time.0 {
                right = right.or(Some(*window));
                plan.steps.push(Step::Update(start));
            } else if end == time.0 {
                has_left = true;
                plan.steps.push(Step::Update(start));
                if latest >= time {
                    // A record of this time has created all windows before.
                    return plan;
                }
                previous = Some(latest);
            } else {
                (left, previous) = (Some(start), Some(latest));
                break;
            }
        }
        if let Some(start) = previous.map(after)
            && !has(near, start)
            && start.0.saturating_add(difference) >= time.0
        {
            plan.steps.push(Step::Create(start));
        }
        if !has_left {
            let start = Timestamp(time.0 - difference);
            plan.left_of = left.filter(|_| previous.is_some_and(|previous| previous >= start));
            plan.steps.push(Step::CreateLeft(start));
        }
        plan.create_right(right, has_right, time);
        plan
    }

    /// As Kafka Streams' `processEarly`.
    fn early(near: &[Near], time: Timestamp) -> Self {
        let mut plan = Self::default();
        let (mut first, mut right, mut has_right) = (None, None, false);
        for window in near {
            if window.start.0 == 0 {
                first = Some(*window);
            } else if window.start <= time {
                right = Some(*window);
                plan.steps.push(Step::Update(window.start));
            } else {
                has_right = true;
            }
        }
        plan.create_right(right.or(first), has_right, time);
        if let Some(start) = first.filter(|first| first.latest < time).map(|first| after(first.latest))
            && !has(near, start)
        {
            plan.steps.push(Step::Create(start));
        }
        let shared = Timestamp(0);
        plan.steps.push(if first.is_some() { Step::Update(shared) } else { Step::Create(shared) });
        plan
    }

    /// Plans the window after the record, if there are records in it and it is not there yet. `from` is a window that
    /// includes this record and those.
    fn create_right(&mut self, from: Option<Near>, is_there: bool, time: Timestamp) {
        if let Some(from) = from.filter(|from| from.latest > time && !is_there) {
            self.right_of = Some(from.start);
            self.steps.push(Step::CreateRight(after(time)));
        }
    }
}

const fn after(time: Timestamp) -> Timestamp {
    Timestamp(time.0.saturating_add(1))
}

fn has(near: &[Near], start: Timestamp) -> bool {
    near.binary_search_by_key(&start, |near| near.start).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(windows: &[(i64, i64)]) -> Vec<Near> {
        windows.iter().map(|(start, latest)| Near { start: Timestamp(*start), latest: Timestamp(*latest) }).collect()
    }

    fn planned(windows: &[(i64, i64)], time: i64) -> String {
        let Plan { steps, left_of, right_of } = Plan::of(&near(windows), Timestamp(time), 10);
        let of = |window: Option<Timestamp>| window.map_or_else(|| "-".to_owned(), |start| start.0.to_string());
        let steps = steps.iter().map(|step| match step {
            Step::Update(start) => format!("update {}", start.0),
            Step::Create(start) => format!("create {}", start.0),
            Step::CreateLeft(start) => format!("left {} of {}", start.0, of(left_of)),
            Step::CreateRight(start) => format!("right {} of {}", start.0, of(right_of)),
        });
        steps.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn windows_end_with_records_and_begin_after_them() {
        for (windows, time, expected) in [
            (&[][..], 100, "left 90 of -"),
            (&[(90, 100)], 100, "update 90"),
            (&[(90, 100)], 105, "create 101, left 95 of 90"),
            (&[(90, 100)], 111, "create 101, left 101 of -"),
            (&[(90, 100)], 112, "left 102 of -"),
            (&[(95, 105)], 100, "update 95, left 90 of -, right 101 of 95"),
            (&[(90, 100), (95, 105), (101, 105)], 103, "update 101, update 95, left 93 of 90, right 104 of 101"),
            (&[(87, 97), (90, 97), (99, 109)], 100, "update 99, update 90, create 98, right 101 of 99"),
            (&[(101, 105)], 100, "left 90 of -"),
        ] {
            assert_eq!(planned(windows, time), expected, "{windows:?} at {time}");
        }
    }

    #[test]
    fn early_records_share_the_window_that_starts_at_zero() {
        for (windows, time, expected) in [
            (&[][..], 0, "create 0"),
            (&[(0, 3)], 3, "update 0"),
            (&[(0, 3)], 5, "create 4, update 0"),
            (&[(0, 5)], 3, "right 4 of 0, update 0"),
            (&[(0, 8), (4, 8), (6, 8)], 7, "update 4, update 6, right 8 of 6, update 0"),
            (&[(0, 8), (4, 8)], 3, "update 0"),
            (&[(4, 8)], 5, "update 4, right 6 of 4, create 0"),
        ] {
            assert_eq!(planned(windows, time), expected, "{windows:?} at {time}");
        }
    }
}
