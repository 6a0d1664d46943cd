//! The input of a case: records that come too late by exactly as much as still counts, and by one millisecond more.

use super::draft::{Draft, ReadAs};
use super::random::Random;
use crate::case::{Input, InputRecord};

/// The least number of records.
const RECORDS_MIN: u64 = 40;

/// The keys that functions of the vocabulary make come first.
const KEYS: &[&str] = &["k0", "k1", "k2", "k", "a", "", "k10", "\u{e9}"];

const VALUES: &[&str] = &["a", "b", "c", "ab", "ba", "", "\u{e9}", "zz", "1", "k1"];

/// The largest timestamp.
const LAST: i64 = 1 << 40;

/// Makes the inputs of a topology.
pub(super) fn of(draft: &mut Draft) -> Vec<Input> {
    let records = draft.random.between(RECORDS_MIN, RECORDS_MIN + 20);
    let mut times = Times::of(draft);
    let keys = some_of(&mut draft.random, KEYS, 2, 5);
    let values = some_of(&mut draft.random, VALUES, 3, 6);
    let has_headers = draft.random.percent(40);
    let has_nulls = !draft.random.percent(10);
    // Without an extractor that can do with them, a negative timestamp ends the application.
    let has_error = draft.random.percent(1);
    let mut inputs = Vec::new();
    let mut left = records;
    while left > 0 {
        if draft.random.percent(4) {
            inputs.push(Input::Advance { advance: advance(draft) });
            continue;
        }
        let Some(topic) = draft.random.pick(&draft.topics).cloned() else { break };
        let random = &mut draft.random;
        let tombstones = if topic.read_as == ReadAs::Stream { 10 } else { 20 };
        // Half of the records have the first key.
        let key = if random.percent(40) { keys.first() } else { random.pick(&keys) };
        let key = key.filter(|_| !(has_nulls && random.percent(6))).map(|key| (*key).to_owned());
        let value = random.pick(&values).filter(|_| !(has_nulls && random.percent(tombstones)));
        let value = value.map(|value| (*value).to_owned());
        let is_invalid = topic.read_as != ReadAs::GlobalTable
            && (topic.takes_negative && random.percent(10) || has_error && random.percent(3));
        let ts = if is_invalid { -1 } else { times.next(random, left) };
        let headers = if has_headers { headers(random) } else { Vec::new() };
        inputs.push(Input::Record(InputRecord { topic: topic.name, key, value, ts, headers }));
        left -= 1;
    }
    inputs
}

fn some_of<'a>(random: &mut Random, from: &'a [&'a str], at_least: u64, at_most: u64) -> Vec<&'a str> {
    let count = random.between(at_least, at_most);
    let mut chosen: Vec<&str> = Vec::new();
    for _ in 0..count {
        let index = random.index(from.len()).min(random.index(from.len()));
        if let Some(text) = from.get(index).filter(|text| !chosen.contains(text)) {
            chosen.push(text);
        }
    }
    chosen
}

fn advance(draft: &mut Draft) -> u64 {
    let spans: Vec<u64> = draft.spans.iter().copied().collect();
    match draft.random.pick(&spans) {
        Some(span) if draft.random.percent(50) => *span,
        _ => draft.random.between(1, 1_500),
    }
}

fn headers(random: &mut Random) -> Vec<(String, Option<String>)> {
    let count = random.one_of(0, &[0, 1, 2]);
    let header = |random: &mut Random| {
        let (name, value) = (random.one_of("h", &["g"]), random.one_of("x", &["", "y=z"]));
        (name.to_owned(), Some(value.to_owned()))
    };
    (0..count).map(|_| header(random)).collect()
}

/// Event time as it goes on.
struct Times {
    /// The largest timestamp so far.
    newest: i64,
    /// Lengths of time at whose boundaries something happens.
    spans: Vec<i64>,
    /// How much time passes from record to record, as a rule.
    pace: u64,
    /// Whether the last records are in a far future.
    has_end: bool,
}

impl Times {
    fn of(draft: &mut Draft) -> Self {
        let mut spans: Vec<i64> = draft.spans.iter().filter_map(|span| i64::try_from(*span).ok()).collect();
        if spans.is_empty() {
            spans.push(10);
        }
        let random = &mut draft.random;
        let newest = random.one_of(0, &[0, 1_000, 1_700_000_000_000 % LAST]);
        let typical = random.pick(&spans).copied().unwrap_or(10);
        let pace = u64::try_from(typical).unwrap_or(10).div_ceil(4);
        Self { newest, spans, pace, has_end: random.percent(10) }
    }

    fn next(&mut self, random: &mut Random, records_left: u64) -> i64 {
        let span = random.pick(&self.spans).copied().unwrap_or(1);
        let off = random.one_of(0, &[0, 1, -1]);
        let newest = self.newest;
        let signed = |number: u64| i64::try_from(number).unwrap_or(0);
        let time = match random.between(0, 19) {
            _ if self.has_end && records_left <= 3 => LAST - signed(random.between(0, 2)),
            // On or next to the start of a window.
            0 | 1 => newest / span * span + span + off,
            2 => newest + span + off,
            3 | 4 => newest,
            // Late by exactly as much as still counts, or by a millisecond more or less.
            5..=8 => newest - span + off,
            9 => newest - 2 * span + off,
            10 => newest / span * span + off,
            11 | 12 => newest - signed(random.between(0, 3 * u64::try_from(span).unwrap_or(1))),
            13 if random.percent(20) => 0,
            _ => newest + signed(random.between(0, 2 * self.pace)),
        };
        let time = time.clamp(0, LAST);
        self.newest = self.newest.max(time);
        time
    }
}
