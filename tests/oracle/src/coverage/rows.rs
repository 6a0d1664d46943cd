//! The rows of the table that a step counts for: its operator, and each of the options that make it do something else.

use serde_json::Value as Json;

use super::emitted::stores;

/// Optimisations and settings of a whole case.
pub(super) fn of_case(case: &Json) -> Vec<String> {
    let optimizations = case["optimize"].as_array().into_iter().flatten().filter_map(Json::as_str);
    let mut rows: Vec<_> = optimizations.map(|name| format!("optimize {name}")).collect();
    let settings = [
        (case["wrapper"] == true, "a closure around processors"),
        (case["cache"] != 0, "with a cache"),
        (case["stores"] == "rocksdb", "stores in RocksDB"),
    ];
    rows.extend(settings.iter().filter(|(is_set, _)| *is_set).map(|(_, name)| (*name).to_owned()));
    rows
}

/// A step's operator with what makes it a different one, and the operator with each of its options.
pub(super) fn of_step(steps: &[Json], number: usize) -> Vec<String> {
    let step = &steps[number];
    let op = step["op"].as_str().unwrap_or("?");
    let base = if is_of_table(steps, step) { format!("{op} of table") } else { op.to_owned() };
    let mut rows = vec![operator(step, &base)];
    rows.extend(options(step).into_iter().map(|option| format!("{base} {option}")));
    rows.extend(of_store(step, &base));
    if op != "global_store"
        && let Some(does) = step["does"]["f"].as_str()
    {
        rows.push(format!("processor {does}"));
        rows.extend(of_punctuation(&step["does"]).into_iter().map(|option| format!("{does} {option}")));
    }
    if WITH_WINDOWS.contains(&op) && input(steps, step).is_some_and(|input| has_windows(steps, input)) {
        rows.push(format!("{op} of windows"));
    }
    let reads_again =
        |earlier: &Json| earlier["op"] == "stream" && !step["topics"].is_null() && earlier["topics"] == step["topics"];
    if op == "stream" && steps[..number].iter().any(reads_again) {
        rows.push("stream of a topic that is read already".to_owned());
    }
    if op == "store" && stores_used(steps).filter(|name| **name == step["name"]).count() > 1 {
        rows.push("store shared".to_owned());
    }
    // These mean the same wherever they are.
    let said = [("extractor", "f"), ("partitioner", "f")];
    rows.extend(said.iter().filter_map(|(field, f)| Some(format!("{field} {}", step[*field][*f].as_str()?))));
    match &step["reset"] {
        Json::String(policy) => rows.push(format!("reset {policy}")),
        Json::Number(_) => rows.push("reset to a time ago".to_owned()),
        _ => {}
    }
    rows
}

/// The operators that do something else if keys have windows.
const WITH_WINDOWS: [&str; 8] =
    ["to", "to_stream", "merge", "group_by", "group_table", "table_join", "fk_join", "suppress"];

