//! The guide: how to think in streams and tables, a first application step by step, and how to run one.
//!
//! Read [`concepts`] for the words, then build the application of [`tutorial`]. What each family of operators does, with a
//! picture of when results are sent and what late and null records do: [`streams`] record by record, [`windows`], [`joins`],
//! [`tables`] and their aggregations, [`suppress_and_versions`] for results that stay as they are, and [`processors`] for code
//! of your own. [`running`] is for the day when others depend on it: settings, logging, several processes; [`failures`] for
//! the record with which something fails. [`handlers`] is for calls of other services, and [`queries`] for whoever asks for
//! state; [`live`] shows tables on a page. [`over_http`] is how to ask a running application how it is, and `command_line`, with the feature `cli`, the tool
//! that its program can be.
//! [`differences`] is for those who know Kafka Streams, and says what is not there yet; [`beyond`] shows what it does not have.
//!
//! Examples that have no `main` are the body of a function that returns `Result<(), Box<dyn std::error::Error>>`.

pub mod beyond;
#[cfg(feature = "cli")]
pub mod command_line;
pub mod concepts;
pub mod differences;
pub mod failures;
pub mod handlers;
pub mod joins;
pub mod live;
pub mod over_http;
pub mod processors;
pub mod queries;
pub mod running;
pub mod streams;
pub mod suppress_and_versions;
pub mod tables;
pub mod tutorial;
pub mod windows;
