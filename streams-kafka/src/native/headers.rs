//! Detects that a record has no headers without asking librdkafka.
//!
//! `rd_kafka_message_headers` creates a parser, with three allocations, before it finds a count of 0. That is a third of
//! the cost of reading a record without headers (2.12.1, `rd_kafka_msg_headers_parse`). Key and value point into the batch
//! as the broker sent it, or as it was decompressed, where a record is
//!
//! ```text
//!   .. key length (varint)  key  value length (varint)  value  count of headers (varint) ..
//! ```
//!
//! (Kafka's record format, version 2; older versions have no headers). So the byte after a value is 0 if there are none.
//! It is read only if the surrounding bytes prove that key and value have this layout; otherwise, and with any other
//! version of librdkafka, librdkafka is asked. Debug builds ask it anyway and compare.

use std::sync::LazyLock;

use rdkafka::bindings as sys;

/// The version whose `rd_kafka_msgset_reader_msg_v2` was examined. With another version, examine it again: key, value and
/// headers of a message must still point into the record as it was received.
const KNOWN_VERSION: i32 = 0x02_0c_01;

/// The length of values up to this size takes at most three bytes. In the older formats, it takes four.
const VALUE_LENGTH_MAX: usize = 1 << 20;

/// The length of null.
const NULL_LENGTH: u8 = 1;

/// A key or value as librdkafka provides it; `start` is null if it is null.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) start: *const u8,
    pub(super) length: usize,
}

/// Whether a record with this key and this value certainly has no headers.
///
/// # Safety
/// Both are fields of one message that was fetched.
pub(super) unsafe fn is_without(key: Field, value: Field) -> bool {
    static IS_KNOWN: LazyLock<bool> = LazyLock::new(|| version() == KNOWN_VERSION);
    if value.start.is_null() || value.length >= VALUE_LENGTH_MAX || !*IS_KNOWN {
        return false;
    }
    let (length, size) = varint(value.length);
    let lies_as_it_came = if key.start.is_null() {
        // SAFETY: with the known version, a value is in a batch, after the batch's header and the start of its record.
        unsafe {
            let before = value.start.sub(size);
            before.sub(1).read() == NULL_LENGTH
                && std::slice::from_raw_parts(before, size) == length.get(..size).unwrap_or_default()
        }
    } else {
        key.start.addr() + key.length + size == value.start.addr()
    };
    // SAFETY: the value is in a record of version 2, where the count of headers follows it.
    lies_as_it_came && unsafe { value.start.add(value.length).read() } == 0
}

/// The version of librdkafka, without the part that marks pre-releases.
fn version() -> i32 {
    // SAFETY: no preconditions.
    unsafe { sys::rd_kafka_version() >> 8 }
}