/// The operator with what makes it a different one.
fn operator(step: &Json, base: &str) -> String {
    let mut row = base.to_owned();
    let mut add = |text: Option<&str>| {
        if let Some(text) = text {
            row.push(' ');
            row.push_str(text);
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
    add((step["op"] == "to_stream" && is("key")).then_some("key"));
    add(step["does"]["f"].as_str().filter(|_| step["op"] == "global_store"));
    add((is("grace") && step["op"] == "join_table").then_some("grace"));
    add((step["op"] == "join" && step["in"] == step["other"]).then_some("self"));
    row
}

fn options(step: &Json) -> Vec<&'static str> {
    let op = step["op"].as_str().unwrap_or_default();
    let is = |name: &str| step.get(name).is_some();
    let f = |name: &str, f: &str| step[name]["f"] == f;
    let branches = step["branches"].as_array();
    let is_source = matches!(op, "stream" | "table" | "global_table" | "global_store");
    let options = [
        (is_source && (is("name") || is("source")), "named"),
        (step["topics"].as_array().is_some_and(|topics| topics.len() > 1) && op == "stream", "of several topics"),
        (is("topics") && op == "add_sink", "of several topics"),
        (is("stores") && op == "add_processor", "connected at once"),
        (is("pattern"), "pattern"),
        (is("no_pair"), "no pair"),
        (is("partitioner"), "partitioner"),
        (is("partitions"), "partitions"),
        (op == "repartition" && is("name"), "named"),
        (is("extractor") && op != "add_source", "extractor"),
        (step["emit"] == "update", "emitted on update"),
        (op == "split" && is("name"), "named"),
        (branches.is_some_and(|branches| branches.iter().any(|branch| branch.get("name").is_some())), "named branches"),
        (step["default"] == true, "default"),
        (op == "join" && step["before"] != step["after"], "asymmetric"),
        (op == "join" && step["grace"] != 0, "grace"),
        (op == "join" && is("store"), "named stores"),
        (step["logging"] == false, "not logged"),
        (f("joiner", "key_pair"), "key"),
        (f("add", "with_key"), "key"),
        (step["with_key"] == true, "key"),
        (is("max_records"), "limit of records"),
        (is("max_bytes"), "limit of bytes"),
        (step["duplicates"] == true, "duplicates"),
    ];
    options.iter().filter(|(is_there, _)| *is_there).map(|(_, option)| *option).collect()
}

/// How a table, or the two sides of a join, are stored.
fn of_store(step: &Json, base: &str) -> Vec<String> {
    let stored = |name: &str| step["stored"].get(name).is_some();
    let is_aggregated = ["count of table", "reduce of table", "aggregate of table"].contains(&base);
    let kept_by = if is_aggregated { "aggregation of table" } else { base };
    let options = [
        (stored("name"), "stored under a name".to_owned()),
        (stored("versioned"), format!("{kept_by} versioned")),
        (stored("retention"), "stored with a retention".to_owned()),
        (step["stored"]["caching"] == false, "stored without a cache".to_owned()),
        (step["stored"]["logging"] == false, "stored without a changelog".to_owned()),
        (
            stored("type") || step["op"] == "join" && step.get("type").is_some(),
            "stored in memory or RocksDB".to_owned(),
        ),
    ];
    options.into_iter().filter(|(is_there, _)| *is_there).map(|(_, option)| option).collect()
}

fn of_punctuation(does: &Json) -> Vec<&'static str> {
    let is = |name: &str| does.get(name).is_some();
    let options = [
        (does["clock"] == "wall", "wall clock"),
        (is("start"), "anchored"),
        (is("times"), CANCELLED),
        (is("late"), "scheduled outside of init"),
    ];
    options.iter().filter(|(is_there, _)| *is_there).map(|(_, option)| *option).collect()
}

/// What the row of a punctuation that cancels itself ends with.
pub(super) const CANCELLED: &str = "cancelled";

/// The stores that processors use.
fn stores_used(steps: &[Json]) -> impl Iterator<Item = &Json> {
    steps.iter().flat_map(stores)
}

fn input<'a>(steps: &'a [Json], step: &Json) -> Option<&'a Json> {
    steps.get(usize::try_from(step["in"].as_u64()?).ok()?)
}

/// Whether a step that streams have, too, is one of a table or its group.
fn is_of_table(steps: &[Json], step: &Json) -> bool {
    let Some(input) = input(steps, step) else { return false };
    match step["op"].as_str().unwrap_or_default() {
        "filter" | "filter_not" | "map_values" => makes_table(steps, input),
        "count" | "reduce" | "aggregate" => input["op"] == "group_table",
        _ => false,
    }
}

fn makes_table(steps: &[Json], step: &Json) -> bool {
    match step["op"].as_str().unwrap_or_default() {
        "table" | "to_table" | "count" | "reduce" | "aggregate" | "cogroup" | "table_join" | "fk_join" | "suppress"
        | "transform_values" => true,
        "filter" | "filter_not" | "map_values" => input(steps, step).is_some_and(|input| makes_table(steps, input)),
        _ => false,
    }
}

/// Whether the keys of a step's result have windows.
fn has_windows(steps: &[Json], step: &Json) -> bool {
    let of_input = || input(steps, step).is_some_and(|input| has_windows(steps, input));
    match step["op"].as_str().unwrap_or_default() {
        "count" | "reduce" | "aggregate" | "cogroup" => step.get("windows").is_some(),
        "filter" | "filter_not" | "map_values" | "transform_values" | "flat_map_values" | "peek" | "merge"
        | "suppress" | "table_join" | "fk_join" => of_input(),
        "to_stream" => step.get("key").is_none() && of_input(),
        _ => false,
    }
}
