//! Topics as plain records.

use millstream_tests::records::TopicOf;
use streams_core::log::{Isolation, Log};

use super::Record;

/// All records of a topic, partition by partition, in the order of their offsets.
pub fn topic(log: &dyn Log, name: &str, partitions: u32, isolation: Isolation) -> Vec<Record> {
    let mut records = Vec::new();
    TopicOf::new(log, name, partitions).read_partitions(isolation, |partition, record| {
        records.push(Record {
            partition,
            offset: record.offset.0,
            timestamp: record.timestamp.0,
            key: record.key.unwrap_or_default().to_vec(),
            value: record.value.map(<[u8]>::to_vec),
        });
    });
    records
}
