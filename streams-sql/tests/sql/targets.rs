//! A table as a target, asked directly.

use millstream::log::{BatchBuilder, RecordBatch, RecordRef};
use millstream::prelude::*;
use millstream::record::{Offset, TopicPartition};
use serde::{Deserialize, Serialize};
use streams_connect::sink::{Target, TargetError};
use streams_sql::SqlTable;

use crate::on_both;
use crate::rig::Database;

on_both!(
    rows_are_written_replaced_and_deleted_with_all_types,
    who_was_succeeded_writes_nothing,
    a_position_that_is_not_as_expected_writes_nothing,
    a_record_that_breaks_a_constraint_is_named_and_its_batch_is_not_written,
    a_table_that_does_not_fit_is_an_error_that_says_why,
    a_table_may_have_more_columns,
);

#[derive(Clone, Serialize, Deserialize, Value)]
#[streams(json)]
struct Order {
    customer: String,
    cents: i64,
    weight: f64,
    is_paid: bool,
    note: Option<String>,
    at: i64,
    lines: Vec<u32>,
}

const ORDERS: Topic<i64, Order> = Topic::new("orders");
const CENTS: Topic<String, i64> = Topic::new("cents");

fn order(customer: &str) -> Order {
    let (note, lines) = (None, vec![1, 2]);
    Order { customer: customer.to_owned(), cents: 1_250, weight: 0.5, is_paid: true, note, at: 1_000, lines }
}

fn orders() -> SqlTable<i64, Order> {
    SqlTable::of(&ORDERS, "orders")
        .key("id", |id| *id)
        .column("customer", |order| order.customer.clone())
        .column("cents", |order| order.cents)
        .column("weight", |order| order.weight)
        .column("is_paid", |order| order.is_paid)
        .column("note", |order| order.note.clone())
        .column("at", |order| Timestamp(order.at))
        .column("lines", |order| serde_json::json!(order.lines))
        .column("bytes", |order| order.customer.clone().into_bytes())
}

fn cents() -> SqlTable<String, i64> {
    SqlTable::of(&CENTS, "cents").key("name", String::clone).column("cents", |cents| *cents)
}

fn partition() -> TopicPartition {
    TopicPartition::new("cents", 0)
}

/// Records of these keys and values, from an offset on.
fn batch<K: Key, V: Value>(from: i64, records: &[(K, Option<V>)]) -> RecordBatch {
    let mut batch = BatchBuilder::default();
    let mut offset = from;
    for (key, value) in records {
        let mut key_bytes = Vec::new();
        key.encode(&mut key_bytes).unwrap();
        let value = value.as_ref().map(|value| {
            let mut bytes = Vec::new();
            value.encode(&mut bytes).unwrap();
            bytes
        });
        batch.push(Offset(offset), Timestamp(0), Some(&key_bytes), value.as_deref(), &Headers::new());
        offset += 1;
    }
    batch.finish(Offset(offset))
}

fn write(
    target: &mut dyn Target,
    partition: &TopicPartition,
    from: i64,
    batch: &RecordBatch,
) -> Result<(), TargetError> {
    let records: Vec<RecordRef<'_>> = batch.iter().collect();
    target.write(partition, Offset(from), &records, batch.next_offset())
}

fn name(name: &str) -> String {
    name.to_owned()
}

fn rows_are_written_replaced_and_deleted_with_all_types<D: Database>(database: &D) {
    let mut target = database.target(orders());
    let place = TopicPartition::new("orders", 3);
    assert_eq!(target.take(&place, Offset(5)).unwrap(), Offset(5));
    let noted = Order { note: Some("\"quoted\" ü".to_owned()), at: -1, ..order("bob") };
    let records =
        [(1_i64, Some(order("ada"))), (2, Some(order("eve"))), (3, Some(noted)), (1, Some(order("ann"))), (2, None)];
    write(&mut *target, &place, 5, &batch(5, &records)).unwrap();
    let at = if D::IS_POSTGRES { "(extract(epoch from at) * 1000)::bigint" } else { "at" };
    let rows = database
        .rows(&format!("SELECT id, customer, cents, weight, is_paid, note, {at}, lines FROM orders ORDER BY id"));
    let (yes, json) = if D::IS_POSTGRES { ("t", "[1, 2]") } else { ("1", "[1,2]") };
    assert_eq!(
        rows,
        [format!("1|ann|1250|0.5|{yes}|-|1000|{json}"), format!("3|bob|1250|0.5|{yes}|\"quoted\" ü|-1|{json}")]
    );
    let bytes = database.rows("SELECT bytes FROM orders WHERE id = 1");
    assert_eq!(bytes, [if D::IS_POSTGRES { "\\x616e6e" } else { "[97, 110, 110]" }]);
    assert_eq!(database.positions("orders"), [(place, Offset(10))]);
}

