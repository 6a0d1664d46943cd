//! `to_table`: a stream's records become rows, as a topic's do.

pub(crate) use super::table_source::recipe;
