//! What is printed. A program whose output nobody reads any more, as in `pubsub .. | head`, ends.

use std::fmt::Display;
use std::io::{self, Write as _};

use crate::pubsub::Bytes;

/// A result, on standard output.
pub fn say(line: impl Display) {
    let mut out = io::stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        // What was not committed yet is read again by the next subscriber of the group.
        std::process::exit(0);
    }
}

/// What is only for people who look on, on standard error.
pub fn tell(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// A key or a text, on one line. It may be any bytes, so what a terminal would obey is escaped.
pub fn shown(bytes: &Bytes) -> String {
    let Some(bytes) = bytes else { return "null".to_owned() };
    let mut line = String::new();
    for letter in String::from_utf8_lossy(bytes).chars() {
        if letter.is_control() { line.extend(letter.escape_default()) } else { line.push(letter) }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn whatever_was_sent_is_one_line() {
        for (bytes, line) in [
            (None, "null"),
            (Some(&b""[..]), ""),
            (Some(b"to be"), "to be"),
            (Some("caf\u{e9}".as_bytes()), "caf\u{e9}"),
            (Some(b"a\nb\tc\x1b[31m\x7f"), "a\\nb\\tc\\u{1b}[31m\\u{7f}"),
            (Some(b"\xff"), "\u{fffd}"),
        ] {
            assert_eq!(shown(&bytes.map(<[u8]>::to_vec)), line);
        }
    }
}
