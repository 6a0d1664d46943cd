//! What the rows of a table are made of.

use std::marker::PhantomData;

use streams_core::log::RecordRef;
use streams_core::topic::Topic;
use streams_core::windows::WindowSizes;
use streams_core::wire::{Key, Value};

use crate::schema::{Column, Schema};
use crate::{IntoColumn, SqlValue};

/// A table and what its columns are made of: the key's from a record's key, the others from its value.
///
/// ```
/// use millstream::prelude::*;
/// use millstream::sql::SqlTable;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Serialize, Deserialize, Value)]
/// #[streams(json)]
/// struct Order {
///     customer: String,
///     cents: i64,
///     paid_at: Option<i64>,
/// }
///
/// const ORDERS: Topic<String, Order> = Topic::new("orders");
///
/// let table = SqlTable::of(&ORDERS, "orders")
///     .key("id", String::clone)
///     .column("customer", |order| order.customer.clone())
///     .column("cents", |order| order.cents)
///     .column("paid_at", |order| order.paid_at.map(Timestamp));
/// # drop(table);
/// ```
///
/// The table is created if there is none. One that is there must have these columns, of these types, and a primary key or a
/// unique index on those of the key; it may have more columns, with defaults.
#[must_use = "a database makes a target of it"]
pub struct SqlTable<K, V> {
    name: String,
    windows: WindowSizes,
    key: Vec<Made<K>>,
    columns: Vec<Made<V>>,
    types: PhantomData<fn() -> (K, V)>,
}

struct Made<T> {
    column: Column,
    of: Box<dyn Fn(&T) -> SqlValue + Send>,
}

impl<T> Made<T> {
    fn new<C: IntoColumn>(name: impl Into<String>, of: impl Fn(&T) -> C + Send + 'static) -> Self {
        let column = Column { name: name.into(), kind: C::TYPE, is_nullable: C::NULLABLE };
        Self { column, of: Box::new(move |whole| of(whole).into_value()) }
    }
}

impl<K: Key, V: Value> SqlTable<K, V> {
    /// A table of that name with the rows of a topic. `schema.table` names one in a schema of PostgreSQL.
    pub fn of(topic: &Topic<K, V>, name: impl Into<String>) -> Self {
        let (key, columns) = (Vec::new(), Vec::new());
        Self { name: name.into(), windows: topic.windows(), key, columns, types: PhantomData }
    }

    /// A column of the primary key. There is at least one; together they must tell keys apart.
    pub fn key<C: IntoColumn>(mut self, name: impl Into<String>, of: impl Fn(&K) -> C + Send + 'static) -> Self {
        self.key.push(Made::new(name, of));
        self
    }

    /// A column with a part of the value.
    pub fn column<C: IntoColumn>(mut self, name: impl Into<String>, of: impl Fn(&V) -> C + Send + 'static) -> Self {
        self.columns.push(Made::new(name, of));
        self
    }

    pub(crate) fn schema(&self) -> Schema {
        fn columns<T>(made: &[Made<T>]) -> Vec<Column> {
            made.iter().map(|made| made.column.clone()).collect()
        }
        Schema { name: self.name.clone(), key: columns(&self.key), columns: columns(&self.columns) }
    }
}

/// What a record does to a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// The values of all columns, those of the key first.
    Upsert(Vec<SqlValue>),
    /// The values of the key's columns.
    Delete(Vec<SqlValue>),
}

/// A table without its types.
pub(crate) trait Rows: Send {
    /// What a record does.
    ///
    /// # Errors
    /// When key or value are not of the table's types.
    fn change(&self, record: &RecordRef<'_>) -> Result<Change, String>;
}

impl<K: Key, V: Value> Rows for SqlTable<K, V> {
    fn change(&self, record: &RecordRef<'_>) -> Result<Change, String> {
        let bytes = record.key.ok_or("it has no key, so there is no row that it is about")?;
        let mut key = K::decode(bytes).map_err(|error| format!("its key: {error}"))?;
        key.set_window_sizes(self.windows.as_slice());
        let mut values: Vec<SqlValue> = self.key.iter().map(|made| (made.of)(&key)).collect();
        let Some(bytes) = record.value else { return Ok(Change::Delete(values)) };
        let value = V::decode(bytes).map_err(|error| format!("its value: {error}"))?;
        values.extend(self.columns.iter().map(|made| (made.of)(&value)));
        Ok(Change::Upsert(values))
    }
}

#[cfg(test)]
mod tests {
    use streams_core::log::BatchBuilder;
    use streams_core::record::{Headers, Offset, Timestamp};
    use streams_core::topic::Topic;

    use super::{Change, Rows, SqlTable};
    use crate::SqlValue;

    const TOTALS: Topic<String, i64> = Topic::new("totals");

    fn change(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Change, String> {
        let table = SqlTable::of(&TOTALS, "totals")
            .key("name", String::clone)
            .key("length", |name| u32::try_from(name.len()).ok())
            .column("cents", |cents| *cents);
        let mut batch = BatchBuilder::default();
        batch.push(Offset(0), Timestamp(0), key, value, &Headers::new());
        let batch = batch.finish(Offset(1));
        table.change(&batch.get(0).expect("one record"))
    }

    #[test]
    fn a_record_writes_or_deletes_the_row_of_its_key() {
        let (name, length) = (SqlValue::Text("ada".to_owned()), SqlValue::Integer(3));
        let upsert = Change::Upsert(vec![name.clone(), length.clone(), SqlValue::Integer(7)]);
        assert_eq!(change(Some(b"ada"), Some(&7_i64.to_be_bytes())), Ok(upsert));
        assert_eq!(change(Some(b"ada"), None), Ok(Change::Delete(vec![name, length])));
    }

    #[test]
    fn what_is_not_of_the_tables_types_is_refused_with_a_reason() {
        let refused = |key, value| change(key, value).expect_err("it is refused");
        assert_eq!(refused(None, None), "it has no key, so there is no row that it is about");
        assert!(refused(Some(b"\xff"), None).starts_with("its key: "));
        assert!(refused(Some(b"ada"), Some(b"7")).starts_with("its value: "));
    }
}