/// A length of less than 2^20 as the format writes it (zig-zag, seven bits per byte), and the number of bytes.
fn varint(length: usize) -> ([u8; 3], usize) {
    let bits = |shift: u32| u8::try_from((length << 1 >> shift) & 0x7f).unwrap_or_default();
    match length << 1 {
        0..0x80 => ([bits(0), 0, 0], 1),
        0x80..0x4000 => ([bits(0) | 0x80, bits(7), 0], 2),
        _ => ([bits(0) | 0x80, bits(7) | 0x80, bits(14)], 3),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rdkafka::mocking::MockCluster;
    use streams_core::log::{ConsumerOptions, Doorbell, FetchEvent, Log as _, OutgoingRecord, ProducerOptions};
    use streams_core::record::{Headers, Offset, Partition, Timestamp, TopicPartition};

    use super::*;
    use crate::Kafka;

    #[test]
    fn the_version_that_is_built_is_the_one_that_was_read() {
        assert_eq!(version(), KNOWN_VERSION, "read `rd_kafka_msgset_reader_msg_v2` of this version, then name it here");
    }

    #[test]
    fn lengths_are_written_as_kafka_writes_them() {
        for (length, expected) in [
            (0, &[0][..]),
            (1, &[2]),
            (63, &[126]),
            (64, &[0x80, 1]),
            (300, &[0xd8, 4]),
            (8_191, &[0xfe, 0x7f]),
            (8_192, &[0x80, 0x80, 1]),
            (VALUE_LENGTH_MAX - 1, &[0xfe, 0xff, 0x7f]),
        ] {
            let (bytes, size) = varint(length);
            assert_eq!(&bytes[..size], expected, "{length}");
        }
    }

    /// A record in the format with that many headers, cut after their count.
    fn record(key: Option<&[u8]>, value: &[u8], headers: u8) -> Vec<u8> {
        let mut bytes = vec![0; 8];
        let field = |bytes: &mut Vec<u8>, field: &[u8]| {
            let (length, size) = varint(field.len());
            bytes.extend_from_slice(&length[..size]);
            bytes.extend_from_slice(field);
        };
        match key {
            Some(key) => field(&mut bytes, key),
            None => bytes.push(NULL_LENGTH),
        }
        field(&mut bytes, value);
        bytes.push(headers * 2);
        bytes
    }

    /// The result for the record in `bytes`, which end with the count of headers.
    fn is_believed(bytes: &[u8], key_length: Option<usize>, value_length: usize) -> bool {
        let end = bytes.len() - 1;
        // SAFETY: all of it is in the bytes.
        unsafe {
            let value = Field { start: bytes.as_ptr().add(end - value_length), length: value_length };
            let key = key_length.map_or(Field { start: std::ptr::null(), length: 0 }, |length| Field {
                start: value.start.sub(varint(value_length).1 + length),
                length,
            });
            is_without(key, value)
        }
    }

    #[test]
    fn only_what_lies_as_it_came_is_believed() {
        for key in [None, Some(&b""[..]), Some(b"key")] {
            for length in [0, 1, 63, 64, 5_000, 9_000] {
                for headers in [0, 1] {
                    let mut bytes = record(key, &vec![7; length], headers);
                    let key_length = key.map(<[u8]>::len);
                    let believed = is_believed(&bytes, key_length, length);
                    assert_eq!(believed, headers == 0, "{key:?} {length} {headers}");
                    if key.is_none() {
                        // The length as in the older formats.
                        let before = bytes.len() - 2 - length;
                        bytes[before] ^= 0x40;
                        assert!(!is_believed(&bytes, None, length), "{length}");
                    }
                }
            }
        }
        let (elsewhere, bytes) = (b"key", record(Some(b"key"), b"value", 0));
        let key = Field { start: elsewhere.as_ptr(), length: 3 };
        let value = Field { start: bytes[bytes.len() - 6..].as_ptr(), length: 5 };
        // SAFETY: all of it is in the bytes.
        assert!(!unsafe { is_without(key, value) }, "the value does not follow the key");
    }

    /// Debug builds compare the result with librdkafka's, record by record.
    #[test]
    fn headers_come_back_whatever_the_record_and_the_compression() {
        let cluster = MockCluster::new(1).unwrap();
        let bell = Doorbell::new();
        let mut header = Headers::new();
        header.push("name", "value");
        let fields = [0, 1, 63, 64, 200, 8_191, 8_192].map(|length| vec![b'x'; length]);
        let fields: Vec<Option<&[u8]>> = fields.iter().map(|field| Some(&field[..])).chain([None]).collect();
        for compression in ["none", "lz4", "gzip", "snappy"] {
            let kafka = Kafka::at(cluster.bootstrap_servers()).set("producer.compression.type", compression);
            cluster.create_topic(compression, 1, 1).unwrap();
            let mut producer = kafka.producer(ProducerOptions::default(), bell.clone()).unwrap();
            let topic = producer.topic(compression);
            let mut sent = Vec::new();
            for (key, value) in fields.iter().flat_map(|key| fields.iter().map(move |value| (*key, *value))) {
                for headers in [Headers::new(), header.clone()] {
                    let record = OutgoingRecord { key, value, timestamp: Timestamp(7), headers: &headers };
                    producer.send(topic, Partition(0), record).unwrap();
                    sent.push((key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec), headers));
                }
            }
            while producer.flush().is_pending() {
                bell.wait(Duration::from_millis(10));
            }
            let mut consumer = kafka.consumer(ConsumerOptions::default(), bell.clone()).unwrap();
            consumer.add(&TopicPartition::new(compression, 0), Offset(0));
            let (mut found, mut events) = (Vec::new(), Vec::new());
            for _ in 0..9_000 {
                consumer.fetch(1_000, &mut events);
                for event in events.drain(..) {
                    if let FetchEvent::Records { batch, .. } = event {
                        let field = |field: Option<&[u8]>| field.map(<[u8]>::to_vec);
                        found.extend(
                            batch.iter().map(|record| (field(record.key), field(record.value), record.headers())),
                        );
                    }
                }
                if found.len() >= sent.len() {
                    break;
                }
                bell.wait(Duration::from_millis(10));
            }
            assert!(found == sent, "{compression}: {} of {} records", found.len(), sent.len());
        }
    }
}
