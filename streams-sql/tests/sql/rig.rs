//! The two databases, as tests see them.

use std::sync::atomic::{AtomicU32, Ordering};

use millstream::prelude::*;
use millstream::record::{Offset, TopicPartition};
use streams_connect::sink::Target;
use streams_sql::SqlTable;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

pub(crate) trait Database {
    /// Whether it is PostgreSQL.
    const IS_POSTGRES: bool;

    fn target<K: Key, V: Value>(&self, table: SqlTable<K, V>) -> Box<dyn Target>;

    /// Fills a table again from its topic.
    fn rebuild<K: Key, V: Value>(&self, table: SqlTable<K, V>, topic: &Topic<K, V>, log: Embedded) -> u64;

    fn execute(&self, sql: &str);

    /// Rows as text, a null as `-`.
    fn rows(&self, sql: &str) -> Vec<String>;

    fn positions(&self, table: &str) -> Vec<(TopicPartition, Offset)>;

    /// Cuts all connections of others off, as far as the database has any.
    fn cut_off(&self);
}

pub(crate) struct Sqlite {
    folder: tempfile::TempDir,
}

impl Sqlite {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("read.db")
    }

    fn open(&self) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(self.path()).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(20)).unwrap();
        connection
    }
}

impl Database for Sqlite {
    const IS_POSTGRES: bool = false;

    fn target<K: Key, V: Value>(&self, table: SqlTable<K, V>) -> Box<dyn Target> {
        Box::new(streams_sql::Sqlite::at(self.path()).table(table))
    }

    fn rebuild<K: Key, V: Value>(&self, table: SqlTable<K, V>, topic: &Topic<K, V>, log: Embedded) -> u64 {
        streams_sql::Sqlite::at(self.path()).rebuild(table, topic, log).unwrap()
    }

    fn execute(&self, sql: &str) {
        self.open().execute_batch(sql).unwrap();
    }

    fn rows(&self, sql: &str) -> Vec<String> {
        let connection = self.open();
        let mut statement = connection.prepare(sql).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map((), |row| {
            let text = |column| {
                use rusqlite::types::ValueRef;
                Ok(match row.get_ref(column)? {
                    ValueRef::Null => "-".to_owned(),
                    ValueRef::Integer(number) => number.to_string(),
                    ValueRef::Real(number) => number.to_string(),
                    ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                    ValueRef::Blob(bytes) => format!("{bytes:?}"),
                })
            };
            (0..columns).map(text).collect::<rusqlite::Result<Vec<_>>>()
        });
        rows.unwrap().map(|row| row.unwrap().join("|")).collect()
    }

    fn positions(&self, table: &str) -> Vec<(TopicPartition, Offset)> {
        streams_sql::Sqlite::positions(&self.open(), table).unwrap().into_iter().collect()
    }

    fn cut_off(&self) {}
}

/// A schema of its own in the database that all tests share.
pub(crate) struct Postgres {
    runtime: Runtime,
    client: Client,
    address: String,
    schema: String,
}

impl Postgres {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let server = std::env::var("MILLSTREAM_POSTGRES").unwrap_or_else(|_| {
            panic!("there is no PostgreSQL: run `cargo xtask test`, or set MILLSTREAM_POSTGRES to what `cargo xtask postgres start` prints")
        });
        let schema = format!("t{}x{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        // `cut_off` finds connections by this name.
        let address = format!("{server} application_name={schema} options='-c search_path={schema}'");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&server, NoTls).await.unwrap();
            tokio::spawn(connection);
            let sql =
                format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}; SET search_path = {schema}");
            client.batch_execute(&sql).await.unwrap();
            client
        });
        Self { runtime, client, address, schema }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let sql = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.schema);
        let _ = self.runtime.block_on(self.client.batch_execute(&sql));
    }
}

impl Database for Postgres {
    const IS_POSTGRES: bool = true;

    fn target<K: Key, V: Value>(&self, table: SqlTable<K, V>) -> Box<dyn Target> {
        Box::new(streams_sql::Postgres::at(&self.address).unwrap().table(table))
    }

    fn rebuild<K: Key, V: Value>(&self, table: SqlTable<K, V>, topic: &Topic<K, V>, log: Embedded) -> u64 {
        streams_sql::Postgres::at(&self.address).unwrap().rebuild(table, topic, log).unwrap()
    }

    fn execute(&self, sql: &str) {
        self.runtime.block_on(self.client.batch_execute(sql)).unwrap();
    }

    fn rows(&self, sql: &str) -> Vec<String> {
        let messages = self.runtime.block_on(self.client.simple_query(sql)).unwrap();
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                let text = |column| row.get(column).unwrap_or("-").to_owned();
                Some((0..row.len()).map(text).collect::<Vec<_>>().join("|"))
            }
            _ => None,
        });
        rows.collect()
    }

    fn positions(&self, table: &str) -> Vec<(TopicPartition, Offset)> {
        let positions = self.runtime.block_on(streams_sql::Postgres::positions(&self.client, table));
        positions.unwrap().into_iter().collect()
    }

    fn cut_off(&self) {
        let sql = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{}'",
            self.schema
        );
        self.rows(&sql);
    }
}
