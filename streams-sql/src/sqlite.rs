//! SQLite: a file that needs no server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, params_from_iter};
use streams_connect::sink::{Target, TargetError};
use streams_core::log::Log;
use streams_core::record::{Offset, TopicPartition};
use streams_core::topic::Topic;
use streams_core::wire::{Key, Value};

use crate::rebuild::rebuild;
use crate::schema::{self, Dialect, Schema};
use crate::table::Change;
use crate::target::{Database, TableIn, Taken, Write};
use crate::{ColumnType, RebuildError, SqlTable, SqlValue};

/// How long to wait for another connection's transaction, before the sink waits.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// An SQLite database. Several sinks and processes may write tables of one file; they wait for each other.
///
/// The file is in WAL mode, so readers see the last committed rows and hold nobody up. A commit is not forced to the disk: after a
/// power cut the last ones may be gone, rows and positions together, and are written again from the topic.
#[derive(Debug, Clone)]
pub struct Sqlite {
    path: PathBuf,
}

impl Sqlite {
    /// The database in that file, which is created if there is none. Nothing is opened yet.
    #[must_use]
    pub fn at(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned() }
    }

    /// A table in it, for a sink.
    #[must_use]
    pub fn table<K: Key, V: Value>(self, table: SqlTable<K, V>) -> impl Target + use<K, V> {
        TableIn::new(Open { path: self.path, connection: None }, table.schema(), table)
    }

    /// Fills a table again from its topic's beginning, and returns how many records it has read. The table is filled beside the
    /// one that is there, with `__rebuild` behind its name, and then put in its place in one transaction; until then everything
    /// reads the old one. Sinks that carry the topic need not be stopped: they go on with the new table. Columns, indices and
    /// triggers that somebody has added are not in the new table.
    ///
    /// It is for tables whose columns have changed, or whose rows somebody has damaged. All of the topic must be there, so it must
    /// be compacted or keep its records for ever.
    ///
    /// # Errors
    /// When the topic cannot be read, a record is refused, or the database does not answer. The table is as it was then.
    pub fn rebuild<K: Key, V: Value>(
        self,
        table: SqlTable<K, V>,
        topic: &Topic<K, V>,
        log: impl Log,
    ) -> Result<u64, RebuildError> {
        let schema = table.schema();
        rebuild(Open { path: self.path, connection: None }, &schema, table, topic.name(), Arc::new(log))
    }

    /// How far a table is, as this connection sees it: within a transaction, that is how far the rows are that it sees. There is
    /// nothing before a sink has taken the partition over.
    ///
    /// # Errors
    /// As SQLite's.
    pub fn positions(connection: &Connection, table: &str) -> rusqlite::Result<BTreeMap<TopicPartition, Offset>> {
        let there: bool = connection.query_row(
            "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1)",
            [schema::POSITIONS],
            |row| row.get(0),
        )?;
        if !there {
            return Ok(BTreeMap::new());
        }
        let mut statement = connection.prepare_cached(&schema::positions::<Sql>())?;
        let rows = statement.query_map([table], |row| {
            let partition = TopicPartition::new(row.get::<_, String>(0)?, row.get(1)?);
            Ok((partition, Offset(row.get(2)?)))
        })?;
        rows.collect()
    }
}

/// SQLite's words.
struct Sql;

impl Dialect for Sql {
    fn type_of(kind: ColumnType) -> &'static str {
        match kind {
            ColumnType::Boolean | ColumnType::Integer | ColumnType::Time => "INTEGER",
            ColumnType::Real => "REAL",
            ColumnType::Text | ColumnType::Json => "TEXT",
            ColumnType::Blob => "BLOB",
        }
    }

    fn parameter(number: usize) -> String {
        format!("?{number}")
    }
}

/// A database that is opened when it is needed.
struct Open {
    path: PathBuf,
    connection: Option<Connection>,
}

impl Open {
    fn connection(&mut self, schema: &Schema) -> Result<&mut Connection, TargetError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(&self.path, schema)?,
        };
        Ok(self.connection.insert(connection))
    }

    /// What a connection has failed with is over with it.
    fn after<T>(&mut self, outcome: Result<T, TargetError>) -> Result<T, TargetError> {
        if matches!(outcome, Err(TargetError::Unavailable(_) | TargetError::Fatal(_))) {
            self.connection = None;
        }
        outcome
    }
}

impl Database for Open {
    fn describe(&self) -> String {
        format!("SQLite database {}", self.path.display())
    }

    fn take(&mut self, schema: &Schema, partition: &TopicPartition, begin: Offset) -> Result<Taken, TargetError> {
        let table = schema.name.clone();
        let connection = self.connection(schema)?;
        let parameters = (&table, &*partition.topic, partition.partition.0, begin.0);
        let taken = connection.query_row(&schema::take::<Sql>(), parameters, |row| {
            Ok(Taken { from: Offset(row.get(0)?), epoch: row.get(1)? })
        });
        let taken = taken.map_err(|error| failed(&error));
        self.after(taken)
    }

