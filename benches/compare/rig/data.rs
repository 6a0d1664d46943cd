//! The data that both sides read, generated once per broker from a fixed seed.
//!
//! Keys have 16 bytes and are uniformly distributed; values have 100: a number, then incompressible bytes. Event time
//! advances by one second per 10,000 records ([`span`]) and ends approximately now, so that no retention deletes what is
//! being counted.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use millstream::record::Timestamp;

use crate::Failure;
use crate::topics::Topics;
use crate::workloads::DataSet;

const SEED: u64 = 42;
const KEY_BYTES: usize = 16;
const VALUE_BYTES: usize = 100;
const RECORDS_PER_SECOND: u64 = 10_000;

/// A data set on the broker.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) set: DataSet,
    /// The stream, then the table, if there is one.
    pub(crate) topics: Vec<String>,
    /// The number of records in all topics.
    pub(crate) records: u64,
}

/// Writes `records` records of a data set, in which the time `span` passes.
pub(crate) fn load(topics: &Topics, set: DataSet, records: u64, span: Duration) -> Result<Loaded, Failure> {
    let (base, span_ms) = (base(span)?, u64::try_from(span.as_millis())?);
    let stream = format!("compare-data-{}", set.name);
    let mut loaded = Loaded { set, topics: vec![stream.clone()], records };
    eprintln!("data: {records} records of {} keys into {stream}", set.keys);
    topics.create(&stream)?;
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut writer = topics.writer(&stream)?;
    for number in 0..records {
        let value = value(&mut random);
        // After all rows of the table.
        let time = base + 1 + number * span_ms / records;
        writer.send(&key(random.u64(0..set.keys)), &value, Timestamp(i64::try_from(time)?))?;
    }
    writer.finish()?;
    if set.has_table {
        let table = format!("{stream}-table");
        eprintln!("data: {} rows into {table}", set.keys);
        topics.create(&table)?;
        loaded.topics.push(table.clone());
        loaded.records += set.keys;
        let mut writer = topics.writer(&table)?;
        for number in 0..set.keys {
            writer.send(&key(number), &value(&mut random), Timestamp(i64::try_from(base)?))?;
        }
        writer.finish()?;
    }
    Ok(loaded)
}

/// A fraction of the records, at least one.
pub(crate) fn scaled(records: u64, scale: f64) -> u64 {
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let scaled = (records as f64 * scale).round() as u64;
    scaled.max(1)
}

/// The event time that passes in that many records.
pub(crate) fn span(records: u64) -> Duration {
    Duration::from_millis(records * 1_000 / RECORDS_PER_SECOND)
}

/// The first event time in milliseconds. It is a full minute, so that windows start in the same way in every comparison.
fn base(span: Duration) -> Result<u64, Failure> {
    const MINUTE_MS: u64 = 60_000;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let first = now.saturating_sub(span + Duration::from_secs(60));
    Ok(u64::try_from(first.as_millis())? / MINUTE_MS * MINUTE_MS)
}

fn key(number: u64) -> [u8; KEY_BYTES] {
    let mut key = *b"key-000000000000";
    let mut rest = number;
    for digit in key.iter_mut().rev() {
        if rest == 0 {
            break;
        }
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    key
}

fn value(random: &mut fastrand::Rng) -> [u8; VALUE_BYTES] {
    let mut value = [0; VALUE_BYTES];
    random.fill(&mut value);
    if let Some(number) = value.first_chunk_mut() {
        *number = random.i64(0..1_000).to_be_bytes();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::{base, key, scaled, span};

    #[test]
    fn keys_are_numbers_of_a_fixed_width() {
        assert_eq!(&key(0), b"key-000000000000");
        assert_eq!(&key(3_999_999), b"key-000003999999");
    }

    #[test]
    fn no_scale_leaves_nothing() {
        assert_eq!([scaled(3_000_000, 0.1), scaled(12, 1.0), scaled(12, 1e-9)], [300_000, 12, 1]);
    }

    #[test]
    fn event_time_begins_with_a_minute_and_ends_in_the_past() {
        let now = u64::try_from(std::time::UNIX_EPOCH.elapsed().expect("a clock").as_millis()).expect("now");
        let base = base(span(1_000_000)).expect("a time");
        assert_eq!(base % 60_000, 0);
        assert!(base + 100_000 <= now, "{base} {now}");
    }
}
