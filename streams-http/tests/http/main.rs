//! A running application over real sockets: what each route answers, and what nobody gets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod actions;
mod api;
mod bodies;
mod connections;
mod dead_letters;
mod endings;
mod health;
mod instances;
mod letting_in;
mod live;
mod metrics;
mod mounted;
mod openapi;
mod own_metrics;
mod own_routes;
mod page;
mod refusals;
mod secrets;
mod silent_log;
mod slow_readers;
mod stores;
mod support;
mod topics;
