//! Lists, in the format of Java's `Serdes.ListSerde` (KIP-466).
//!
//! All integers have 32 bits and are big-endian. Elements of a fixed size have no length:
//!
//! ```text
//! 0x00 | number of nulls | index of each null | count | each element that is not null
//! 0x01 | count | for each element: its length, or -1 for null | its bytes
//! ```

use std::cell::Cell;
use std::hash::Hash;

use serde_json::Value as JsonValue;

use super::json_form::{typed_json, unexpected};
use super::{DecodeError, EncodeError, Field, Key, Nullable, Value, WindowSize};

const CONSTANT_SIZE: u8 = 0;
const VARIABLE_SIZE: u8 = 1;
const NULL: i32 = -1;

/// The deepest nesting of lists that is read. Only a type that contains itself can be nested deeper, and then the bytes,
/// not the program, would determine how much stack is used.
const NESTING_MAX: u32 = 128;

/// The maximum number of elements for which memory is allocated before any of them has been read.
const RESERVE_MAX: usize = 1024;

/// A list that can be a record's value or key. It is a separate type because `Vec<u8>` stands for plain bytes.
///
/// ```
/// use millstream::prelude::*;
/// use millstream::wire::List;
///
/// let mut bytes = Vec::new();
/// List(vec!["a".to_owned(), "bc".to_owned()]).encode(&mut bytes)?;
/// assert_eq!(bytes, b"\x01\0\0\0\x02\0\0\0\x01a\0\0\0\x02bc");
///
/// // `Option` elements allow Java's nulls.
/// let list = List::<Option<i16>>::decode(b"\0\0\0\0\x01\0\0\0\0\0\0\0\x02\0\x07")?;
/// assert_eq!(list.0, [None, Some(7)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(elements: Vec<T>) -> Self {
        Self(elements)
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        Self(elements.into_iter().collect())
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T: Nullable + Hash + Eq> Key for List<T> {}

impl<T: Nullable> Value for List<T> {
    const WINDOWS: usize = <T::Inner as Value>::WINDOWS;

