//! S3: the positions that the group has committed only rise, each process continues at one of them, and the last is the end
//! of the input. They are read from the broker's own topic of them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Record, Verdict};
use crate::topologies::witness_key;

/// The broker's topic of positions, and how many partitions `cargo xtask kafka` gives it.
pub const TOPIC: &str = "__consumer_offsets";
/// See [`TOPIC`].
pub const TOPIC_PARTITIONS: u32 = 5;

/// A position that was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The topic that it is about.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The next offset to read.
    pub offset: i64,
}

/// The positions that a group has committed, in the order in which the broker has taken them.
#[must_use]
pub fn of_group(records: &[Record], group: &str) -> Vec<Commit> {
    records.iter().filter_map(|record| commit(record, group)).collect()
}

/// Reads one record of that topic. Versions 0 and 1 of keys are positions, 2 is about groups.
fn commit(record: &Record, group: &str) -> Option<Commit> {
    let mut key = Reader(&record.key);
    let version = key.number::<2>()?;
    if !(0..=1).contains(&version) || key.text()? != group {
        return None;
    }
    let (topic, partition) = (key.text()?.to_owned(), i32::try_from(key.number::<4>()?).ok()?);
    let mut value = Reader(record.value.as_deref()?);
    let _version = value.number::<2>()?;
    Some(Commit { topic, partition, offset: value.number::<8>()? })
}

/// The rest of a record's bytes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number<const N: usize>(&mut self) -> Option<i64> {
        let (bytes, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        // The sign is in the first byte.
        let sign = if bytes.first()? & 0x80 == 0 { 0 } else { -1 };
        Some(bytes.iter().fold(sign, |number, byte| (number << 8) | i64::from(*byte)))
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number::<2>()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

/// Checks the positions of the inputs (the names of their topics, and each partition's end), and where processes have begun
/// (see [`super::coverage::handovers`] and [`super::coverage::beginnings`]).
#[must_use]
pub fn check(commits: &[Commit], inputs: &[(String, Vec<i64>)], begun: &BTreeSet<(i64, i64)>) -> Verdict {
    let mut verdict = Verdict::default();
    let mut positions = BTreeMap::<(&str, i32), Vec<i64>>::new();
    for commit in commits {
        positions.entry((&commit.topic, commit.partition)).or_default().push(commit.offset);
    }
    for ((topic, partition), offsets) in &positions {
        for pair in offsets.windows(2).filter(|pair| pair[1] < pair[0]) {
            verdict.error(format!("the position in {topic}-{partition} went back from {} to {}", pair[0], pair[1]));
        }
    }
    for (input, (topic, ends)) in inputs.iter().enumerate() {
        for (partition, end) in (0..).zip(ends).filter(|(_, end)| **end > 0) {
            let offsets = positions.get(&(topic.as_str(), partition)).map_or(&[][..], Vec::as_slice);
            if offsets.last() != Some(end) {
                let last = offsets.last();
                verdict.error(format!("the last position in {topic}-{partition} is {last:?}, and its end is {end}"));
            }
            let about = witness_key(input, partition);
            for (_, offset) in begun.range((about, i64::MIN)..=(about, i64::MAX)) {
                if !offsets.contains(offset) {
                    verdict
                        .error(format!("a process goes on at {offset} of {topic}-{partition}, which nobody committed"));
                }
            }
        }
    }
    if positions.is_empty() {
        verdict.error("vacuous: no position was committed");
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &[u8], value: Option<&[u8]>) -> Record {
        Record { partition: 0, offset: 0, timestamp: 0, key: key.to_vec(), value: value.map(<[u8]>::to_vec) }
    }

    #[test]
    fn positions_are_read_and_everything_else_is_left_out() {
        let key = b"\x00\x01\x00\x02my\x00\x05topic\x00\x00\x00\x03";
        let value = b"\x00\x03\x00\x00\x00\x00\x00\x00\x01\x02\xff\xff\xff\xff\x00\x00";
        let records = [
            record(key, Some(value)),
            record(key, None),
            record(b"\x00\x02\x00\x02my", Some(b"a group")),
            record(b"\x00\x01\x00\x02me\x00\x05topic\x00\x00\x00\x03", Some(value)),
            record(b"\x00\x01\x00\x09my", Some(value)),
        ];
        let expected = [Commit { topic: "topic".into(), partition: 3, offset: 258 }];
        assert_eq!(of_group(&records, "my"), expected);
    }
}
