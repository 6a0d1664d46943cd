//! Divides a text into records.
//!
//! A line is a record. A long line is divided between words, so that a text without line breaks is not kept in memory as
//! a whole. Words are never divided.

use std::io::{self, BufRead, Read as _};

use crate::topology::is_space;

/// Calls `send` with each record of `text`: a line, or about `size` bytes of one.
pub(crate) fn for_each_record<E: From<io::Error>>(
    mut text: impl BufRead,
    size: usize,
    mut send: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut record = Vec::new();
    while text.by_ref().take(size as u64).read_until(b'\n', &mut record)? > 0 {
        if record.len() == size {
            read_to_the_words_end(&mut text, &mut record)?;
        }
        send(&record)?;
        record.clear();
    }
    Ok(())
}

fn read_to_the_words_end(text: &mut impl BufRead, record: &mut Vec<u8>) -> io::Result<()> {
    if record.last().is_some_and(is_space) {
        return Ok(());
    }
    for byte in text.by_ref().bytes() {
        let byte = byte?;
        record.push(byte);
        if is_space(&byte) {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::for_each_record;
    use crate::topology::words;

    fn records(text: &[u8], size: usize) -> Vec<Vec<u8>> {
        let mut records = Vec::new();
        let outcome = for_each_record(text, size, |record| {
            records.push(record.to_vec());
            Ok::<_, std::io::Error>(())
        });
        outcome.expect("memory can be read");
        records
    }

    #[test]
    fn lines_are_records_and_only_long_ones_are_cut() {
        let table: [(&[u8], &[&[u8]]); 6] = [
            (b"", &[]),
            (b"a b\nc\n", &[b"a b\n", b"c\n"]),
            (b"a\n\nb", &[b"a\n", b"\n", b"b"]),
            (b"ab cd ef gh\n", &[b"ab cd ", b"ef gh\n"]),
            (b"abcdefgh ij", &[b"abcdefgh ", b"ij"]),
            (b"\xff\x80 \xfe", &[b"\xff\x80 \xfe"]),
        ];
        for (text, expected) in table {
            assert_eq!(records(text, 5), expected, "{}", text.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn cutting_changes_no_word(text in "[ab \n\t\u{e9}]{0,60}", size in 1_usize..20) {
            let records = records(text.as_bytes(), size);
            prop_assert_eq!(records.concat(), text.as_bytes());
            let found: Vec<_> = records.iter().flat_map(|record| words(record.clone().into())).collect();
            prop_assert_eq!(found, words(text.into_bytes().into()));
        }
    }
}