    fn set_window_sizes(&mut self, sizes: &[WindowSize]) {
        self.0.iter_mut().for_each(|element| element.set_window_sizes(sizes));
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match T::Inner::FIXED_SIZE {
            Some(size) => encode_constant(&self.0, size.get(), out),
            None => encode_variable(&self.0, out),
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let _nesting = Nesting::enter().map_err(DecodeError::new::<Self>)?;
        let mut reader = ListReader(bytes);
        match reader.byte().map_err(DecodeError::new::<Self>)? {
            CONSTANT_SIZE => match T::Inner::FIXED_SIZE {
                Some(size) => decode_constant(reader, size.get()),
                None => Err(DecodeError::new::<Self>("its elements have neither lengths nor a fixed size")),
            },
            VARIABLE_SIZE => decode_variable(reader),
            other => Err(DecodeError::new::<Self>(format!(
                "it starts with {other:#04x}; a list starts with 0x00 (elements of constant size) or 0x01 (variable)"
            ))),
        }
        .map(List)
    }

    fn to_json(&self) -> Result<JsonValue, EncodeError> {
        self.0.iter().map(Field::write_json).collect()
    }

    fn from_json(json: &JsonValue) -> Result<Self, DecodeError> {
        let elements = json.as_array().ok_or_else(|| DecodeError::new::<Self>(unexpected("a list", json)))?;
        elements.iter().map(T::read_json).collect()
    }

    fn from_text(text: &str) -> Result<Self, DecodeError> {
        typed_json(text, Self::from_json)
    }

    fn example_text() -> String {
        format!("[{}]", example_json::<T::Inner>())
    }
}

/// An example as JSON says it: that of a string is typed without its quotation marks.
pub(crate) fn example_json<V: Value>() -> String {
    let json = V::from_text(&V::example_text()).ok().and_then(|value| value.to_json().ok());
    json.map_or_else(|| "null".to_owned(), |json| json.to_string())
}

/// Converts to Java's signed 32-bit count.
fn count<T>(number: usize) -> Result<i32, EncodeError> {
    number
        .try_into()
        .map_err(|_| EncodeError::new::<List<T>>(format!("{number} is more than a list's format can count")))
}

fn encode_constant<T: Field>(elements: &[T], size: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    out.push(CONSTANT_SIZE);
    let nulls_at = out.len();
    out.extend_from_slice(&0_i32.to_be_bytes());
    let count_at = out.len();
    out.extend_from_slice(&count::<T>(elements.len())?.to_be_bytes());
    let mut nulls: Vec<i32> = Vec::new();
    for (index, element) in elements.iter().enumerate() {
        let start = out.len();
        if !element.write(out)? {
            nulls.push(count::<T>(index)?);
        } else if out.len() - start != size {
            let written = out.len() - start;
            return Err(EncodeError::new::<List<T>>(format!("element {index} took {written} bytes, not {size}")));
        }
    }
    if !nulls.is_empty() {
        let number = count::<T>(nulls.len())?.to_be_bytes();
        out.splice(nulls_at..count_at, number.into_iter().chain(nulls.into_iter().flat_map(i32::to_be_bytes)));
    }
    Ok(())
}

fn encode_variable<T: Field>(elements: &[T], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    out.push(VARIABLE_SIZE);
    out.extend_from_slice(&count::<T>(elements.len())?.to_be_bytes());
    for element in elements {
        let start = out.len();
        out.extend_from_slice(&NULL.to_be_bytes());
        if element.write(out)? {
            let length = count::<T>(out.len() - start - 4)?;
            out.splice(start..start + 4, length.to_be_bytes());
        }
    }
    Ok(())
}

fn decode_constant<T: Field>(mut reader: ListReader<'_>, size: usize) -> Result<Vec<T>, DecodeError> {
    let nulls = reader.nulls().map_err(DecodeError::new::<List<T>>)?;
    let length = reader.number().map_err(DecodeError::new::<List<T>>)?;
    // The number of elements follows from the remaining bytes: the count is checked, never trusted.
    let mut elements = reader.0.chunks_exact(size);
    let present = elements.len() + nulls.len();
    if !elements.remainder().is_empty() || usize::try_from(length) != Ok(present) {
        let left = reader.0.len();
        return Err(DecodeError::new::<List<T>>(format!(
            "it announces {length} elements of {size} bytes with {} nulls, but {left} bytes follow",
            nulls.len()
        )));
    }
    let mut nulls = nulls.iter().map(|index| i64::from(i32::from_be_bytes(*index))).peekable();
    let mut list = Vec::with_capacity(present.min(RESERVE_MAX));
    for index in 0..i64::from(length) {
        let is_null = nulls.next_if_eq(&index).is_some();
        let Some(element) = (if is_null { Some(None) } else { elements.next().map(Some) }) else { break };
        list.push(T::read(element)?);
    }
    match nulls.next() {
        Some(_) => {
            Err(DecodeError::new::<List<T>>(format!("the indexes of its nulls are not ascending and below {length}")))
        }
        None => Ok(list),
    }
}

fn decode_variable<T: Field>(mut reader: ListReader<'_>) -> Result<Vec<T>, DecodeError> {
    // Every element has at least a length.
    let length = reader.count(4).map_err(DecodeError::new::<List<T>>)?;
    let mut list = Vec::with_capacity(length.min(RESERVE_MAX));
    for _ in 0..length {
        let element = reader.element().map_err(DecodeError::new::<List<T>>)?;
        list.push(T::read(element)?);
    }
    match reader.0.len() {
        0 => Ok(list),
        left => Err(DecodeError::new::<List<T>>(format!("{left} bytes are left after its {length} elements"))),
    }
}

/// Reads from the front of a slice; its errors say what is missing.
struct ListReader<'a>(&'a [u8]);

impl<'a> ListReader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or_else(|| format!("it ends in the middle: {length} bytes are announced, {} follow", self.0.len()))?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        let (byte, rest) = self.0.split_first().ok_or("it is empty; a list has at least 5 bytes")?;
        self.0 = rest;
        Ok(*byte)
    }

    fn number(&mut self) -> Result<i32, String> {
        let (number, rest) = self.0.split_first_chunk().ok_or("it ends in the middle of a number")?;
        self.0 = rest;
        Ok(i32::from_be_bytes(*number))
    }

    /// A number of entries that take at least `bytes_each`, so no more are announced than the bytes can contain.
    fn count(&mut self, bytes_each: usize) -> Result<usize, String> {
        let number = self.number()?;
        usize::try_from(number)
            .ok()
            .filter(|number| *number <= self.0.len() / bytes_each)
            .ok_or_else(|| format!("it announces {number} entries, and {} bytes follow", self.0.len()))
    }

    /// The indexes of the nulls, each a big-endian number.
    fn nulls(&mut self) -> Result<&'a [[u8; 4]], String> {
        let number = self.count(4)?;
        self.take(number * 4).map(|indexes| indexes.as_chunks().0)
    }

    /// An element's length and bytes; `None` is null.
    fn element(&mut self) -> Result<Option<&'a [u8]>, String> {
        match self.number()? {
            NULL => Ok(None),
            length => match usize::try_from(length) {
                Ok(length) => self.take(length).map(Some),
                Err(_) => Err(format!("an element's length is {length}")),
            },
        }
    }
}

