//! JSON texts as `encoding/json` writes them: what could be mistaken for HTML is escaped, and so are the two line separators
//! that JavaScript did not allow.

use std::io::Write as _;

/// Appends a text with its quotes. A byte that belongs to no character becomes `\ufffd`.
pub fn push_text(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        for letter in chunk.valid().chars() {
            push(out, letter);
        }
        for _ in chunk.invalid() {
            out.extend_from_slice(br"\ufffd");
        }
    }
    out.push(b'"');
}

fn push(out: &mut Vec<u8>, letter: char) {
    let short = match letter {
        '\x08' => b'b',
        '\x0c' => b'f',
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        '"' => b'"',
        '\\' => b'\\',
        '\0'..' ' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
            // Writing to a `Vec` does not fail.
            let _ = write!(out, "\\u{:04x}", u32::from(letter));
            return;
        }
        _ => return out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// `{"message":".."}`.
pub fn message(text: &[u8]) -> Vec<u8> {
    let mut json = br#"{"message":"#.to_vec();
    push_text(&mut json, text);
    json.push(b'}');
    json
}
