//! Whether the results of a step were seen in an answer.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::answer::Answer;

/// A case's topology, and what Java did with its input.
pub(super) struct Evidence<'a> {
    steps: &'a [Json],
    application: &'a str,
    java: &'a Answer,
    /// The topics that records went to.
    written: BTreeSet<&'a str>,
}

impl<'a> Evidence<'a> {
    pub(super) fn of(steps: &'a [Json], application: &'a str, java: &'a Answer) -> Self {
        let out = java.steps.iter().flat_map(|step| &step.out);
        let written = out.filter_map(|line| line.split(' ').next()).collect();
        Self { steps, application, java, written }
    }

    /// Whether the topology emitted anything.
    pub(super) fn is_there(&self) -> bool {
        !self.written.is_empty()
    }

    /// Whether results of a step were seen: in a topic that only it writes to, by an operator without output, or, of what
    /// only fills a store, as rows.
    pub(super) fn of_step(&self, number: usize) -> bool {
        let step = &self.steps[number];
        match step["op"].as_str().unwrap_or("") {
            "to" | "to_chosen" | "add_sink" => topics(step).any(|topic| self.written.contains(topic)),
            "for_each" | "print" | "peek" => {
                let prefix = format!("{number} ");
                self.java.steps.iter().flat_map(|step| &step.seen).any(|line| line.starts_with(&prefix))
            }
            // The rows of such a store are not compared, so what its processors send shows that it was used.
            "store" if step["kind"] == "shelf" => self.processors_with(&step["name"]).any(|user| self.of_step(user)),
            "store" | "add_store" | "global_store" => self.has_rows(&step["name"]),
            // It forwards nothing to be seen.
            "process" | "process_values" | "add_processor" if keeps(step) => {
                stores(step).any(|name| self.has_rows(name))
            }
            "connect_store" => self.nodes_named(step).any(|node| self.of_step(node)),
            "repartition" => {
                let prefix = format!("{}-", self.application);
                self.written.iter().any(|topic| topic.starts_with(&prefix) && topic.ends_with("-repartition"))
            }
            // Whatever an operator forwards comes to each of those that follow, but a merge has another input, too.
            _ => self.users(number).any(|user| self.steps[user]["op"] != "merge" && self.of_step(user)),
        }
    }

    /// Whether a record with this key and, if it is said, this value came out anywhere.
    pub(super) fn has_record(&self, key: &str, value: Option<&str>) -> bool {
        self.java.steps.iter().flat_map(|step| &step.out).any(|line| {
            let mut fields = line.split(' ').skip(1);
            fields.next() == Some(key) && value.is_none_or(|value| fields.next() == Some(value))
        })
    }

    /// The steps that use a step's result.
    fn users(&self, number: usize) -> impl Iterator<Item = usize> + '_ {
        let name = self.steps[number]["name"].as_str().filter(|_| self.steps[number]["in"].is_null());
        (number + 1..self.steps.len()).filter(move |user| uses(&self.steps[*user], number, name))
    }

    /// The nodes that stores are connected to by another step.
    fn nodes_named<'s>(&'s self, step: &'s Json) -> impl Iterator<Item = usize> + 's {
        (0..self.steps.len())
            .filter(|node| self.steps[*node]["op"] == "add_processor" && self.steps[*node]["name"] == step["name"])
    }

    /// The processors that use a store.
    fn processors_with<'s>(&'s self, store: &'s Json) -> impl Iterator<Item = usize> + 's {
        let is_processor = |step: &Json| step["op"].as_str().is_some_and(|op| op.starts_with("process"));
        (0..self.steps.len()).filter(move |user| {
            is_processor(&self.steps[*user]) && stores(&self.steps[*user]).any(|name| name == store)
        })
    }

    fn has_rows(&self, store: &Json) -> bool {
        let Some(store) = store.as_str() else { return false };
        let prefix = format!("+ {store} ");
        self.java.steps.iter().flat_map(|step| &step.stores).any(|line| line.starts_with(&prefix))
    }
}

/// The topics that a sink may write to.
fn topics(sink: &Json) -> impl Iterator<Item = &str> {
    let several = sink["topics"].as_array().into_iter().flatten();
    several.chain([&sink["topic"]]).filter_map(Json::as_str)
}

/// Whether a processor only fills its store.
fn keeps(step: &Json) -> bool {
    ["keep", "ts_keep"].iter().any(|keeps| step["does"]["f"] == *keeps)
}

/// The stores that a processor is connected to, as far as its step says.
pub(super) fn stores(step: &Json) -> impl Iterator<Item = &Json> {
    let stores = step["stores"].as_array().into_iter().flatten();
    stores.chain([&step["does"]["store"]]).filter(|store| store.is_string())
}

/// Whether a step uses the result of the step with this number, or the low-level node with this name.
fn uses(step: &Json, number: usize, name: Option<&str>) -> bool {
    let is = |reference: &Json| reference.as_u64() == Some(number as u64);
    let has = |list: &str, is: &dyn Fn(&Json) -> bool| step[list].as_array().is_some_and(|list| list.iter().any(is));
    is(&step["in"])
        || is(&step["other"])
        || has("groups", &|group| is(&group["in"]))
        || name.is_some() && has("parents", &|parent| parent.as_str() == name)
}