    fn forget(&mut self, schema: &Schema) -> Result<(), TargetError> {
        // What it was connected for is about to go.
        self.connection = None;
        let connection = connect(&self.path, schema)?;
        let forgotten = connection.execute_batch(&schema.drop_table());
        let forgotten = forgotten.and_then(|()| connection.execute(&schema::forget_positions::<Sql>(), [&schema.name]));
        forgotten.map(drop).map_err(|error| failed(&error))
    }

    fn switch(&mut self, schema: &Schema, beside: &Schema) -> Result<(), TargetError> {
        let connection = self.connection(beside)?;
        let switched = Transaction::new(connection, TransactionBehavior::Immediate).and_then(|transaction| {
            transaction.execute_batch(&schema.drop_table())?;
            transaction.execute_batch(&beside.rename(schema))?;
            transaction.execute(&schema::take_positions::<Sql>(), [&schema.name, &beside.name])?;
            transaction.execute(&schema::forget_positions::<Sql>(), [&beside.name])?;
            transaction.commit()
        });
        self.connection = None;
        switched.map_err(|error| failed(&error))
    }

    fn write(&mut self, schema: &Schema, write: &Write<'_>) -> Result<bool, TargetError> {
        let connection = self.connection(schema)?;
        let written = write_in_one(connection, schema, write);
        self.after(written)
    }
}

fn connect(path: &Path, schema: &Schema) -> Result<Connection, TargetError> {
    let failed = |error: rusqlite::Error| failed(&error);
    let connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    connection.pragma_update(None, "synchronous", "NORMAL").map_err(failed)?;
    connection.execute_batch(&schema::create_positions()).map_err(failed)?;
    connection.execute_batch(&schema.create::<Sql>()).map_err(failed)?;
    check_columns(&connection, schema)?;
    Ok(connection)
}

/// A table that was there may have other columns.
fn check_columns(connection: &Connection, schema: &Schema) -> Result<(), TargetError> {
    let fatal = |what: String| TargetError::Fatal(format!("table `{}` {what}", schema.name));
    for statement in [schema.upsert::<Sql>(), schema.delete::<Sql>()] {
        // SQLite knows best whether it can execute them: it looks for columns and the key's index.
        connection.prepare(&statement).map_err(|error| fatal(format!("is there and does not fit: {error}")))?;
    }
    Ok(())
}

fn write_in_one(connection: &mut Connection, schema: &Schema, write: &Write<'_>) -> Result<bool, TargetError> {
    // Immediate: two who read first and write then would have to give up.
    let transaction = Transaction::new(connection, TransactionBehavior::Immediate).map_err(|error| failed(&error))?;
    let Write { partition, epoch, from, next, changes } = write;
    let parameters = (next.0, &schema.name, &*partition.topic, partition.partition.0, epoch, from.0);
    let advanced = execute(&transaction, &schema::advance::<Sql>(), parameters).map_err(|error| failed(&error))?;
    if advanced != 1 {
        return Ok(false);
    }
    let (upsert, delete) = (schema.upsert::<Sql>(), schema.delete::<Sql>());
    for (offset, change) in changes {
        let (statement, values) = match change {
            Change::Upsert(values) => (&upsert, values),
            Change::Delete(values) => (&delete, values),
        };
        execute(&transaction, statement, params_from_iter(values)).map_err(|error| at(*offset, &error))?;
    }
    transaction.commit().map_err(|error| failed(&error))?;
    Ok(true)
}

fn execute(
    transaction: &Transaction<'_>,
    statement: &str,
    parameters: impl rusqlite::Params,
) -> rusqlite::Result<usize> {
    transaction.prepare_cached(statement)?.execute(parameters)
}

/// An error that is about no record.
fn failed(error: &rusqlite::Error) -> TargetError {
    use ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, FileLockingProtocolFailed, OperationInterrupted,
        OutOfMemory, SystemIoFailure,
    };
    let passes = [
        CannotOpen,
        DatabaseBusy,
        DatabaseLocked,
        DiskFull,
        FileLockingProtocolFailed,
        OperationInterrupted,
        OutOfMemory,
        SystemIoFailure,
    ];
    match error.sqlite_error_code() {
        Some(code) if passes.contains(&code) => TargetError::Unavailable(error.to_string()),
        _ => TargetError::Fatal(error.to_string()),
    }
}

/// An error while a record was written.
fn at(offset: Offset, error: &rusqlite::Error) -> TargetError {
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig) => {
            TargetError::Refused { offset, reason: error.to_string() }
        }
        _ => failed(error),
    }
}

impl ToSql for SqlValue {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Boolean(value) => ToSqlOutput::Borrowed(ValueRef::Integer((*value).into())),
            Self::Integer(value) | Self::Time(value) => ToSqlOutput::Borrowed(ValueRef::Integer(*value)),
            Self::Real(value) => ToSqlOutput::Borrowed(ValueRef::Real(*value)),
            Self::Text(value) => ToSqlOutput::Borrowed(ValueRef::Text(value.as_bytes())),
            Self::Blob(value) => ToSqlOutput::Borrowed(ValueRef::Blob(value)),
            Self::Json(value) => ToSqlOutput::Owned(rusqlite::types::Value::Text(value.to_string())),
        })
    }
}