thread_local! {
    static NESTING: Cell<u32> = const { Cell::new(0) };
}

/// Counts the lists around this one that are being read on this thread.
struct Nesting;

impl Nesting {
    fn enter() -> Result<Self, String> {
        let depth = NESTING.get();
        if depth == NESTING_MAX {
            return Err(format!("lists are nested deeper than {NESTING_MAX}"));
        }
        NESTING.set(depth + 1);
        Ok(Self)
    }
}

impl Drop for Nesting {
    fn drop(&mut self) {
        NESTING.set(NESTING.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason<T: Nullable + std::fmt::Debug>(bytes: &[u8]) -> String {
        List::<T>::decode(bytes).unwrap_err().reason
    }

    #[test]
    fn what_the_bytes_announce_is_checked_before_it_is_believed() {
        for (expected, actual) in [
            ("it is empty; a list has at least 5 bytes", reason::<i16>(b"")),
            (
                "it starts with 0x02; a list starts with 0x00 (elements of constant size) or 0x01 (variable)",
                reason::<i16>(b"\x02\0\0\0\0"),
            ),
            ("it ends in the middle of a number", reason::<String>(b"\x01\0\0\0")),
            ("its elements have neither lengths nor a fixed size", reason::<String>(b"\0\0\0\0\0\0\0\0\0")),
            ("it announces 2147483647 entries, and 0 bytes follow", reason::<String>(b"\x01\x7f\xff\xff\xff")),
            ("it announces -1 entries, and 0 bytes follow", reason::<String>(b"\x01\xff\xff\xff\xff")),
            ("it ends in the middle: 9 bytes are announced, 1 follow", reason::<String>(b"\x01\0\0\0\x01\0\0\0\x09a")),
            ("an element's length is -2", reason::<String>(b"\x01\0\0\0\x01\xff\xff\xff\xfe")),
            ("1 bytes are left after its 0 elements", reason::<String>(b"\x01\0\0\0\0a")),
            (
                "it announces 2147483647 elements of 2 bytes with 0 nulls, but 2 bytes follow",
                reason::<i16>(b"\0\0\0\0\0\x7f\xff\xff\xff\0\x01"),
            ),
            (
                "it announces 1 elements of 2 bytes with 0 nulls, but 3 bytes follow",
                reason::<i16>(b"\0\0\0\0\0\0\0\0\x01\0\x01\x02"),
            ),
            (
                "the indexes of its nulls are not ascending and below 1",
                reason::<Option<i16>>(b"\0\0\0\0\x01\0\0\0\x05\0\0\0\x01"),
            ),
            (
                "the indexes of its nulls are not ascending and below 2",
                reason::<Option<i16>>(b"\0\0\0\0\x02\0\0\0\x01\0\0\0\0\0\0\0\x02"),
            ),
        ] {
            assert_eq!(actual, expected);
        }
    }

    #[test]
    fn a_null_needs_room_in_the_element_type() {
        let bytes = b"\x01\0\0\0\x01\xff\xff\xff\xff";
        assert_eq!(List::<Option<String>>::decode(bytes).unwrap().0, [None]);
        assert!(reason::<String>(bytes).starts_with("it is null"));
    }

    /// A list may be written with variable sizes, whatever the type of its elements.
    #[test]
    fn numbers_with_lengths_are_read_too() {
        assert_eq!(List::<i16>::decode(b"\x01\0\0\0\x01\0\0\0\x02\0\x07").unwrap().0, [7]);
    }

    /// In a type that contains itself, the bytes determine the depth: 100,000 levels would overflow the stack.
    #[test]
    fn nesting_is_limited() {
        #[derive(Debug, Clone, PartialEq)]
        struct Tree(List<Tree>);

        impl Value for Tree {
            fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
                self.0.encode(out)
            }

            fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
                List::decode(bytes).map(Self)
            }
        }

        fn nested(depth: usize) -> Vec<u8> {
            let mut bytes = Vec::new();
            for level in (0..depth).rev() {
                let inner = i32::try_from(level * 9 + 5).unwrap();
                bytes.extend_from_slice(b"\x01\0\0\0\x01");
                bytes.extend_from_slice(&inner.to_be_bytes());
            }
            bytes.extend_from_slice(b"\x01\0\0\0\0");
            bytes
        }

        assert!(Tree::decode(&nested(127)).is_ok());
        assert_eq!(Tree::decode(&nested(100_000)).unwrap_err().reason, "lists are nested deeper than 128");
        assert!(Tree::decode(&nested(127)).is_ok(), "the limit counts this list's depth, not all lists ever read");
    }
}
