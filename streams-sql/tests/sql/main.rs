//! Tables in databases: each test runs on SQLite and on PostgreSQL.
//!
//! `cargo xtask test` starts a PostgreSQL; by hand, `MILLSTREAM_POSTGRES` says where one is, as `cargo xtask postgres start` prints.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "that is how a test fails")]

mod rig;
mod sinks;
mod targets;

/// Defines a test for each database.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test] fn $name() { super::$name(&$crate::rig::Sqlite::new()); })+
        }
        mod postgres {
            $(#[test] fn $name() { super::$name(&$crate::rig::Postgres::new()); })+
        }
    };
}
pub(crate) use on_both;
