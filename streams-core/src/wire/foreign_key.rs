//! The messages between the two sides of a foreign-key join, in Kafka Streams' layouts.
//!
//! ```text
//! subscription: version | instruction | hash | primary key | partition of the left side (since version 1)
//! answer:       version | hash | value
//! ```
//!
//! The first byte's highest bit says that the hash is missing; otherwise it has 16 bytes. The partition has four,
//! big-endian. The left side subscribes its rows at the keys that they refer to (`SubscriptionWrapperSerde`), and the
//! right side answers with its row (`SubscriptionResponseWrapperSerde`) and the hash that came with the subscription, by
//! which the left side recognises answers to rows that have changed since.

use bytes::Bytes;

use super::{DecodeError, EncodeError, Value};
use crate::record::Partition;

/// The hash of a row's bytes, or `None` if there is no row.
pub(crate) type RowHash = Option<[u8; 16]>;

const NO_HASH: u8 = 0x80;
/// The version of subscriptions that is written; earlier ones are read.
const SUBSCRIPTION: u8 = 1;
const ANSWER: u8 = 0;

/// What the right side does with a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instruction {
    /// Deletes it.
    Delete = 0,
    /// Deletes it and answers that there is no row.
    DeleteAndAnswer = 1,
    /// Keeps it and answers, also if there is no row.
    Answer = 2,
    /// Keeps it and answers if there is a row.
    AnswerIfThere = 3,
}

impl Instruction {
    /// Whether the subscription is kept.
    pub(crate) const fn keeps(self) -> bool {
        matches!(self, Self::Answer | Self::AnswerIfThere)
    }

    const fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Delete,
            1 => Self::DeleteAndAnswer,
            2 => Self::Answer,
            3 => Self::AnswerIfThere,
            _ => return None,
        })
    }
}

/// A row of the left side that wants to know a row of the right side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) hash: RowHash,
    pub(crate) instruction: Instruction,
    /// The encoded key of the left side's row. The right side never needs the key itself.
    pub(crate) key: Bytes,
    /// Where the left side's row is. Applications before 3.4 did not say.
    pub(crate) partition: Option<Partition>,
}

impl Value for Subscription {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        write_hash(if self.partition.is_some() { SUBSCRIPTION } else { 0 }, Some(self.instruction), self.hash, out);
        out.extend_from_slice(&self.key);
        if let Some(partition) = self.partition {
            out.extend_from_slice(&partition.0.to_be_bytes());
        }
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        read_subscription(bytes).map_err(DecodeError::new::<Self>)
    }
}

/// The right side's row for a row of the left side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer<T> {
    /// That of the row which subscribed.
    pub(crate) hash: RowHash,
    /// The right side's row. One whose bytes are none at all reads back as none, as in Java.
    pub(crate) row: Option<T>,
    /// Where the left side's row is, as far as the sender knows. It is not written.
    pub(crate) to: Option<Partition>,
}

impl<T: Value> Value for Answer<T> {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        write_hash(ANSWER, None, self.hash, out);
        self.row.as_ref().map_or(Ok(()), |row| row.encode(out))
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (version, bytes) = bytes.split_first().ok_or_else(|| DecodeError::new::<Self>(EMPTY))?;
        if version & !NO_HASH != ANSWER {
            return Err(DecodeError::new::<Self>(unknown_version(*version, ANSWER)));
        }
        let (hash, row) = read_hash(*version, bytes).map_err(DecodeError::new::<Self>)?;
        let row = if row.is_empty() { None } else { Some(T::decode(row)?) };
        Ok(Self { hash, row, to: None })
    }
}

const EMPTY: &str = "it is empty; it should begin with its version";

fn write_hash(version: u8, instruction: Option<Instruction>, hash: RowHash, out: &mut Vec<u8>) {
    out.push(if hash.is_some() { version } else { version | NO_HASH });
    out.extend(instruction.map(|instruction| instruction as u8));
    out.extend(hash.iter().flatten());
}

fn read_hash(version: u8, bytes: &[u8]) -> Result<(RowHash, &[u8]), String> {
    if version & NO_HASH != 0 {
        return Ok((None, bytes));
    }
    let (hash, rest) =
        bytes.split_first_chunk().ok_or_else(|| format!("a hash of 16 bytes should follow, not {}", bytes.len()))?;
    Ok((Some(*hash), rest))
}

