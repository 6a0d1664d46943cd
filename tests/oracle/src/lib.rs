//! The oracle: Kafka Streams itself says what the engine must do.
//!
//! A *case* is a topology and its input (`FORMAT.md`). Two interpreters run it: the Java program in `tests/java/oracle`,
//! on Kafka Streams' `TopologyTestDriver`, and [`run`], on the engine's test driver. Their answers are compared line by
//! line after every single input. A generator makes cases from a seed; a difference is shrunk to a minimal case.

pub mod answer;
pub mod behaviour;
#[cfg(feature = "broker")]
pub mod broker;
pub mod case;
pub mod compare;
pub mod contest;
pub mod coverage;
pub mod functions;
pub mod generate;
pub mod held;
pub mod interpret;
pub mod java;
pub mod ledger;
pub mod mutants;
pub mod progress;
pub mod properties;
pub mod rules;
pub mod run;
pub mod seen;
pub mod shrink;
pub mod step;
pub mod text;
pub mod vectors;

/// Runs a case and compares the answer with Java's, both as JSON. A shrunk difference is printed as a test that calls it.
///
/// # Panics
/// If the answers differ, or one of the texts cannot be read.
#[track_caller]
#[expect(clippy::panic, reason = "this is how a test fails")]
pub fn check(case: &str, java: &str) {
    let case = case::Case::read(case).unwrap_or_else(|error| panic!("{error}"));
    let java = serde_json::from_str(java).unwrap_or_else(|error| panic!("{error}: {java}"));
    if let Some(difference) = compare::compare(&case, &java, &run::run(&case)).difference {
        panic!("{difference}");
    }
}
