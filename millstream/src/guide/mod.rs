//! The guide: how to think in streams and tables, a first application step by step, and how to run one.
//!
//! Read [`concepts`] for the words, then build the application of [`tutorial`]. [`joins`] shows when each join has a result.
//! [`tables`] is about their joins and aggregations, with what deletions and late records do, and [`suppress_and_versions`]
//! about results that stay as they are. [`running`] is for the day when others depend on it: settings, logging, failures,
//! several processes. [`differences`] is for those who know Kafka Streams, and says what is not there yet.
//! [`windows`] shows which records are aggregated together, and when results are sent.
//!
//! Examples that have no `main` are the body of a function that returns `Result<(), Box<dyn std::error::Error>>`.

pub mod concepts;
pub mod differences;
pub mod joins;
pub mod running;
pub mod suppress_and_versions;
pub mod tables;
pub mod tutorial;
pub mod windows;
