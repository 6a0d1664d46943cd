//! [`Shape`]: what a topic's or store's keys or values look like, without their Rust type.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use super::{DecodeError, EncodeError, Field, WindowSize};

/// What keys or values look like to people and to programs that do not know their Rust type: it makes JSON of their bytes,
/// and bytes of JSON and of texts.
///
/// A topology knows the shapes of its topics and stores; see [`Topology::topics`](crate::topology::Topology::topics).
///
/// ```
/// use millstream::wire::Shape;
/// use serde_json::json;
///
/// let number = Shape::of::<i64>();
/// assert_eq!(number.type_name(), "i64");
/// assert_eq!(number.to_json(Some(&7_i64.to_be_bytes()))?, json!(7));
/// assert_eq!(number.bytes_of_text("7")?, Some(7_i64.to_be_bytes().to_vec()));
///
/// let error = number.bytes_of_text("seven").unwrap_err().to_string();
/// assert_eq!(error, "not a value of type i64: `seven` is not such a number: invalid digit found in string; write one \
///                    such as `42`");
/// # Ok::<(), millstream::wire::ShapeError>(())
/// ```
#[derive(Clone)]
pub struct Shape {
    form: Arc<dyn Form>,
    /// The sizes of the windows in a key, as far as they are known, the outermost first.
    windows: Arc<[WindowSize]>,
}

/// Those of a topic's or store's keys and values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shapes {
    /// The keys.
    pub key: Shape,
    /// The values.
    pub value: Shape,
}

/// Why bytes, JSON or a text are not of a shape.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a value of type {type_name}: {reason}{}", match example {
    Some(example) => format!("; write one such as `{example}`"),
    None => String::new(),
})]
pub struct ShapeError {
    /// The type, as people say it.
    pub type_name: String,
    /// What is wrong.
    pub reason: String,
    /// How one is written, if somebody has written something else.
    pub example: Option<String>,
}

crate::debug_says_what_display_says!(ShapeError);

/// What a type knows about its bytes.
pub(crate) trait Form: Send + Sync {
    /// As the compiler says it.
    fn type_name(&self) -> &'static str;
    fn to_json(&self, bytes: &[u8], windows: &[WindowSize]) -> Result<Json, String>;
    fn bytes_of_json(&self, json: &Json) -> Result<Option<Vec<u8>>, String>;
    fn bytes_of_text(&self, text: &str) -> Result<Option<Vec<u8>>, String>;
    fn example_text(&self) -> String;
    fn partition_bytes<'a>(&self, encoded: &'a [u8]) -> &'a [u8];
}

impl Shape {
    /// The shape of a type.
    #[must_use]
    pub fn of<F: Field>() -> Self {
        Self::with(Typed::<F>(PhantomData))
    }

    pub(crate) fn with(form: impl Form + 'static) -> Self {
        Self { form: Arc::new(form), windows: Arc::default() }
    }

    /// The same with windows of these sizes, the outermost first.
    #[must_use]
    pub(crate) fn in_windows(self, windows: &[WindowSize]) -> Self {
        if windows.is_empty() { self } else { Self { windows: windows.into(), ..self } }
    }

    /// The Rust type without its path, such as `Windowed<String>`.
    #[must_use]
    pub fn type_name(&self) -> String {
        without_paths(self.form.type_name())
    }

