//! What comes of two joined streams and the first one's sessions.

use std::collections::BTreeMap;

use super::Input;
use crate::numbers::Totals;
use crate::topologies::{GAP_MS, WITHIN_MS};

/// All pairs of ids, ascending: a pair that belongs there once is there once.
#[must_use]
pub fn pairs(left: &[Input], right: &[Input]) -> Vec<(i64, i64)> {
    let (left, right) = (by_key(left), by_key(right));
    let mut pairs = Vec::new();
    for (key, left) in &left {
        let right = right.get(key).map_or(&[][..], Vec::as_slice);
        for input in left {
            let from = right.partition_point(|other| other.timestamp < input.timestamp - WITHIN_MS);
            let near = right[from..].iter().take_while(|other| other.timestamp <= input.timestamp + WITHIN_MS);
            pairs.extend(near.map(|other| (input.id, other.id)));
        }
    }
    pairs.sort_unstable();
    pairs
}

/// The totals of each session, by key, end and start.
#[must_use]
pub fn sessions(left: &[Input]) -> BTreeMap<(i64, i64, i64), Totals> {
    let mut sessions = BTreeMap::new();
    for (key, inputs) in by_key(left) {
        for session in inputs.chunk_by(|one, next| next.timestamp - one.timestamp <= GAP_MS) {
            let mut totals = Totals::NONE;
            session.iter().for_each(|input| totals.add_id(input.id));
            if let (Some(first), Some(last)) = (session.first(), session.last()) {
                sessions.insert((key, last.timestamp, first.timestamp), totals);
            }
        }
    }
    sessions
}

/// The records of each key, in the order of their timestamps.
fn by_key(inputs: &[Input]) -> BTreeMap<i64, Vec<Input>> {
    let mut by_key = BTreeMap::<i64, Vec<Input>>::new();
    for input in inputs {
        by_key.entry(input.key).or_default().push(*input);
    }
    by_key.values_mut().for_each(|inputs| inputs.sort_by_key(|input| input.timestamp));
    by_key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(of: &[(i64, i64, i64)]) -> Vec<Input> {
        of.iter().map(|&(key, id, timestamp)| Input { key, id, timestamp }).collect()
    }

    #[test]
    fn pairs_have_one_key_and_are_near_both_ends_included() {
        let left = inputs(&[(1, 1, 1_000), (2, 2, 1_000)]);
        let right =
            inputs(&[(1, 10, 599), (1, 11, 600), (1, 12, 1_400), (1, 13, 1_401), (2, 14, 1_000), (3, 15, 1_000)]);
        assert_eq!(pairs(&left, &right), [(1, 11), (1, 12), (2, 14)]);
    }

    #[test]
    fn sessions_end_where_the_gap_is_longer() {
        let left = inputs(&[(1, 1, 1_800), (1, 2, 1_000), (1, 3, 2_601), (2, 4, 1_900)]);
        let totals = |count, sum, squares| crate::numbers::Numbers([count, sum, squares]);
        let expected = [((1, 1_800, 1_000), totals(2, 3, 5)), ((1, 2_601, 2_601), totals(1, 3, 9))];
        let expected = expected.into_iter().chain([((2, 1_900, 1_900), totals(1, 4, 16))]);
        assert_eq!(sessions(&left), expected.collect());
    }
}
