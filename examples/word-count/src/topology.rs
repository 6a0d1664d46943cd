//! The topology: lines in, counts out.
//!
//! Words are bytes, so that any text can be counted. They are written in the same way as UTF-8 strings, and counts as
//! big-endian 64-bit numbers, so Java's `String` and `Long` serdes can read them.

use bytes::Bytes;
use millstream::prelude::*;

/// Lines of text, without a key.
pub(crate) type Lines = Topic<(), Bytes>;

/// A count per word.
pub(crate) type Counts = Topic<Bytes, i64>;

/// The table's store, after which its changelog is named: `<application id>-counts-changelog`.
pub(crate) const STORE: KeyValueStore<Bytes, i64> = KeyValueStore::new("counts");

/// Counts the words of `lines` into `counts`.
pub(crate) fn word_count(lines: Lines, counts: Counts) -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    builder
        .stream(lines)
        .flat_map_values(words)
        .group_by(|_, word| word.clone())
        .count()
        .stored_as(STORE)
        .to_stream()
        .to(counts);
    builder.build()
}

/// The words of a line, which are separated by ASCII white space, as with `tr -s '[:space:]'`. They are slices of the
/// line; nothing is copied.
pub(crate) fn words(line: Bytes) -> Vec<Bytes> {
    line.split(is_space).filter(|word| !word.is_empty()).map(|word| line.slice_ref(word)).collect()
}

/// White space in the C locale; unlike `u8::is_ascii_whitespace` it includes the vertical tab.
pub(crate) fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use millstream::testing::TestDriver;

    use super::*;

    const LINES: Lines = Topic::new("lines");
    const COUNTS: Counts = Topic::new("word-counts");

    #[test]
    fn each_word_is_counted() {
        let mut driver = TestDriver::new(word_count(LINES, COUNTS).expect("a topology"));
        driver.pipe(&LINES, (), "to be or\tnot to be");
        let counts = driver.read(&COUNTS).into_iter().map(|(word, count)| format!("{} {count}", word.escape_ascii()));
        assert_eq!(counts.collect::<BTreeSet<_>>(), ["be 2", "not 1", "or 1", "to 2"].map(str::to_owned).into());
        assert_eq!(driver.get(&STORE, "be"), Some(2));
    }

    #[test]
    fn a_killed_instance_goes_on_counting() {
        let mut driver = TestDriver::new(word_count(LINES, COUNTS).expect("a topology"));
        driver.pipe(&LINES, (), "to be");
        driver.kill();
        driver.restart();
        driver.pipe(&LINES, (), "to");
        assert_eq!(driver.get(&STORE, "to"), Some(2));
        assert_eq!(driver.get(&STORE, "be"), Some(1));
    }

    proptest::proptest! {
        #[test]
        fn words_are_what_lies_between_white_space(line: Vec<u8>) {
            let found = words(line.clone().into());
            assert!(found.iter().all(|word| !word.is_empty() && !word.iter().any(is_space)));
            let letters = |bytes: &[u8]| bytes.iter().copied().filter(|byte| !is_space(byte)).collect::<Vec<_>>();
            assert_eq!(found.concat(), letters(&line));
        }
    }
}
