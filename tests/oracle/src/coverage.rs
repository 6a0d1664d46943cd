//! Which operators were in the cases of a run, in how many they produced something, and in how many the input had nulls or
//! records out of order.

use std::collections::{BTreeMap, BTreeSet};

use comfy_table::{CellAlignment, Table, presets};
use serde_json::Value as Json;

use crate::answer::Answer;
use crate::case::{Case, Input};
use crate::contest::Answers;
use crate::rules::RULES;

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
        let written = topics_written(java);
        let mut seen: BTreeMap<String, bool> = BTreeMap::new();
        for (number, step) in steps.iter().enumerate() {
            let emitted = emitted(steps, number, &case.application, &written, java);
            for label in labels(step) {
                *seen.entry(label).or_default() |= emitted;
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

/// A step's operator with what makes it a different one, and the operator with each of its options.
fn labels(step: &Json) -> Vec<String> {
    let op = step["op"].as_str().unwrap_or("?");
    let mut label = op.to_owned();
    let mut add = |text: Option<&str>| {
        if let Some(text) = text {
            label.push(' ');
            label.push_str(text);
        }
    };
    let is = |name: &str| step.get(name).is_some();
    add(step["kind"].as_str());
    add(step["emit"].as_str().filter(|emit| *emit == "close"));
    ["until", "full"].iter().for_each(|name| add(step[*name].as_str()));
    add(step["windows"]["kind"].as_str());
    if let Json::Object(windows) = &step["windows"]
        && windows.get("advance").is_some_and(|advance| Some(advance) != windows.get("size"))
    {
        add(Some("hopping"));
    }
    add(step["until"].is_u64().then_some("time limit"));
    add(is("remove").then_some("of table"));
    add((step["op"] == "to_stream" && is("key")).then_some("key"));
    add(step["does"]["f"].as_str());
    add((is("grace") && step["op"] == "join_table").then_some("grace"));
    add((step["op"] == "join" && step["in"] == step["other"]).then_some("self"));
    let options = [
        (is("pattern"), "pattern"),
        (is("no_pair"), "no pair"),
        (is("partitioner"), "partitioner"),
        (is("extractor"), "extractor"),
        (step["emit"] == "update", "emitted on update"),
        (step["stored"].get("versioned").is_some(), "versioned"),
    ];
    let with = options.iter().filter(|(is_there, _)| *is_there).map(|(_, option)| format!("{op} {option}"));
    let with: Vec<_> = with.collect();
    std::iter::once(label).chain(with).collect()
}

/// The topics to which an answer's records went.
fn topics_written(answer: &Answer) -> BTreeSet<&str> {
    answer.steps.iter().flat_map(|step| &step.out).filter_map(|line| line.split(' ').next()).collect()
}

/// Whether the results of a step were seen: in a topic that only it writes to, or by an operator without output.
fn emitted(steps: &[Json], number: usize, application: &str, written: &BTreeSet<&str>, java: &Answer) -> bool {
    let step = &steps[number];
    match step["op"].as_str().unwrap_or("") {
        "to" => step["topic"].as_str().is_some_and(|topic| written.contains(topic)),
        "to_chosen" => step["topics"]
            .as_array()
            .is_some_and(|topics| topics.iter().filter_map(Json::as_str).any(|topic| written.contains(topic))),
        "for_each" | "print" | "peek" => {
            let prefix = format!("{number} ");
            java.steps.iter().flat_map(|step| &step.seen).any(|line| line.starts_with(&prefix))
        }
        // It forwards nothing to be seen.
        "store" => step["name"].as_str().is_some_and(|store| writes_rows(store, java)),
        "process" | "process_values" if ["keep", "ts_keep"].iter().any(|keeps| step["does"]["f"] == *keeps) => {
            let stores = step["stores"].as_array().into_iter().flatten().filter_map(Json::as_str);
            stores.chain(step["does"]["store"].as_str()).any(|store| writes_rows(store, java))
        }
        "repartition" => {
            written.iter().any(|topic| topic.starts_with(&format!("{application}-")) && topic.ends_with("-repartition"))
        }
        _ => {
            // Whatever an operator forwards comes to each of those that follow, but a merge has another input, too.
            let mut users = (number + 1..steps.len()).filter(|user| uses(&steps[*user], number));
            users.any(|user| steps[user]["op"] != "merge" && emitted(steps, user, application, written, java))
        }
    }
}

fn writes_rows(store: &str, java: &Answer) -> bool {
    let prefix = format!("+ {store} ");
    java.steps.iter().flat_map(|step| &step.stores).any(|line| line.starts_with(&prefix))
}

fn uses(step: &Json, number: usize) -> bool {
    let is = |reference: &Json| reference.as_u64() == Some(number as u64);
    is(&step["in"])
        || is(&step["other"])
        || step["groups"].as_array().is_some_and(|groups| groups.iter().any(|group| is(&group["in"])))
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