fn who_was_succeeded_writes_nothing<D: Database>(database: &D) {
    let (mut zombie, mut successor) = (database.target(cents()), database.target(cents()));
    zombie.take(&partition(), Offset(0)).unwrap();
    write(&mut *zombie, &partition(), 0, &batch(0, &[(name("ada"), Some(1_i64))])).unwrap();
    assert_eq!(successor.take(&partition(), Offset(0)).unwrap(), Offset(1), "the table knows where it is");
    // The very record that is next, at the very position that is expected.
    let next = batch(1, &[(name("ada"), Some(2_i64))]);
    let error = write(&mut *zombie, &partition(), 1, &next).unwrap_err();
    assert!(matches!(error, TargetError::Fenced(_)), "{error}");
    assert_eq!(database.rows("SELECT cents FROM cents"), ["1"]);
    write(&mut *successor, &partition(), 1, &next).unwrap();
    assert_eq!(database.rows("SELECT cents FROM cents"), ["2"]);
    assert_eq!(database.positions("cents"), [(partition(), Offset(2))]);
}

fn a_position_that_is_not_as_expected_writes_nothing<D: Database>(database: &D) {
    let mut target = database.target(cents());
    target.take(&partition(), Offset(0)).unwrap();
    let error = write(&mut *target, &partition(), 4, &batch(4, &[(name("ada"), Some(1_i64))])).unwrap_err();
    assert!(matches!(error, TargetError::Fenced(_)), "{error}");
    assert_eq!(database.rows("SELECT * FROM cents"), Vec::<String>::new());
    assert_eq!(database.positions("cents"), [(partition(), Offset(0))]);
}

fn a_record_that_breaks_a_constraint_is_named_and_its_batch_is_not_written<D: Database>(database: &D) {
    let integer = if D::IS_POSTGRES { "BIGINT" } else { "INTEGER" };
    database.execute(&format!("CREATE TABLE cents (name TEXT PRIMARY KEY, cents {integer} CHECK (cents >= 0))"));
    let mut target = database.target(cents());
    target.take(&partition(), Offset(0)).unwrap();
    let records = [(name("ada"), Some(1_i64)), (name("bob"), Some(-1)), (name("eve"), Some(1))];
    let error = write(&mut *target, &partition(), 0, &batch(0, &records)).unwrap_err();
    let TargetError::Refused { offset, reason } = error else { panic!("{error}") };
    assert_eq!(offset, Offset(1));
    assert!(reason.to_lowercase().contains("constraint"), "{reason}");
    assert_eq!(database.rows("SELECT * FROM cents"), Vec::<String>::new());
    // The others can be written at once: the position has not moved.
    write(&mut *target, &partition(), 0, &batch(0, &records[..1])).unwrap();
}

fn a_table_that_does_not_fit_is_an_error_that_says_why<D: Database>(database: &D) {
    database.execute("CREATE TABLE cents (name TEXT PRIMARY KEY, amount INTEGER)");
    let error = database.target(cents()).take(&partition(), Offset(0)).unwrap_err();
    assert!(matches!(error, TargetError::Fatal(_)) && error.to_string().contains("cents"), "{error}");
    // Without an index there is no row of a key.
    database.execute("DROP TABLE cents; CREATE TABLE cents (name TEXT, cents BIGINT)");
    let error = database.target(cents()).take(&partition(), Offset(0)).unwrap_err();
    assert!(matches!(error, TargetError::Fatal(_)) && error.to_string().contains("ON CONFLICT"), "{error}");
}

fn a_table_may_have_more_columns<D: Database>(database: &D) {
    database.execute(
        "CREATE TABLE cents (name TEXT PRIMARY KEY, seen TEXT DEFAULT 'no', cents BIGINT); \
         INSERT INTO cents VALUES ('ada', 'yes', 0)",
    );
    let mut target = database.target(cents());
    target.take(&partition(), Offset(0)).unwrap();
    write(&mut *target, &partition(), 0, &batch(0, &[(name("ada"), Some(1_i64)), (name("bob"), Some(2))])).unwrap();
    assert_eq!(database.rows("SELECT name, seen, cents FROM cents ORDER BY name"), ["ada|yes|1", "bob|no|2"]);
}
