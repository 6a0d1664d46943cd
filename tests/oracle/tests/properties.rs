//! What stays the same however a topology is run. `cargo xtask oracle --properties` checks more cases.

#![allow(clippy::panic, reason = "a test fails by panicking")]

use millstream_oracle::case::Case;
use millstream_oracle::generate::{case, family};
use millstream_oracle::properties::{Outcome, Property, check};

/// Cases that are looked at, of which most are not suitable.
const TRIED: u64 = 1_000;

fn holds(property: Property, at_least: usize) {
    holds_in(property, "", at_least);
}

/// As [`holds`], with cases of this family alone.
fn holds_in(property: Property, name: &str, at_least: usize) {
    holds_where(property, name, at_least, |_| true);
}

/// As [`holds_in`], with only some of the cases.
fn holds_where(property: Property, name: &str, at_least: usize, is_looked_at: impl Fn(&Case) -> bool) {
    let mut suitable = 0;
    for number in 0..TRIED {
        let case = case(1, number, family(name));
        if !is_looked_at(&case) {
            continue;
        }
        match check(property, &case, number) {
            Outcome::Unsuitable => {}
            Outcome::Same(_) => suitable += 1,
            Outcome::Different(difference) => panic!("{difference}\n{}", case.to_line()),
        }
    }
    assert!(suitable >= at_least, "only {suitable} of {TRIED} cases are suitable");
}

#[test]
fn interruptions_change_no_output() {
    holds(Property::Interruptions, 100);
}

#[test]
fn caches_leave_the_same_final_tables() {
    holds(Property::Caches, 50);
}

#[test]
fn any_number_of_partitions_leaves_the_same_final_tables() {
    holds(Property::Partitions, 10);
}

#[test]
fn instances_that_come_and_go_leave_the_same_tables_and_send_each_record_once() {
    holds(Property::Instances, 50);
}

#[test]
fn tables_that_are_joined_over_a_foreign_key_are_the_same_with_a_second_instance() {
    let fk_join = |case: &Case| case.steps.iter().any(|step| step.operator() == "fk_join");
    holds_where(Property::Instances, "tables", 20, fk_join);
}

#[test]
fn final_results_are_sent_exactly_once() {
    holds_in(Property::FinalResults, "windows", 20);
}