fn read_subscription(bytes: &[u8]) -> Result<Subscription, String> {
    let (version, bytes) = bytes.split_first().ok_or(EMPTY)?;
    let (instruction, bytes) = bytes.split_first().ok_or("an instruction should follow its version")?;
    let number = version & !NO_HASH;
    if number > SUBSCRIPTION {
        return Err(unknown_version(*version, SUBSCRIPTION));
    }
    let instruction = Instruction::of(*instruction).ok_or_else(|| format!("there is no instruction {instruction}"))?;
    let (hash, bytes) = read_hash(*version, bytes)?;
    let (key, partition) = if number == 0 {
        (bytes, None)
    } else {
        let (key, partition) = bytes
            .split_last_chunk()
            .ok_or_else(|| format!("it should end with a partition of 4 bytes, not with {}", bytes.len()))?;
        (key, Some(Partition(i32::from_be_bytes(*partition))))
    };
    Ok(Subscription { hash, instruction, key: Bytes::copy_from_slice(key), partition })
}

fn unknown_version(version: u8, newest: u8) -> String {
    let version = version & !NO_HASH;
    format!("it has version {version}; up to {newest} are known, so a newer application has written it")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::murmur3::hash128;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn encoded(value: &impl Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        value.encode(&mut bytes).unwrap();
        bytes
    }

    /// Written by Kafka Streams 4.3.1's `SubscriptionWrapperSerde`, with the hash of `value`.
    #[test]
    fn subscriptions_have_javas_bytes() {
        use Instruction::{Answer, AnswerIfThere, Delete, DeleteAndAnswer};
        let hash = Some(hash128(b"value"));
        for (hash, instruction, partition, expected) in [
            (hash, Delete, Some(3), "01002e7425dec1f8bcdf51e014f04aa41568706b00000003"),
            (hash, DeleteAndAnswer, Some(3), "01012e7425dec1f8bcdf51e014f04aa41568706b00000003"),
            (hash, Answer, Some(3), "01022e7425dec1f8bcdf51e014f04aa41568706b00000003"),
            (hash, AnswerIfThere, Some(3), "01032e7425dec1f8bcdf51e014f04aa41568706b00000003"),
            (None, DeleteAndAnswer, Some(0x0102_0304), "8101706b01020304"),
            (hash, AnswerIfThere, None, "00032e7425dec1f8bcdf51e014f04aa41568706b"),
            (None, Answer, None, "8002706b"),
        ] {
            let partition = partition.map(Partition);
            let subscription = Subscription { hash, instruction, key: Bytes::from_static(b"pk"), partition };
            let bytes = encoded(&subscription);
            assert_eq!(hex(&bytes), expected);
            assert_eq!(Subscription::decode(&bytes), Ok(subscription));
        }
    }

    /// Written by Kafka Streams 4.3.1's `SubscriptionResponseWrapperSerde`, with the hash of `value`.
    #[test]
    fn answers_have_javas_bytes() {
        let hash = Some(hash128(b"value"));
        for (hash, row, expected) in [
            (hash, Some("fk-value"), "002e7425dec1f8bcdf51e014f04aa41568666b2d76616c7565"),
            (hash, None, "002e7425dec1f8bcdf51e014f04aa41568"),
            (None, Some("fk-value"), "80666b2d76616c7565"),
            (None, None, "80"),
        ] {
            let answer = Answer { hash, row: row.map(str::to_owned), to: None };
            let bytes = encoded(&answer);
            assert_eq!(hex(&bytes), expected);
            assert_eq!(Answer::decode(&bytes), Ok(answer));
        }
        let empty = Answer { hash: None, row: Some(String::new()), to: Some(Partition(1)) };
        assert_eq!(Answer::<String>::decode(&encoded(&empty)).unwrap().row, None, "as in Java");
    }

    #[test]
    fn wrong_bytes_are_refused_with_a_sentence() {
        for (bytes, expected) in [
            (&b""[..], "it is empty; it should begin with its version"),
            (b"\x01", "an instruction should follow its version"),
            (b"\x81\x04", "there is no instruction 4"),
            (b"\x82\x00", "it has version 2; up to 1 are known, so a newer application has written it"),
            (b"\x01\x00123", "a hash of 16 bytes should follow, not 3"),
            (b"\x81\x00123", "it should end with a partition of 4 bytes, not with 3"),
        ] {
            assert_eq!(
                Subscription::decode(bytes).map_err(|error| error.reason),
                Err(expected.to_owned()),
                "{bytes:?}"
            );
        }
        for (bytes, expected) in [
            (&b""[..], "it is empty; it should begin with its version"),
            (b"\x01", "it has version 1; up to 0 are known, so a newer application has written it"),
            (b"\x00123", "a hash of 16 bytes should follow, not 3"),
        ] {
            let decoded = Answer::<String>::decode(bytes).map_err(|error| error.reason);
            assert_eq!(decoded, Err(expected.to_owned()), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Subscription::decode(&bytes);
            let _ = Answer::<String>::decode(&bytes);
        }
    }
}
