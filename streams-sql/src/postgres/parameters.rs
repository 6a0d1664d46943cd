//! Values as parameters of PostgreSQL's statements. Tables that were there may have narrower types than those that are created.

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::SqlValue;

type Outcome = Result<IsNull, Box<dyn Error + Sync + Send>>;

/// Whether an error is about a value that has not been sent.
pub(super) fn is_of_a_parameter(error: &tokio_postgres::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<DoesNotFit>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// A value that a column cannot have.
#[derive(Debug)]
struct DoesNotFit(String);

impl std::fmt::Display for DoesNotFit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for DoesNotFit {}

impl ToSql for SqlValue {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Outcome {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Boolean(value) if *ty == Type::BOOL => value.to_sql(ty, out),
            Self::Integer(value) => integer(*value, ty, out),
            Self::Real(value) if *ty == Type::FLOAT8 => value.to_sql(ty, out),
            #[expect(clippy::cast_possible_truncation, reason = "the column has no more digits")]
            Self::Real(value) if *ty == Type::FLOAT4 => (*value as f32).to_sql(ty, out),
            Self::Text(value) if <String as ToSql>::accepts(ty) => text(value, ty, out),
            Self::Blob(value) if *ty == Type::BYTEA => value.to_sql(ty, out),
            Self::Time(value) if [Type::TIMESTAMPTZ, Type::TIMESTAMP].contains(ty) => time(*value).to_sql(ty, out),
            Self::Json(value) if [Type::JSON, Type::JSONB].contains(ty) => value.to_sql(ty, out),
            Self::Json(value) if <String as ToSql>::accepts(ty) => text(&value.to_string(), ty, out),
            other => Err(does_not_fit(other, ty)),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn integer(value: i64, ty: &Type, out: &mut BytesMut) -> Outcome {
    let narrow = || does_not_fit(&SqlValue::Integer(value), ty);
    match *ty {
        Type::INT8 => value.to_sql(ty, out),
        Type::INT4 => i32::try_from(value).map_err(|_| narrow())?.to_sql(ty, out),
        Type::INT2 => i16::try_from(value).map_err(|_| narrow())?.to_sql(ty, out),
        _ => Err(narrow()),
    }
}

/// PostgreSQL's texts cannot have the character 0.
fn text(value: &str, ty: &Type, out: &mut BytesMut) -> Outcome {
    if value.contains('\0') {
        return Err(Box::new(DoesNotFit("a text of PostgreSQL cannot have the character U+0000".to_owned())));
    }
    value.to_sql(ty, out)
}

fn time(milliseconds: i64) -> SystemTime {
    let distance = Duration::from_millis(milliseconds.unsigned_abs());
    if milliseconds < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
}

fn does_not_fit(value: &SqlValue, ty: &Type) -> Box<dyn Error + Sync + Send> {
    Box::new(DoesNotFit(format!("{value:?} does not fit into a column of type {ty}")))
}
