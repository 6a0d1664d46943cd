//! The topologies, with the same names and meanings as those in `compare/java`.

use std::time::Duration;

use bytes::Bytes;
use millstream::prelude::*;

use crate::Failure;

const TUMBLING: Tumbling = Tumbling::of(Duration::from_secs(10));
const HOPPING: Hopping = Hopping::of(Duration::from_secs(60));
const ADVANCE: Duration = Duration::from_secs(1);
const GRACE: Duration = Duration::from_secs(10);

/// The topology with that name, from the inputs (a stream, and a table for a join) to the output.
pub(crate) fn topology(name: &str, output: &str, inputs: &[String]) -> Result<Topology, Failure> {
    let topic = |number: usize| -> Result<Topic<Bytes, Bytes>, Failure> {
        let name = inputs.get(number).ok_or("an input is missing")?;
        Ok(Topic::named(name)?)
    };
    let builder = StreamsBuilder::new();
    let input = builder.stream(topic(0)?);
    match name {
        "pass-through" => {
            input.map_values(|value| value).filter(|_, value| !value.is_empty()).to(bytes(output)?);
        }
        "keep-none" => {
            input.filter(|_, value| value.is_empty()).to(bytes(output)?);
        }
        "count" => {
            input.group_by_key().count().to_stream().to(Topic::<Bytes, i64>::named(output)?);
        }
        "tumbling-sum" => {
            input
                .group_by_key()
                .windowed_by(TUMBLING.grace(GRACE))
                .aggregate(|| 0, |sum: &mut i64, value| *sum += number(&value))
                .to_stream()
                .to(windowed(output)?);
        }
        "hopping-count" => {
            input
                .group_by_key()
                .windowed_by(HOPPING.advance_by(ADVANCE).grace(GRACE))
                .count()
                .to_stream()
                .to(windowed(output)?);
        }
        "stream-table-join" => {
            let table = builder.table(topic(1)?);
            input.join(table, |value, row| halves(&value, &row)).to(bytes(output)?);
        }
        "update" => {
            input
                .group_by_key()
                .aggregate(Bytes::new, |state, value| *state = updated(state, &value))
                .to_stream()
                .to(bytes(output)?);
        }
        _ => return Err(format!("there is no topology {name}").into()),
    };
    Ok(builder.build()?)
}

fn bytes(output: &str) -> Result<Topic<Bytes, Bytes>, Failure> {
    Ok(Topic::named(output)?)
}

fn windowed(output: &str) -> Result<Topic<Windowed<Bytes>, i64>, Failure> {
    Ok(Topic::named(output)?)
}

/// The number at the start of a value.
fn number(value: &[u8]) -> i64 {
    value.first_chunk().map_or(0, |bytes| i64::from_be_bytes(*bytes))
}

/// The first halves of both.
fn halves(value: &[u8], row: &[u8]) -> Bytes {
    let half = |bytes: &'_ [u8]| bytes.len() / 2;
    let (value, row) = (value.split_at(half(value)).0, row.split_at(half(row)).0);
    [value, row].concat().into()
}

/// The latest value, with its first eight bytes replaced by the number of values so far.
fn updated(state: &[u8], value: &[u8]) -> Bytes {
    let mut updated = value.to_vec();
    if let Some(count) = updated.first_chunk_mut() {
        *count = (number(state) + 1).to_be_bytes();
    }
    updated.into()
}

#[cfg(test)]
mod tests {
    use super::{halves, number, topology, updated};

    #[test]
    fn every_topology_is_built_and_others_are_refused() {
        let inputs = ["stream".to_owned(), "table".to_owned()];
        for name in
            ["pass-through", "keep-none", "count", "tumbling-sum", "hopping-count", "stream-table-join", "update"]
        {
            let built = topology(name, "out", &inputs).expect(name);
            assert!(built.describe().contains("(topic: out)"), "{name}");
        }
        assert!(topology("no-such", "out", &inputs).is_err());
        assert!(topology("stream-table-join", "out", &inputs[..1]).is_err(), "it has no table");
    }

    #[test]
    fn values_are_made_as_java_makes_them() {
        assert_eq!(number(&[0, 0, 0, 0, 0, 0, 1, 2, 9]), 258);
        assert_eq!(halves(b"abcde", b"vwxy"), "abvw");
        let once = updated(&[], b"12345678rest");
        assert_eq!(once, b"\0\0\0\0\0\0\0\x01rest".as_slice());
        assert_eq!(updated(&once, b"12345678more"), b"\0\0\0\0\0\0\0\x02more".as_slice());
    }
}
