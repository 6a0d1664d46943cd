//! The changelog records of suppressions, as answers show them.
//!
//! Such a record has the value that was sent on before, the one that was replaced, and the new one. What an aggregate's
//! first value replaces is not the same on both sides (DIFFERENCES.md), so a rule takes the first two away.

use crate::answer::{escaped, unescaped};

/// The header that says which layout a record has.
const LAYOUT: &str = " v=\\x03";

/// A line of a suppression's changelog without the values that were there before; `None` for any other line.
#[must_use]
pub fn without_old_values(line: &str) -> Option<String> {
    let mut parts = line.strip_suffix(LAYOUT)?.splitn(4, ' ');
    let (topic, key, value, timestamp) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let bytes = unescaped(value)?;
    let mut rest = Unread(&bytes);
    rest.skip(2 * size_of::<u64>())?;
    rest.skip_field()?;
    rest.skip(size_of::<u32>())?;
    for _ in 0..rest.int()? {
        rest.skip_field()?;
        rest.skip_field()?;
    }
    let context = bytes.len() - rest.0.len();
    rest.skip_field()?;
    rest.skip_field()?;
    let cut = [&bytes[..context], rest.0].concat();
    Some(format!("{topic} {key} {} {timestamp}{LAYOUT}", escaped(Some(&cut))))
}

struct Unread<'a>(&'a [u8]);

impl Unread<'_> {
    fn skip(&mut self, length: usize) -> Option<()> {
        self.0 = self.0.get(length..)?;
        Some(())
    }

    fn int(&mut self) -> Option<i32> {
        let (int, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(i32::from_be_bytes(*int))
    }

    /// Bytes after their length, which is negative if there are none.
    fn skip_field(&mut self) -> Option<()> {
        let length = self.int()?;
        self.skip(usize::try_from(length).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::without_old_values;
    use crate::answer::escaped;

    fn line(prior: &[u8], old: &[u8]) -> String {
        let context =
            b"\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x07\0\0\0\x04in-0\0\0\0\0\0\0\0\x01\0\0\0\x01h\xff\xff\xff\xff";
        let value = [&context[..], prior, old, b"\0\0\0\x01n\0\0\0\0\0\0\0\x05"].concat();
        format!("app-s-changelog k {} - v=\\x03", escaped(Some(&value)))
    }

    #[test]
    fn only_what_was_there_before_is_cut() {
        let null: &[u8] = b"\xff\xff\xff\xff";
        let cut = without_old_values(&line(null, null)).unwrap();
        assert!(cut.ends_with("\\x00\\x00\\x00\\x01n\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x05 - v=\\x03"), "{cut}");
        for (prior, old) in [(&b"\0\0\0\x02ab"[..], &b"\xff\xff\xff\xfe"[..]), (null, &b"\0\0\0\x01x"[..])] {
            assert_eq!(without_old_values(&line(prior, old)).as_ref(), Some(&cut));
        }
        for other in ["app-s-changelog k ~ -", "out k v 5 v=\\x03", "out k v 5"] {
            assert_eq!(without_old_values(other), None);
        }
    }
}
