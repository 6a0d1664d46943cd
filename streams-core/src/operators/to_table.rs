//! `to_table`: a stream's records become rows, as a topic's do.

pub use super::table_source::recipe;
