//! What Rust's types are in a database.

use streams_core::record::Timestamp;

use crate::SqlValue;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColumnType {
    /// `BOOLEAN`; `INTEGER` in SQLite.
    Boolean,
    /// `BIGINT`; `INTEGER` in SQLite.
    Integer,
    /// `DOUBLE PRECISION`; `REAL` in SQLite.
    Real,
    /// `TEXT`.
    Text,
    /// `BYTEA`; `BLOB` in SQLite.
    Blob,
    /// `TIMESTAMPTZ`; `INTEGER` in SQLite, milliseconds since 1970.
    Time,
    /// `JSONB`; `TEXT` in SQLite.
    Json,
}

/// What a column can be made of.
///
/// | Rust | column |
/// | --- | --- |
/// | `bool` | [`Boolean`](ColumnType::Boolean) |
/// | `i8` to `i64`, `u8` to `u32` | [`Integer`](ColumnType::Integer) |
/// | `f32`, `f64` | [`Real`](ColumnType::Real) |
/// | `String`, `&'static str` | [`Text`](ColumnType::Text) |
/// | `Vec<u8>` | [`Blob`](ColumnType::Blob) |
/// | `Timestamp` | [`Time`](ColumnType::Time) |
/// | `serde_json::Value` | [`Json`](ColumnType::Json) |
/// | `Option` of one of them | the same, and may be null |
#[diagnostic::on_unimplemented(
    message = "a column cannot be made of `{Self}`",
    label = "expected a number, a text, a `bool`, bytes, a `Timestamp`, JSON, or an `Option` of one of them",
    note = "a `u64` does not fit into the integers of databases: convert it with `i64::try_from`, or store it as text"
)]
pub trait IntoColumn {
    /// The column's type.
    const TYPE: ColumnType;

    /// Whether it may be null.
    const NULLABLE: bool = false;

    /// The value.
    fn into_value(self) -> SqlValue;
}

macro_rules! columns {
    ($($rust:ty => $column:ident, |$value:ident| $convert:expr;)+) => {
        $(impl IntoColumn for $rust {
            const TYPE: ColumnType = ColumnType::$column;

            fn into_value(self) -> SqlValue {
                let $value = self;
                SqlValue::$column($convert)
            }
        })+
    };
}

columns! {
    bool => Boolean, |value| value;
    i8 => Integer, |value| value.into();
    i16 => Integer, |value| value.into();
    i32 => Integer, |value| value.into();
    i64 => Integer, |value| value;
    u8 => Integer, |value| value.into();
    u16 => Integer, |value| value.into();
    u32 => Integer, |value| value.into();
    f32 => Real, |value| value.into();
    f64 => Real, |value| value;
    String => Text, |value| value;
    &'static str => Text, |value| value.to_owned();
    Vec<u8> => Blob, |value| value;
    Timestamp => Time, |value| value.0;
    serde_json::Value => Json, |value| value;
}

impl<T: IntoColumn> IntoColumn for Option<T> {
    const TYPE: ColumnType = T::TYPE;
    const NULLABLE: bool = true;

    fn into_value(self) -> SqlValue {
        self.map_or(SqlValue::Null, T::into_value)
    }
}
