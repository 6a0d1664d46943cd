//! PostgreSQL, from version 12 on.

mod parameters;

use std::collections::BTreeMap;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use streams_connect::sink::{Target, TargetError};
use streams_core::log::Log;
use streams_core::record::{Offset, TopicPartition};
use streams_core::topic::Topic;
use streams_core::wire::{Key, Value};
use tokio::runtime::Runtime;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, GenericClient, NoTls, Statement, Transaction};

use crate::rebuild::rebuild;
use crate::schema::{self, Dialect, Schema};
use crate::table::Change;
use crate::target::{Database, TableIn, Taken, Write};
use crate::{ColumnType, RebuildError, SqlTable, SqlValue};

/// How long connecting, one statement, and waiting for a row that somebody else has locked may take, before the sink waits.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// The number of the lock that is held while tables are created: `milstrm` in ASCII.
const CREATING: i64 = 0x006d_696c_7374_726d;

/// How long a write may take if the network swallows it; the server ends statements earlier.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// A PostgreSQL database.
///
/// The connection is not encrypted: let it be on this machine, in a network of your own, or behind a proxy that encrypts.
#[derive(Debug, Clone)]
pub struct Postgres {
    config: Box<Config>,
}

impl Postgres {
    /// The database at an address such as `host=localhost user=app dbname=shop` or `postgresql://app@localhost/shop`. Nothing is
    /// connected yet.
    ///
    /// # Errors
    /// When that is not an address.
    pub fn at(address: &str) -> Result<Self, tokio_postgres::Error> {
        let mut config: Config = address.parse()?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name("millstream");
        }
        Ok(Self { config: Box::new(config) })
    }

    /// A table in it, for a sink.
    #[must_use]
    pub fn table<K: Key, V: Value>(self, table: SqlTable<K, V>) -> impl Target + use<K, V> {
        TableIn::new(Remote { config: self.config, connected: None }, table.schema(), table)
    }

    /// As [`Sqlite::rebuild`](crate::Sqlite::rebuild). Rights that were granted on the table must be granted again.
    ///
    /// # Errors
    /// As there.
    pub fn rebuild<K: Key, V: Value>(
        self,
        table: SqlTable<K, V>,
        topic: &Topic<K, V>,
        log: impl Log,
    ) -> Result<u64, RebuildError> {
        let schema = table.schema();
        rebuild(Remote { config: self.config, connected: None }, &schema, table, topic.name(), Arc::new(log))
    }

    /// How far a table is, as this client or transaction sees it: in a transaction that is `REPEATABLE READ`, that is how far
    /// the rows are that it sees. There is nothing before a sink has taken the partition over.
    ///
    /// # Errors
    /// As the database's.
    pub async fn positions(
        client: &impl GenericClient,
        table: &str,
    ) -> Result<BTreeMap<TopicPartition, Offset>, tokio_postgres::Error> {
        let there = client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&schema::POSITIONS]).await?;
        if !there.get::<_, bool>(0) {
            return Ok(BTreeMap::new());
        }
        let rows = client.query(&schema::positions::<Sql>(), &[&table]).await?;
        let position =
            |row: &tokio_postgres::Row| (TopicPartition::new(row.get::<_, String>(0), row.get(1)), Offset(row.get(2)));
        Ok(rows.iter().map(position).collect())
    }
}

/// PostgreSQL's words.
struct Sql;

impl Dialect for Sql {
    fn type_of(kind: ColumnType) -> &'static str {
        match kind {
            ColumnType::Boolean => "BOOLEAN",
            ColumnType::Integer => "BIGINT",
            ColumnType::Real => "DOUBLE PRECISION",
            ColumnType::Text => "TEXT",
            ColumnType::Blob => "BYTEA",
            ColumnType::Time => "TIMESTAMPTZ",
            ColumnType::Json => "JSONB",
        }
    }

    fn parameter(number: usize) -> String {
        format!("${number}")
    }
}

/// A database that is connected when it is needed.
struct Remote {
    config: Box<Config>,
    connected: Option<Connected>,
}

struct Connected {
    runtime: Runtime,
    client: Client,
    take: Statement,
    advance: Statement,
    upsert: Statement,
    delete: Statement,
}

impl Remote {
    fn connected(&mut self, schema: &Schema) -> Result<&mut Connected, TargetError> {
        let connected = match self.connected.take() {
            Some(connected) => connected,
            None => connect(&self.config, schema)?,
        };
        Ok(self.connected.insert(connected))
    }

