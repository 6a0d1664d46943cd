//! Whole numbers as `strconv.Atoi` reads them, with its errors.

use std::fmt::Write as _;

/// Reads a number of 64 bits: digits, perhaps with a sign before them, and nothing else.
///
/// # Errors
/// With the text that Go has for it.
pub fn atoi(text: &[u8]) -> Result<i64, String> {
    let refused = |reason| format!("strconv.Atoi: parsing {}: {reason}", quoted(text));
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] | digits => (1, digits),
    };
    if digits.is_empty() {
        return Err(refused("invalid syntax"));
    }
    let mut number = 0_u64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return Err(refused("invalid syntax"));
        }
        let longer = number.checked_mul(10).and_then(|number| number.checked_add(u64::from(digit - b'0')));
        // As in Go, what follows is not looked at any more.
        number = longer.ok_or_else(|| refused("value out of range"))?;
    }
    i64::try_from(sign * i128::from(number)).map_err(|_| refused("value out of range"))
}

/// A text between quotes, as `strconv.Quote` writes it.
fn quoted(text: &[u8]) -> String {
    let mut quoted = String::from('"');
    for chunk in text.utf8_chunks() {
        for letter in chunk.valid().chars() {
            push(&mut quoted, letter);
        }
        for byte in chunk.invalid() {
            let _ = write!(quoted, "\\x{byte:02x}");
        }
    }
    quoted.push('"');
    quoted
}

fn push(quoted: &mut String, letter: char) {
    let short = match letter {
        '\x07' => 'a',
        '\x08' => 'b',
        '\x0c' => 'f',
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        '\x0b' => 'v',
        '"' | '\\' => letter,
        _ if is_printable(letter) => return quoted.push(letter),
        // Writing to a `String` does not fail.
        _ => {
            let number = u32::from(letter);
            let _ = match number {
                0..0x20 | 0x7f => write!(quoted, "\\x{number:02x}"),
                0x80..0x1_0000 => write!(quoted, "\\u{number:04x}"),
                _ => write!(quoted, "\\U{number:08x}"),
            };
            return;
        }
    };
    quoted.extend(['\\', short]);
}

/// Whether it is a letter, a mark, a number, punctuation, a symbol or the plain space. That is also what Rust writes as it is
/// when it shows a text for debugging, but for quotes, and for marks at the beginning.
fn is_printable(letter: char) -> bool {
    letter == '\'' || format!("x{letter}").escape_debug().nth(1) == Some(letter)
}
