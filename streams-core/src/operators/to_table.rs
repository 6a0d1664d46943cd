//! `to_table`: turns a stream's records into rows, as [`super::table_source`] does with a topic's.

pub(crate) use super::table_source::recipe;
