//! Random functions.

use super::random::Random;
use crate::functions::{Adder, Joiner, KeyMap, Partitioner, Predicate, Remainder, ValueMap};

pub(super) fn remainder(random: &mut Random) -> Remainder {
    let modulus = random.between(2, 4);
    let mut is = vec![random.between(0, modulus - 1)];
    if modulus > 2 && random.percent(50) {
        is.push(random.between(0, modulus - 1));
    }
    is.sort_unstable();
    is.dedup();
    Remainder { r#mod: modulus, is }
}

pub(super) fn predicate(random: &mut Random) -> Predicate {
    match random.between(0, 9) {
        0 => Predicate::All,
        1 => Predicate::HasValue,
        2..=4 => Predicate::Key(remainder(random)),
        _ => Predicate::Value(remainder(random)),
    }
}

/// Makes values of a stream, which may be null.
pub(super) fn value_map(random: &mut Random) -> ValueMap {
    match random.between(0, 9) {
        0..=2 => ValueMap::NullIf(remainder(random)),
        _ => row_map(random),
    }
}

/// Makes values of rows, which cannot be null.
fn row_map(random: &mut Random) -> ValueMap {
    match random.between(0, 9) {
        0..=3 => ValueMap::Append { text: random.one_of("x", &["y", "!"]).to_owned() },
        4..=5 => ValueMap::WithKey,
        6..=7 => ValueMap::Hash { r#mod: random.between(2, 5) },
        8 => ValueMap::Text { text: random.one_of("same", &["", "t"]).to_owned() },
        _ => ValueMap::Same,
    }
}

/// Makes keys of a stream, which may be null.
pub(super) fn key_map(random: &mut Random) -> KeyMap {
    match random.between(0, 9) {
        0..=1 => KeyMap::NullIf(remainder(random)),
        _ => row_key(random),
    }
}

/// Makes keys that cannot be null, whatever the record is.
pub(super) fn certain_key(random: &mut Random) -> KeyMap {
    let by_key = random.percent(70);
    if by_key {
        KeyMap::KeyHash { r#mod: random.between(1, 3) }
    } else {
        KeyMap::ValueHash { r#mod: random.between(2, 4) }
    }
}

/// Makes keys of records that have a key and a value; they cannot be null.
fn row_key(random: &mut Random) -> KeyMap {
    match random.between(0, 9) {
        0..=4 => KeyMap::ValueHash { r#mod: random.between(2, 4) },
        5..=6 => KeyMap::KeyHash { r#mod: random.between(1, 3) },
        7 => KeyMap::Value,
        _ => KeyMap::Same,
    }
}

/// Adds values; the result may be null.
pub(super) fn adder(random: &mut Random) -> Adder {
    match random.between(0, 9) {
        0..=2 => Adder::NullIf(remainder(random)),
        _ => keeping_adder(random),
    }
}

/// As [`adder`], where the key is known.
pub(super) fn aggregator(random: &mut Random) -> Adder {
    if random.percent(28) { Adder::WithKey } else { adder(random) }
}

/// Adds values; the result cannot be null.
pub(super) fn keeping_adder(random: &mut Random) -> Adder {
    match random.between(0, 9) {
        0..=4 => Adder::Concat,
        5..=7 => Adder::Sum,
        _ => Adder::Last,
    }
}

/// What takes away again what an adder has added.
pub(super) fn remover(random: &mut Random, adder: &Adder) -> Adder {
    match adder {
        Adder::Sum => Adder::Difference,
        _ if random.percent(20) => Adder::NullIf(remainder(random)),
        _ => Adder::Minus,
    }
}

/// Joins what has the same key.
pub(super) fn joiner(random: &mut Random) -> Joiner {
    match random.between(0, 9) {
        0..=2 => Joiner::NullIf(remainder(random)),
        _ => Joiner::Pair,
    }
}

/// Joins records, and may see the key.
pub(super) fn joiner_of_records(random: &mut Random) -> Joiner {
    if random.percent(30) { Joiner::KeyPair } else { joiner(random) }
}

pub(super) fn partitioner(random: &mut Random) -> Partitioner {
    match random.between(0, 5) {
        0 => Partitioner::All,
        1 => Partitioner::Default,
        2 => Partitioner::KeyHash,
        3 => Partitioner::ValueHash,
        _ => Partitioner::NoneIf(remainder(random)),
    }
}