    /// As the compiler says it.
    pub(crate) fn full_type_name(&self) -> &'static str {
        self.form.type_name()
    }

    /// Makes JSON of a key or value; `None` is null, and becomes JSON's.
    ///
    /// # Errors
    /// When the bytes are no such value, or JSON cannot say what they are.
    pub fn to_json(&self, bytes: Option<&[u8]>) -> Result<Json, ShapeError> {
        let Some(bytes) = bytes else { return Ok(Json::Null) };
        self.form.to_json(bytes, &self.windows).map_err(|reason| self.error(reason, None))
    }

    /// As [`Shape::to_json`], where something has to be shown in any case: bytes that are something else are an object with
    /// the bytes in base64, `undecodable`, and with the `reason`; if they are a text, that is there as `text`, too.
    ///
    /// ```
    /// use millstream::wire::Shape;
    ///
    /// let shown = Shape::of::<i64>().shown(Some(b"cheap"));
    /// assert_eq!((&shown["undecodable"], &shown["text"]), (&"Y2hlYXA=".into(), &"cheap".into()));
    /// assert!(shown["reason"].as_str().is_some_and(|reason| reason.contains("it has 5 bytes")));
    /// ```
    #[must_use]
    pub fn shown(&self, bytes: Option<&[u8]>) -> Json {
        self.to_json(bytes).unwrap_or_else(|error| {
            let bytes = bytes.unwrap_or_default();
            let mut shown = json!({ "undecodable": STANDARD.encode(bytes), "reason": error.to_string() });
            if let Ok(text) = std::str::from_utf8(bytes)
                && !text.chars().any(|character| character.is_control() && !character.is_whitespace())
            {
                shown["text"] = text.into();
            }
            shown
        })
    }

    /// Makes bytes of JSON; `None` is null.
    ///
    /// # Errors
    /// When the JSON is no such value, with an example of one.
    pub fn bytes_of_json(&self, json: &Json) -> Result<Option<Vec<u8>>, ShapeError> {
        self.form.bytes_of_json(json).map_err(|reason| self.error(reason, self.readable_example()))
    }

    /// Makes bytes of what a person has typed, as [`Value::from_text`](super::Value::from_text) reads it.
    ///
    /// # Errors
    /// When the text is no such value, with an example of one.
    pub fn bytes_of_text(&self, text: &str) -> Result<Option<Vec<u8>>, ShapeError> {
        self.form.bytes_of_text(text).map_err(|reason| self.error(reason, self.readable_example()))
    }

    /// A text that [`Shape::bytes_of_text`] reads.
    #[must_use]
    pub fn example(&self) -> String {
        self.form.example_text()
    }

    /// The part of an encoded key that determines the partition.
    #[must_use]
    pub fn partition_bytes<'a>(&self, encoded: &'a [u8]) -> &'a [u8] {
        self.form.partition_bytes(encoded)
    }

    /// A type with a format of its own may have no example that it reads.
    fn readable_example(&self) -> Option<String> {
        Some(self.example()).filter(|example| self.form.bytes_of_text(example).is_ok())
    }

    fn error(&self, reason: String, example: Option<String>) -> ShapeError {
        ShapeError { type_name: self.type_name(), reason, example }
    }
}

/// The types are compared, and the windows' sizes.
impl PartialEq for Shape {
    fn eq(&self, other: &Self) -> bool {
        self.form.type_name() == other.form.type_name() && self.windows == other.windows
    }
}

impl Eq for Shape {}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shape({})", self.type_name())
    }
}

impl Shapes {
    /// Whether the types are the same, whatever is known of windows in them.
    pub(crate) fn have_types_of(&self, other: &Self) -> bool {
        let same = |one: &Shape, other: &Shape| one.full_type_name() == other.full_type_name();
        same(&self.key, &other.key) && same(&self.value, &other.value)
    }

    /// The shapes of these types.
    #[must_use]
    pub fn of<K: Field, V: Field>() -> Self {
        Self { key: Shape::of::<K>(), value: Shape::of::<V>() }
    }
}

/// A type that is known.
struct Typed<F>(PhantomData<fn() -> F>);

impl<F: Field> Typed<F> {
    fn encoded(field: Result<F, DecodeError>) -> Result<Option<Vec<u8>>, String> {
        let mut bytes = Vec::new();
        let is_there = field.map_err(|error| error.reason)?.write(&mut bytes).map_err(|error| error.reason)?;
        Ok(is_there.then_some(bytes))
    }
}

impl<F: Field> Form for Typed<F> {
    fn type_name(&self) -> &'static str {
        type_name::<F>()
    }

    fn to_json(&self, bytes: &[u8], windows: &[WindowSize]) -> Result<Json, String> {
        let mut field = F::read(Some(bytes)).map_err(|error: DecodeError| error.reason)?;
        field.set_window_sizes(windows);
        field.write_json().map_err(|error: EncodeError| error.reason)
    }

    fn bytes_of_json(&self, json: &Json) -> Result<Option<Vec<u8>>, String> {
        Self::encoded(F::read_json(json))
    }

    fn bytes_of_text(&self, text: &str) -> Result<Option<Vec<u8>>, String> {
        Self::encoded(F::read_text(text))
    }

    fn example_text(&self) -> String {
        F::example_text()
    }

    fn partition_bytes<'a>(&self, encoded: &'a [u8]) -> &'a [u8] {
        F::partition_bytes(encoded)
    }
}

