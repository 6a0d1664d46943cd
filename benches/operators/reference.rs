//! What the workloads must give, by plain loops.

use std::collections::BTreeMap;

use crate::input::{Item, backlog, items, sides};

/// The final results, by the bytes of their keys.
pub(crate) type Rows = BTreeMap<Vec<u8>, i64>;

/// The number of results, and the sum of their values.
pub(crate) type Totals = (u64, i64);

fn key_in_window(key: u64, start: i64) -> Vec<u8> {
    [key.to_be_bytes(), start.to_be_bytes()].concat()
}

/// The counts of hopping windows that have closed.
pub(crate) fn closed_counts(records: u64, size: i64, advance: i64) -> Rows {
    let (mut rows, mut now) = (Rows::new(), 0);
    for Item { key, time, .. } in items(records) {
        now = time;
        let mut start = time / advance * advance;
        while start >= 0 && start + size > time {
            *rows.entry(key_in_window(key, start)).or_default() += 1;
            start -= advance;
        }
    }
    let start_of = |key: &[u8]| key.last_chunk().map_or(0, |start| i64::from_be_bytes(*start));
    rows.retain(|key, _| start_of(key) + size <= now);
    rows
}

/// The counts of a backlog's values in windows of that size.
pub(crate) fn backlog_counts(records: u64, size: i64) -> Rows {
    let mut rows = Rows::new();
    for (_, Item { value, time, .. }) in backlog(records) {
        *rows.entry(key_in_window(value.unsigned_abs(), time / size * size)).or_default() += 1;
    }
    rows
}

fn by_key(records: u64) -> BTreeMap<u64, Vec<Item>> {
    let mut by_key: BTreeMap<u64, Vec<Item>> = BTreeMap::new();
    for item in items(records) {
        by_key.entry(item.key).or_default().push(item);
    }
    by_key
}

/// The largest value of each sliding window.
pub(crate) fn sliding_max(records: u64, difference: i64) -> Rows {
    let mut rows = Rows::new();
    for (key, items) in by_key(records) {
        for (index, Item { time, .. }) in items.iter().enumerate() {
            for start in [(time - difference).max(0), time + 1] {
                let first = items.partition_point(|item| item.time < start).min(index + 1);
                let in_window = items[first..]
                    .iter()
                    .skip_while(|item| item.time < start)
                    .take_while(|item| item.time <= start + difference);
                if let Some(max) = in_window.map(|item| item.value).max() {
                    rows.insert(key_in_window(key, start), max);
                }
            }
        }
    }
    rows
}

/// The number of records of each session.
pub(crate) fn session_counts(records: u64, gap: i64) -> Rows {
    let mut rows = Rows::new();
    for (key, items) in by_key(records) {
        for session in items.chunk_by(|earlier, later| later.time - earlier.time <= gap) {
            let (Some(first), Some(last)) = (session.first(), session.last()) else { continue };
            let key = [key.to_be_bytes(), last.time.to_be_bytes(), first.time.to_be_bytes()].concat();
            rows.insert(key, i64::try_from(session.len()).unwrap_or(i64::MAX));
        }
    }
    rows
}

/// The pairs of records of two streams that are at most that far apart, with the sum of both values. If `left` is set, also
/// the records of the left stream that are over and have no pair.
pub(crate) fn pairs(records: u64, within: i64, left: bool) -> Totals {
    let mut by_key: BTreeMap<u64, (Vec<Item>, Vec<Item>)> = BTreeMap::new();
    let mut now = 0;
    for (is_right, item) in sides(records) {
        now = item.time;
        let (lefts, rights) = by_key.entry(item.key).or_default();
        if is_right { rights.push(item) } else { lefts.push(item) }
    }
    let mut totals = (0, 0);
    for (lefts, rights) in by_key.into_values() {
        for item in lefts {
            let first = rights.partition_point(|other| other.time < item.time - within);
            let matches = rights[first..].iter().take_while(|other| other.time <= item.time + within);
            let (mut count, mut sum) = (0, 0);
            matches.for_each(|other| (count, sum) = (count + 1, sum + item.value + other.value));
            if left && count == 0 && item.time + within < now {
                (count, sum) = (1, item.value);
            }
            totals = (totals.0 + count, totals.1 + sum);
        }
    }
    totals
}
