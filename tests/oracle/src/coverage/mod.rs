//! Which operators were in the cases of a run, in how many they produced something, and in how many the input had nulls or
//! records out of order.

mod emitted;
mod rows;

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, Table, presets};
use serde_json::Value as Json;

use crate::case::{Case, Input};
use crate::contest::Answers;
use crate::rules::RULES;

use emitted::Evidence;

/// What was covered.
#[derive(Default)]
pub struct Coverage {
    operators: BTreeMap<String, Counts>,
    rules: BTreeMap<usize, u64>,
    /// Cases that both sides refused or that failed on both, by Java's text and ours.
    failed_alike: BTreeMap<String, u64>,
}

#[derive(Default, Clone, Copy)]
struct Counts {
    cases: u64,
    emitted: u64,
    with_bad_input: u64,
}

impl Coverage {
    /// Adds a case with both sides' answers.
    pub fn add(&mut self, case: &Case, Answers { java, ours, comparison }: &Answers) {
        let is_bad = has_nulls_or_late(case);
        let json = case.to_json();
        let steps = json["steps"].as_array().map_or(&[][..], Vec::as_slice);
        let evidence = Evidence::of(steps, &case.application, java);
        let mut seen: BTreeMap<String, bool> = BTreeMap::new();
        for row in rows::of_case(&json) {
            seen.insert(row, evidence.is_there());
        }
        for (number, step) in steps.iter().enumerate() {
            let emitted = evidence.of_step(number);
            for row in rows::of_step(steps, number) {
                *seen.entry(row.clone()).or_default() |=
                    emitted && (!row.contains(TICK) || fired(&step["does"], &row, &evidence));
            }
        }
        for (label, emitted) in seen {
            let counts = self.operators.entry(label).or_default();
            counts.cases += 1;
            counts.emitted += u64::from(emitted);
            counts.with_bad_input += u64::from(emitted && is_bad);
        }
        for rule in &comparison.rules {
            *self.rules.entry(*rule).or_default() += 1;
        }
        if let (Some(java), Some(ours)) = (&java.error, &ours.error) {
            let texts = format!("{}\n  {}", kind_of(&java.text), kind_of(&ours.text));
            *self.failed_alike.entry(texts).or_default() += 1;
        }
    }

    /// The tables.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut operators = table(["operator", "cases", "emitted", "late or null input"]);
        for (label, counts) in &self.operators {
            let counts = [counts.cases, counts.emitted, counts.with_bad_input].map(|count| count.to_string());
            operators.add_row(std::iter::once(label.clone()).chain(counts));
        }
        let mut shown = operators.to_string();
        if !self.rules.is_empty() {
            let mut rules = table(["rule of the comparison", "cases"]);
            for (index, count) in &self.rules {
                let name = RULES.get(*index).map_or("?", |rule| rule.name);
                rules.add_row([name.to_owned(), count.to_string()]);
            }
            shown = format!("{shown}\n\n{rules}");
        }
        if !self.failed_alike.is_empty() {
            let mut failures = table(["both sides fail, in Java's words and ours", "cases"]);
            for (text, count) in &self.failed_alike {
                failures.add_row([text.clone(), count.to_string()]);
            }
            shown = format!("{shown}\n\n{failures}");
        }
        shown
    }
}

/// An error's text without the numbers that make each a different one.
fn kind_of(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().filter(|c| !c.is_ascii_digit()).take(200).collect()
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The behaviour of punctuations, and the key of what they send.
const TICK: &str = "tick";

/// Whether a punctuation fired, and, if the row says that it is cancelled, as often as it may.
fn fired(does: &Json, row: &str, evidence: &Evidence<'_>) -> bool {
    let times = does["times"].as_u64().filter(|_| row.ends_with(rows::CANCELLED)).map(|times| times.to_string());
    evidence.has_record(TICK, times.as_deref())
}

fn has_nulls_or_late(case: &Case) -> bool {
    let mut newest = i64::MIN;
    case.inputs.iter().any(|input| match input {
        Input::Record(record) => {
            let is_bad = record.key.is_none() || record.value.is_none() || record.ts < newest;
            newest = newest.max(record.ts);
            is_bad
        }
        Input::Advance { .. } => false,
    })
}
