//! The layouts of keys and values in topics, and the hash that chooses their partitions.

use std::fmt::Debug;

use uuid::Uuid;

use super::{Vector, unhex};
use crate::record::{Change, Partition, Timestamp};
use crate::windows::{Window, Windowed};
use crate::wire::murmur2::{murmur2 as hash, partition_of};
use crate::wire::{Field, List, Value};

/// The value has Java's bytes, and Java's bytes are the value.
fn check<V: Value + Debug + PartialEq>(vector: &Vector, value: &V) {
    let mut bytes = Vec::new();
    value.encode(&mut bytes).unwrap();
    vector.expect(&bytes);
    assert_eq!(V::decode(&vector.made()).unwrap(), *value);
}

pub(super) fn long(vector: &Vector) {
    check(vector, &vector.number::<i64>(0));
}

/// Its bits come in. Java writes every NaN alike.
pub(super) fn double(vector: &Vector) {
    let number = f64::from_bits(vector.number::<i64>(0).cast_unsigned());
    let mut bytes = Vec::new();
    number.encode(&mut bytes).unwrap();
    vector.expect(&bytes);
    let read = f64::decode(&bytes).unwrap();
    assert!(read.to_bits() == number.to_bits() || read.is_nan() && number.is_nan(), "{number} became {read}");
}

pub(super) fn text(vector: &Vector) {
    check(vector, &vector.text(0));
}

pub(super) fn uuid(vector: &Vector) {
    check(vector, &vector.number::<Uuid>(0));
}

pub(super) fn change(vector: &Vector) {
    check(vector, &Change::latest(vector.nullable(0), vector.nullable(1)));
}

pub(super) fn list_of_numbers(vector: &Vector) {
    let number = |field: &&str| (*field != "~").then(|| field.parse::<i64>().unwrap());
    check(vector, &List::from_iter(vector.input.iter().map(number)));
}

pub(super) fn list_of_texts(vector: &Vector) {
    let text = |field: &&str| unhex(field).map(|bytes| String::from_utf8(bytes).unwrap());
    check(vector, &List::from_iter(vector.input.iter().map(text)));
}

pub(super) fn murmur2(vector: &Vector) {
    assert_eq!(hash(&vector.bytes(0)).cast_signed().to_string(), vector.output);
}

pub(super) fn partition(vector: &Vector) {
    assert_eq!(partition_of(&vector.bytes(0), vector.number(1)).to_string(), vector.output);
}

fn windowed(vector: &Vector) -> Windowed<Vec<u8>> {
    let window = Window { start: Timestamp(vector.number(1)), end: Timestamp(i64::MAX) };
    Windowed { key: vector.bytes(0), window }
}

pub(super) fn windowed_key(vector: &Vector) {
    check(vector, &windowed(vector));
}

pub(super) fn windowed_partition(vector: &Vector) {
    type Key = Windowed<Vec<u8>>;
    let mut bytes = Vec::new();
    windowed(vector).encode(&mut bytes).unwrap();
    let partition: Partition = partition_of(<Key as Field>::partition_bytes(&bytes), vector.number(2));
    assert_eq!(partition.to_string(), vector.output);
}
