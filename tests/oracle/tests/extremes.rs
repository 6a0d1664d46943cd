//! Generated topologies with inputs that nobody hopes for: timestamps at both ends, and nulls anywhere.
//!
//! Java's sums of times overflow there, so there is nothing to compare with. But no record may end the application, and
//! what comes out must not depend on commits, crashes and restarts.

#![allow(clippy::panic, reason = "a test fails by panicking")]

use fastrand::Rng;
use millstream_oracle::case::{Case, Input};
use millstream_oracle::generate::case;
use millstream_oracle::properties::{Outcome, Property, check};
use millstream_oracle::run::run;

const CASES: u64 = 600;

/// The times that records get.
const TIMES: [i64; 10] = [
    0,
    1,
    1_000,
    u32::MAX as i64,
    i64::MAX / 4,
    i64::MAX / 2,
    i64::MAX / 2 + 1,
    i64::MAX - 1_000,
    i64::MAX - 1,
    i64::MAX,
];

/// How applications end that the generator makes for it: with negative times where these are an error, suppressions that may
/// not hold back more, and names that are given twice.
const MEANT: [&str; 3] = ["which is negative", "shut_down_when_full()", "the topology is refused"];

/// The case with other times, and with more nulls.
fn extreme(mut case: Case, random: &mut Rng) -> Case {
    for input in &mut case.inputs {
        let Input::Record(record) = input else { continue };
        if random.u8(0..3) > 0 {
            record.ts = random.choice(TIMES).unwrap_or_default();
        }
        match random.u8(0..8) {
            0 => record.key = None,
            1 => record.value = None,
            _ => {}
        }
    }
    case
}

fn cases() -> impl Iterator<Item = (u64, Case)> {
    (0..CASES).map(|number| (number, extreme(case(3, number, None), &mut Rng::with_seed(number))))
}

#[test]
fn no_time_and_no_null_ends_an_application() {
    let mut failed = Vec::new();
    for (_, case) in cases() {
        let is_meant_to = |text: &str| MEANT.iter().any(|meant| text.contains(meant));
        if let Some(failure) = run(&case).error.filter(|failure| !is_meant_to(&failure.text)) {
            failed.push(format!("{}: {}\n{}", failure.at, failure.text, case.to_line()));
        }
    }
    assert!(failed.is_empty(), "{} of {CASES} fail:\n{}", failed.len(), failed.join("\n\n"));
}

#[test]
fn interruptions_change_nothing_at_the_ends_of_time() {
    let mut suitable = 0;
    for (number, case) in cases() {
        match check(Property::Interruptions, &case, number) {
            Outcome::Unsuitable => {}
            Outcome::Same(_) => suitable += 1,
            Outcome::Different(difference) => panic!("{difference}\n{}", case.to_line()),
        }
    }
    assert!(suitable >= 60, "only {suitable} of {CASES} cases are suitable");
}
