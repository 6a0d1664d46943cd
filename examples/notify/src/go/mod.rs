//! What the Go program writes and reads, byte for byte, so that whoever talks to it can talk to this one: numbers and their
//! errors ([`atoi`]), forms ([`form`]), JSON ([`json`]), and what the router gin answers by itself ([`gin`]).

pub mod atoi;
pub mod form;
pub mod gin;
pub mod json;

/// Bytes as text. Each byte that belongs to no character becomes a replacement character of its own, while Rust's
/// `from_utf8_lossy` makes one of several.
pub fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}
