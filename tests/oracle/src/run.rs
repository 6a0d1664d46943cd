//! Our side: runs a case on the engine's test driver that works as Java's does, and writes the answer.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millstream::record::{Header, Headers, Timestamp};
use millstream::runtime::DropReason;
use millstream::testing::{RawRecord, SentRecord, TopologyTestDriver};
use millstream::topology::Topology;

use crate::answer::{Answer, Changes, Failure, escaped};
use crate::case::{Case, Input, InputRecord};
use crate::interpret;
use crate::seen::Seen;

/// Runs a case.
#[must_use]
pub fn run(case: &Case) -> Answer {
    let mut answer = Answer { id: case.id.clone(), ..Answer::default() };
    let seen = Seen::default();
    // A panic is a failure of the engine like any other, and must not hide the case that caused it.
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let topology = interpret::topology(case, &seen).map_err(|problem| problem.to_string())?;
        answer.describe = Some(topology.describe());
        inputs(case, topology, &seen, &mut answer.steps)?;
        answer.closed = seen.take();
        Ok(())
    }));
    let failed = match ran {
        Ok(Ok(())) => None,
        Ok(Err(text)) => Some(text),
        Err(panic) => Some(format!("panicked: {}", panic_text(&*panic))),
    };
    let reached = i64::try_from(answer.steps.len()).unwrap_or(i64::MAX);
    let at = |text: &String| if text.starts_with(NOT_STARTED) || answer.describe.is_none() { -1 } else { reached };
    answer.error = failed.map(|text| Failure { at: at(&text), text });
    answer
}

/// How the text of an error begins if the application could not be started.
const NOT_STARTED: &str = "not started: ";

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("?")
}

fn inputs(case: &Case, topology: Topology, seen: &Seen, answers: &mut Vec<Changes>) -> Result<(), String> {
    let mut before = Before { unordered: suppressions(&topology, &case.application), ..Before::default() };
    let cache = usize::try_from(case.cache).unwrap_or(usize::MAX);
    let setup = TopologyTestDriver::configure(topology).application_id(&*case.application).cache_bytes(cache);
    let mut driver = setup.start().map_err(|error| format!("{NOT_STARTED}{error}"))?;
    for input in &case.inputs {
        match input {
            Input::Record(record) => driver.pipe_bytes(&record.topic, &raw(record)),
            Input::Advance { advance } => driver.advance_wall_clock(Duration::from_millis(*advance)),
        }
        .map_err(|error| error.to_string())?;
        let changes = before.changes(&mut driver).map_err(|error| error.to_string())?;
        answers.push(Changes { seen: seen.take(), ..changes });
    }
    // Its processors are closed.
    drop(driver);
    Ok(())
}

/// The kind of the store that keeps versions of rows. The latest one has no end.
const VERSIONED: &str = "versioned";

/// The kind of the store in which a suppression's changes wait.
const SUPPRESSION: &str = "suppression";

/// The kinds of stores that Java cannot iterate.
const HIDDEN: &[&str] = &[SUPPRESSION, "grace-buffer", "custom"];

/// The changelogs of suppressions.
fn suppressions(topology: &Topology, application: &str) -> BTreeSet<Arc<str>> {
    let stores = topology.graph().stores.iter().filter(|store| store.kind.name() == SUPPRESSION);
    stores.filter_map(|store| Some(store.changelog.as_ref()?.full_name(application))).collect()
}

fn raw(record: &InputRecord) -> RawRecord {
    let bytes = |text: &Option<String>| text.as_ref().map(|text| text.as_bytes().to_vec());
    let header = |(name, value): &(String, Option<String>)| Header {
        name: name.clone(),
        value: value.as_ref().map(|value| Bytes::copy_from_slice(value.as_bytes())),
    };
    RawRecord {
        key: bytes(&record.key),
        value: bytes(&record.value),
        timestamp: Timestamp(record.ts),
        headers: record.headers.iter().map(header).collect(),
    }
}

/// The kind of store that keeps the records of a side of a join.
const JOIN: &str = "join-buffer";
/// The kind of store that keeps the records of both sides that wait for a match.
const UNMATCHED: &str = "unmatched";