/// A type's name with the last part of each path only.
fn without_paths(name: &str) -> String {
    let mut short = String::with_capacity(name.len());
    for part in name.split_inclusive(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | ':')) {
        short.push_str(part.rsplit("::").next().unwrap_or(part));
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Change, Timestamp};
    use crate::windows::{Session, Window, Windowed};
    use crate::wire::{List, Value};

    #[test]
    fn types_are_named_without_their_paths() {
        for (shape, expected) in [
            (Shape::of::<String>(), "String"),
            (Shape::of::<()>(), "()"),
            (Shape::of::<Option<List<Option<i64>>>>(), "Option<List<Option<i64>>>"),
            (Shape::of::<Windowed<Windowed<String>, Session>>(), "Windowed<Windowed<String>, Session>"),
            (Shape::of::<Vec<u8>>(), "Vec<u8>"),
        ] {
            assert_eq!(shape.type_name(), expected);
        }
    }

    fn windowed(start: i64) -> Vec<u8> {
        let window = Window { start: Timestamp(start), end: Timestamp(i64::MAX) };
        let mut bytes = Vec::new();
        Windowed { key: "a".to_owned(), window }.encode(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_windows_end_is_told_if_its_size_is_known() {
        let shape = Shape::of::<Windowed<String>>();
        let unknown = json!({ "key": "a", "start": 60_000, "end": null });
        assert_eq!(shape.to_json(Some(&windowed(60_000))), Ok(unknown));
        let known = shape.in_windows(&[WindowSize::Millis(5)]);
        let json = json!({ "key": "a", "start": 60_000, "end": 60_005 });
        assert_eq!(known.to_json(Some(&windowed(60_000))), Ok(json.clone()));
        assert_eq!(known.bytes_of_json(&json), Ok(Some(windowed(60_000))));
        assert_eq!(known.bytes_of_text(r#"{"key":"a","start":60000}"#), Ok(Some(windowed(60_000))));
        assert_eq!(known.partition_bytes(&windowed(60_000)), b"a");
    }

    #[test]
    fn null_is_null() {
        for shape in [Shape::of::<Option<i64>>(), Shape::of::<()>()] {
            assert_eq!(shape.to_json(None), Ok(Json::Null));
            assert_eq!(shape.bytes_of_json(&Json::Null), Ok(None));
            assert_eq!(shape.bytes_of_text("null"), Ok(None));
        }
        assert_eq!(Shape::of::<i64>().to_json(None), Ok(Json::Null), "a tombstone");
        assert!(Shape::of::<i64>().bytes_of_json(&Json::Null).is_err());
        assert_eq!(Shape::of::<()>().to_json(Some(b"ignored")), Ok(Json::Null));
        assert!(Shape::of::<()>().bytes_of_text("a").is_err());
    }

    #[test]
    fn bytes_of_another_type_are_shown_with_the_reason() {
        let shown = Shape::of::<Change<i64>>().shown(Some(b"\x01\x02"));
        assert_eq!(shown["undecodable"], "AQI=");
        assert!(shown["reason"].as_str().unwrap().starts_with("not a value of type Change<i64>: "), "{shown}");
    }

    #[test]
    fn errors_say_how_a_value_is_written() {
        for (shape, expected) in [
            (
                Shape::of::<u8>(),
                "not a value of type u8: `x` is not such a number: invalid digit found in string; write one such as `42`",
            ),
            (
                Shape::of::<List<String>>(),
                "not a value of type List<String>: expected a list, found `\"x\"`; write one such as `[\"text\"]`",
            ),
            (
                Shape::of::<Windowed<i64>>(),
                "not a value of type Windowed<i64>: expected an object with `key`, found `\"x\"`; write one such \
                 as `{\"key\":42,\"start\":1700000000000}`",
            ),
        ] {
            assert_eq!(shape.bytes_of_text("x").unwrap_err().to_string(), expected);
        }
    }
}
