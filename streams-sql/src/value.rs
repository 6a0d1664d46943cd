//! A value of a column.

/// A value in a row.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SqlValue {
    /// Nothing.
    Null,
    /// True or false; SQLite has 1 and 0.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Real(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
    /// A time, in milliseconds since 1970; SQLite has that number.
    Time(i64),
    /// JSON; SQLite has its text.
    Json(serde_json::Value),
}