/// What was there after the input before.
#[derive(Default)]
struct Before {
    /// The changelogs whose order means nothing.
    unordered: BTreeSet<Arc<str>>,
    /// The rows, by `store key`.
    rows: BTreeMap<String, String>,
    /// As [`dropped`] counts.
    dropped: (u64, u64),
}

impl Before {
    fn changes(&mut self, driver: &mut TopologyTestDriver) -> Result<Changes, millstream::runtime::AppError> {
        let sent = driver.take_sent();
        let line = |record: &SentRecord| {
            let (key, value) = (escaped(record.key.as_deref()), escaped(record.value.as_deref()));
            let timestamp = record.timestamp.map_or("-".to_owned(), |timestamp| timestamp.0.to_string());
            format!("{} {key} {value} {timestamp}{}", record.topic, headers(&record.headers))
        };
        let mut out = Vec::with_capacity(sent.len());
        for run in sent.chunk_by(|one, next| one.topic == next.topic) {
            let from = out.len();
            out.extend(run.iter().map(line));
            if run.first().is_some_and(|record| self.unordered.contains(&record.topic)) {
                out[from..].sort_unstable();
            }
        }
        let dropped = dropped(driver);
        let before = std::mem::replace(&mut self.dropped, dropped);
        let (dropped, filtered) = (dropped.0 - before.0, dropped.1 - before.1);
        Ok(Changes { out, stores: self.rows(driver)?, dropped, filtered, ..Changes::default() })
    }

    fn rows(&mut self, driver: &TopologyTestDriver) -> Result<Vec<String>, millstream::runtime::AppError> {
        let mut number = (String::new(), 0);
        let shown = driver.rows()?.into_iter().filter(|row| !HIDDEN.contains(&row.kind));
        let rows = shown.map(|row| {
            let window = row.window.map(|window| {
                if row.kind == VERSIONED && window.end == Timestamp(i64::MAX) {
                    return format!("@{}/-", window.start.0);
                }
                if row.kind != JOIN && !row.kind.ends_with("with-duplicates") {
                    return format!("@{}/{}", window.start.0, window.end.0);
                }
                // Rows of the same key and window follow each other in the order in which they were written.
                let same = format!("{} {} {}", row.store, escaped(Some(&row.key)), window.start.0);
                number = if number.0 == same { (same, number.1 + 1) } else { (same, 0) };
                format!("@{}#{}", window.start.0, number.1)
            });
            // Java's key of a record that waits for a match is more than the record's own.
            let key = if row.kind == UNMATCHED { &row.logged_key } else { &row.key };
            let key = format!("{} {}{}", row.store, escaped(Some(key)), window.unwrap_or_default());
            // The time of a session or of a joined record is in its key, and Java keeps none besides.
            let timestamp = row.timestamp.filter(|_| !["session", JOIN, UNMATCHED].contains(&row.kind));
            let timestamp = timestamp.map(|timestamp| format!(" {}", timestamp.0)).unwrap_or_default();
            (key, format!("{}{timestamp}", escaped(Some(&row.value))))
        });
        let rows: BTreeMap<String, String> = rows.collect();
        let before = std::mem::take(&mut self.rows);
        let changed = rows.iter().filter(|(key, row)| before.get(*key) != Some(row));
        let mut changes: Vec<_> = changed.map(|(key, row)| format!("+ {key} {row}")).collect();
        changes.extend(before.keys().filter(|key| !rows.contains_key(*key)).map(|key| format!("- {key}")));
        changes.sort_unstable();
        self.rows = rows;
        Ok(changes)
    }
}

fn headers(headers: &Headers) -> String {
    let shown = headers.iter().map(|header| format!("{}={}", header.name, escaped(header.value.as_deref())));
    let shown = shown.collect::<Vec<_>>().join(";");
    if shown.is_empty() { shown } else { format!(" {shown}") }
}

/// How many records were dropped so far, and how many of them before a repartition topic.
fn dropped(driver: &TopologyTestDriver) -> (u64, u64) {
    let dropped = driver.dropped();
    // Other filters drop nothing for its key.
    let is_filtered = |node: &str, reason| {
        reason == DropReason::NullKey && (node.starts_with("KSTREAM-FILTER-") || node.ends_with("-repartition-filter"))
    };
    let filtered = dropped.iter().filter(|((node, reason), _)| is_filtered(node, *reason));
    (dropped.values().sum(), filtered.map(|(_, count)| count).sum())
}
