//! What is read: tables in a database, which sinks keep up with the topics.

use std::path::PathBuf;
use std::sync::Arc;

use millstream::connect::sink::{RunningSink, Sink, Target};
use millstream::log::Log;
use millstream::prelude::*;
use millstream::sql::{Postgres, SqlTable, Sqlite};
use rusqlite::{OpenFlags, OptionalExtension as _};
use serde::Serialize;
use tokio::sync::Mutex;
use tokio_postgres::{Client as PostgresClient, NoTls};

use crate::model::Order;
use crate::topology::{CUSTOMERS, REVENUE, SUMMARY, Totals};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The database, as the command line names it.
#[derive(Clone, Debug)]
pub enum Place {
    Sqlite(PathBuf),
    Postgres(String),
}

impl Place {
    /// A PostgreSQL address, or else a file.
    pub fn of(text: &str) -> Self {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") || text.contains("host=") {
            Self::Postgres(text.to_owned())
        } else {
            Self::Sqlite(PathBuf::from(text))
        }
    }

    fn rebuild<K: Key, V: Value>(
        &self,
        table: SqlTable<K, V>,
        topic: &Topic<K, V>,
        log: &Arc<dyn Log>,
    ) -> Result<u64, Failure> {
        let log = Arc::clone(log);
        Ok(match self {
            Self::Sqlite(path) => Sqlite::at(path).rebuild(table, topic, log)?,
            Self::Postgres(address) => Postgres::at(address)?.rebuild(table, topic, log)?,
        })
    }

    fn target<K: Key, V: Value>(&self, table: SqlTable<K, V>) -> Result<Box<dyn Target>, Failure> {
        Ok(match self {
            Self::Sqlite(path) => Box::new(Sqlite::at(path).table(table)),
            Self::Postgres(address) => Box::new(Postgres::at(address)?.table(table)),
        })
    }
}

fn summary() -> SqlTable<String, Order> {
    SqlTable::of(&SUMMARY, "order_summary")
        .key("id", String::clone)
        .column("version", |order| i64::try_from(order.version).unwrap_or(i64::MAX))
        .column("status", |order| order.status.name())
        .column("customer", |order| order.customer.clone())
        .column("cents", |order| order.cents)
        .column("placed_at", |order| Timestamp(order.placed_at))
        .column("paid_at", |order| order.paid_at.map(Timestamp))
        .column("command_offset", |order| order.command)
}

fn customers() -> SqlTable<String, Totals> {
    SqlTable::of(&CUSTOMERS, "customer_totals")
        .key("customer", String::clone)
        .column("orders", |totals| totals.orders)
        .column("cents", |totals| totals.cents)
}

fn revenue() -> SqlTable<i64, i64> {
    SqlTable::of(&REVENUE, "daily_revenue").key("day", |day| *day).column("cents", |cents| *cents)
}

/// Starts to carry the topics to the tables.
pub fn start(place: &Place, log: &Arc<dyn Log>) -> Result<Vec<RunningSink>, Failure> {
    // Each database has its own sinks, which are as far as it is.
    let name = |of: &str| match place {
        Place::Sqlite(_) => format!("orders-{of}-to-sqlite"),
        Place::Postgres(_) => format!("orders-{of}-to-postgres"),
    };
    let sinks = [
        Sink::new(name("summary"), &SUMMARY, place.target(summary())?),
        Sink::new(name("customers"), &CUSTOMERS, place.target(customers())?),
        Sink::new(name("revenue"), &REVENUE, place.target(revenue())?),
    ];
    Ok(sinks.into_iter().map(|sink| sink.start(Arc::clone(log))).collect::<Result<_, _>>()?)
}

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Table {
    OrderSummary,
    CustomerTotals,
    DailyRevenue,
}

/// Fills a table again from its topic, beside the one that is read. Returns of how many records it is made.
pub fn rebuild(table: Table, place: &Place, log: &Arc<dyn Log>) -> Result<u64, Failure> {
    match table {
        Table::OrderSummary => place.rebuild(summary(), &SUMMARY, log),
        Table::CustomerTotals => place.rebuild(customers(), &CUSTOMERS, log),
        Table::DailyRevenue => place.rebuild(revenue(), &REVENUE, log),
    }
}

/// An order, as it is read.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub id: String,
    pub version: i64,
    pub status: String,
    pub customer: String,
    pub cents: i64,
    /// The command that has changed it last.
    #[serde(skip)]
    pub command_offset: i64,
}

/// Reads the tables.
pub struct Reader {
    place: Place,
    /// One connection for all; it is made when it is needed, and again when it is lost.
    postgres: Mutex<Option<Arc<PostgresClient>>>,
}

impl Reader {
    pub fn of(place: Place) -> Self {
        Self { place, postgres: Mutex::new(None) }
    }

    /// An order; `None` if the table has none of that id, or is not there yet.
    pub async fn order(&self, id: &str) -> Result<Option<Summary>, Failure> {
        const SQL: &str = "SELECT version, status, customer, cents, command_offset FROM order_summary WHERE id = $1";
        let id = id.to_owned();
        match &self.place {
            Place::Sqlite(path) => {
                let path = path.clone();
                tokio::task::spawn_blocking(move || {
                    let connection = rusqlite::Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
                    connection.busy_timeout(std::time::Duration::from_secs(5))?;
                    let row = connection.query_row(SQL, [&id], |row| {
                        Ok(Summary {
                            id: id.clone(),
                            version: row.get(0)?,
                            status: row.get(1)?,
                            customer: row.get(2)?,
                            cents: row.get(3)?,
                            command_offset: row.get(4)?,
                        })
                    });
                    Ok(row.optional()?)
                })
                .await?
            }
            Place::Postgres(address) => {
                let client = self.client(address).await?;
                let row = client.query_opt(SQL, &[&id]).await?;
                Ok(row.map(|row| Summary {
                    id,
                    version: row.get(0),
                    status: row.get(1),
                    customer: row.get(2),
                    cents: row.get(3),
                    command_offset: row.get(4),
                }))
            }
        }
    }

    /// A customer's number of orders, and what they have paid.
    pub async fn customer(&self, name: &str) -> Result<Option<(i64, i64)>, Failure> {
        const SQL: &str = "SELECT orders, cents FROM customer_totals WHERE customer = $1";
        let name = name.to_owned();
        match &self.place {
            Place::Sqlite(path) => {
                let path = path.clone();
                tokio::task::spawn_blocking(move || {
                    let connection = rusqlite::Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
                    connection.busy_timeout(std::time::Duration::from_secs(5))?;
                    Ok(connection.query_row(SQL, [name], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
                })
                .await?
            }
            Place::Postgres(address) => {
                let row = self.client(address).await?.query_opt(SQL, &[&name]).await?;
                Ok(row.map(|row| (row.get(0), row.get(1))))
            }
        }
    }

    async fn client(&self, address: &str) -> Result<Arc<PostgresClient>, Failure> {
        let mut kept = self.postgres.lock().await;
        if let Some(client) = kept.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        let (client, connection) = tokio_postgres::connect(address, NoTls).await?;
        // Its end is seen by the client.
        tokio::spawn(async {
            let _ = connection.await;
        });
        Ok(Arc::clone(kept.insert(Arc::new(client))))
    }
}
