//! Data in and out of topics without code of one's own.
//!
//! A [`Sink`](sink::Sink) follows a topic and carries its committed records to a [`Target`](sink::Target): a database, files, a
//! server. Targets that need no C are in this crate; `streams-sql` has databases.
//!
//! This crate owns what all of them need: to be a member of a group that divides a topic's partitions, to know how far the
//! target is, to wait for one that does not answer, and to say what becomes of records that it refuses. What is particular about a
//! target is left to it.
#![forbid(unsafe_code)]

pub mod sink;