    /// What a connection has failed with is over with it.
    fn after<T>(&mut self, outcome: Result<T, TargetError>) -> Result<T, TargetError> {
        if matches!(outcome, Err(TargetError::Unavailable(_) | TargetError::Fatal(_))) {
            self.connected = None;
        }
        outcome
    }
}

impl Database for Remote {
    fn describe(&self) -> String {
        let hosts: Vec<String> = self.config.get_hosts().iter().map(|host| format!("{host:?}")).collect();
        let name = self.config.get_dbname().or_else(|| self.config.get_user()).unwrap_or("postgres");
        format!("PostgreSQL database {name} at {}", hosts.join(", "))
    }

    fn forget(&mut self, schema: &Schema) -> Result<(), TargetError> {
        let Connected { runtime, client, .. } = self.connected(schema)?;
        let forgotten = runtime.block_on(in_time(async {
            client.batch_execute(&schema.drop_table()).await?;
            client.execute(&schema::forget_positions::<Sql>(), &[&schema.name]).await
        }));
        // What is prepared is about a table that has gone.
        self.connected = None;
        forgotten.map(drop)
    }

    fn switch(&mut self, schema: &Schema, beside: &Schema) -> Result<(), TargetError> {
        let Connected { runtime, client, .. } = self.connected(beside)?;
        let switched = runtime.block_on(in_time(async {
            let transaction = client.transaction().await?;
            transaction.batch_execute(&schema.drop_table()).await?;
            transaction.batch_execute(&beside.rename(schema)).await?;
            transaction.execute(&schema::take_positions::<Sql>(), &[&schema.name, &beside.name]).await?;
            transaction.execute(&schema::forget_positions::<Sql>(), &[&beside.name]).await?;
            transaction.commit().await
        }));
        self.connected = None;
        switched
    }

    fn take(&mut self, schema: &Schema, partition: &TopicPartition, begin: Offset) -> Result<Taken, TargetError> {
        // The table may be another one than before, which statements that are prepared do not know.
        self.connected = None;
        let Connected { runtime, client, take, .. } = self.connected(schema)?;
        let row = runtime.block_on(in_time(
            client.query_one(take, &[&schema.name, &&*partition.topic, &partition.partition.0, &begin.0]),
        ));
        let taken = row.map(|row| Taken { from: Offset(row.get(0)), epoch: row.get(1) });
        self.after(taken)
    }

    fn write(&mut self, schema: &Schema, write: &Write<'_>) -> Result<bool, TargetError> {
        let connected = self.connected(schema)?;
        let Connected { runtime, client, advance, upsert, delete, .. } = connected;
        let statements = Statements { advance, upsert, delete };
        let late = || TargetError::Unavailable(late());
        let written = runtime.block_on(async {
            let written = tokio::time::timeout(ANSWER_TIMEOUT, write_in_one(client, &statements, schema, write)).await;
            written.unwrap_or_else(|_| Err(late()))
        });
        self.after(written)
    }
}

fn late() -> String {
    format!("it has not answered for {} s", ANSWER_TIMEOUT.as_secs())
}

async fn in_time<T>(answer: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, TargetError> {
    match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
        Ok(answer) => answer.map_err(|error| failed(&error)),
        Err(_) => Err(TargetError::Unavailable(late())),
    }
}

fn connect(config: &Config, schema: &Schema) -> Result<Connected, TargetError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| TargetError::Unavailable(format!("no connection can be made: {error}")))?;
    let connected = runtime.block_on(async {
        let (client, connection) = in_time(config.connect(NoTls)).await?;
        // It ends with the client, whose calls report what it has failed with.
        runtime.spawn(async {
            let _ = connection.await;
        });
        in_time(prepare(client, schema)).await
    });
    let (client, [take, advance, upsert, delete]) = connected?;
    Ok(Connected { runtime, client, take, advance, upsert, delete })
}

