//! Tables in SQL databases, made of topics, exactly once.
//!
//! A [`SqlTable`] says what the columns of a row are made of. [`Sqlite`] and [`Postgres`] are the databases that it can be in; both
//! make it a [`Target`](streams_connect::sink::Target) that a [`Sink`](streams_connect::sink::Sink) carries a topic to.
//!
//! ```
//! use millstream::connect::sink::Sink;
//! use millstream::prelude::*;
//! use millstream::sql::{SqlTable, Sqlite};
//!
//! const TOTALS: Topic<String, i64> = Topic::new("totals");
//!
//! let log = Embedded::in_memory();
//! let client = Client::new(log.clone())?;
//! client.send(&TOTALS, "ada", 10)?;
//! let (partition, offset) = client.send(&TOTALS, "ada", 15)?;
//!
//! let folder = tempfile::tempdir()?;
//! let file = folder.path().join("read.db");
//! let totals = SqlTable::of(&TOTALS, "totals").key("name", String::clone).column("cents", |cents| *cents);
//! let sink = Sink::new("totals-to-sql", &TOTALS, Sqlite::at(&file).table(totals)).start(log)?;
//! futures::executor::block_on(sink.has_passed(&partition, offset))?;
//!
//! let database = rusqlite::Connection::open(&file)?;
//! let cents: i64 = database.query_row("SELECT cents FROM totals WHERE name = 'ada'", (), |row| row.get(0))?;
//! assert_eq!(cents, 15);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Exactly once
//!
//! Rows and the position in the topic are written in one transaction of the database, so after `kill -9` a row is never missing
//! and never written twice. The table [`POSITIONS`] has a row for each table and partition: the next offset, and an epoch that
//! whoever takes the partition over raises by one. Each transaction compares both, so a process that was stopped for so long
//! that another has its partitions, and then goes on, writes nothing.
//!
//! Whoever reads can compare the positions with what was written, in the same transaction as the rows: a table is as fresh as
//! its positions say ([`Sqlite::positions`], [`Postgres::positions`]).
//!
//! A table belongs to one sink, in as many processes as you like: two sinks of different names would take its partitions from each
//! other all the time.
//!
//! # What a row is
//!
//! A record writes the row of its key, and one without a value deletes it. A record whose value does not fit the table, by a
//! constraint that the table has, is refused: see [`OnRefused`](streams_connect::sink::OnRefused).
#![forbid(unsafe_code)]

mod column;
mod postgres;
mod rebuild;
mod schema;
mod sqlite;
mod table;
mod target;
mod value;

pub use column::{ColumnType, IntoColumn};
pub use postgres::Postgres;
pub use rebuild::RebuildError;
pub use schema::POSITIONS;
pub use sqlite::Sqlite;
pub use table::SqlTable;
pub use value::SqlValue;