async fn prepare(client: Client, schema: &Schema) -> Result<(Client, [Statement; 4]), tokio_postgres::Error> {
    let timeout = STATEMENT_TIMEOUT.as_millis();
    client.batch_execute(&format!("SET statement_timeout = {timeout}")).await?;
    // Of two who create a table at once one may fail in several ways, `IF NOT EXISTS` or not.
    client.batch_execute(&format!("SELECT pg_advisory_lock({CREATING})")).await?;
    for (name, create) in [(schema::POSITIONS, schema::create_positions()), (&*schema.name, schema.create::<Sql>())] {
        let there = client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&schema::quoted_path(name)]).await?;
        if !there.get::<_, bool>(0) {
            client.batch_execute(&create).await?;
        }
    }
    client.batch_execute(&format!("SELECT pg_advisory_unlock({CREATING})")).await?;
    let take = client.prepare(&schema::take::<Sql>()).await?;
    let advance = client.prepare(&schema::advance::<Sql>()).await?;
    // The server says which columns a table that was there does not have.
    let upsert = client.prepare(&schema.upsert::<Sql>()).await?;
    let delete = client.prepare(&schema.delete::<Sql>()).await?;
    // And whether it has an index on the key, which is not looked for before a statement is planned.
    client.batch_execute(&format!("EXPLAIN {}", schema.upsert_nulls())).await?;
    Ok((client, [take, advance, upsert, delete]))
}

struct Statements<'a> {
    advance: &'a Statement,
    upsert: &'a Statement,
    delete: &'a Statement,
}

async fn write_in_one(
    client: &mut Client,
    statements: &Statements<'_>,
    schema: &Schema,
    write: &Write<'_>,
) -> Result<bool, TargetError> {
    let Write { partition, epoch, from, next, changes } = write;
    let transaction = client.transaction().await.map_err(|error| failed(&error))?;
    let place: [&(dyn ToSql + Sync); 6] =
        [&next.0, &schema.name, &&*partition.topic, &partition.partition.0, epoch, &from.0];
    let advanced = transaction.execute(statements.advance, &place).await.map_err(|error| failed(&error))?;
    if advanced != 1 {
        return Ok(false);
    }
    // All are sent before the first answer, in this order.
    let outcomes = join_all(changes.iter().map(|change| apply(&transaction, statements, change))).await;
    // After the first error, the server refuses all that follow in the transaction.
    outcomes.into_iter().collect::<Result<Vec<u64>, _>>()?;
    transaction.commit().await.map_err(|error| failed(&error))?;
    Ok(true)
}

async fn apply(
    transaction: &Transaction<'_>,
    statements: &Statements<'_>,
    (offset, change): &(Offset, Change),
) -> Result<u64, TargetError> {
    let (statement, values) = match change {
        Change::Upsert(values) => (statements.upsert, values),
        Change::Delete(values) => (statements.delete, values),
    };
    let parameters: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value: &SqlValue| value as _).collect();
    transaction.execute(statement, &parameters).await.map_err(|error| at(*offset, &error))
}

/// What the server says, or why there is no answer.
fn told(error: &tokio_postgres::Error) -> String {
    if let Some(server) = error.as_db_error() {
        let detail = server.detail().map_or_else(String::new, |detail| format!(" ({detail})"));
        return format!("{}{detail}, SQLSTATE {}", server.message(), server.code().code());
    }
    let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
    format!("{error}{cause}")
}

/// An error that is about no record.
fn failed(error: &tokio_postgres::Error) -> TargetError {
    let Some(server) = error.as_db_error() else {
        // Connections that cannot be made, or are closed.
        return TargetError::Unavailable(told(error));
    };
    let code = server.code();
    // Connections, resources, conflicts, the administrator, the system.
    let passes = ["08", "53", "40", "55", "57", "58"].iter().any(|class| code.code().starts_with(class));
    // Somebody else has created the table in between; what is in the way of a row is another matter.
    let passes = passes || [SqlState::UNIQUE_VIOLATION, SqlState::DUPLICATE_TABLE].contains(code);
    let passes = passes || *code == SqlState::INTERNAL_ERROR;
    if passes { TargetError::Unavailable(told(error)) } else { TargetError::Fatal(told(error)) }
}

/// An error while a record was written.
fn at(offset: Offset, error: &tokio_postgres::Error) -> TargetError {
    let reason = told(error);
    match error.as_db_error() {
        // Data that does not fit, and constraints.
        Some(server) if ["22", "23"].iter().any(|class| server.code().code().starts_with(class)) => {
            TargetError::Refused { offset, reason }
        }
        // A value that is not of the column's type never got to the server.
        None if !error.is_closed() && parameters::is_of_a_parameter(error) => TargetError::Refused { offset, reason },
        _ => failed(error),
    }
}
