//! What an application has left in its output topics, as `FORMAT.md` describes it.

use std::collections::BTreeMap;

use bytes::Bytes;
use millstream::record::Record;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::answer::escaped;

/// The lines of each topic, sorted.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Answer {
    error: Option<String>,
    /// The last record of each key.
    pub(super) tables: BTreeMap<String, Vec<String>>,
    /// All records.
    pub(super) records: BTreeMap<String, Vec<String>>,
}

/// A record as it was read.
pub(super) type Read = Record<Option<Bytes>, Option<Bytes>>;

impl Answer {
    /// Adds a topic's records, partition by partition.
    pub(super) fn add(&mut self, topic: &str, records: &[Read]) {
        let mut last = BTreeMap::new();
        for record in records.iter().filter(|record| record.key.is_some()) {
            last.insert(record.key.clone(), record.value.is_some().then(|| line(record)));
        }
        let mut lines: Vec<_> = records.iter().map(line).collect();
        lines.sort_unstable();
        let mut rows: Vec<_> = last.into_values().flatten().collect();
        rows.sort_unstable();
        self.records.insert(topic.to_owned(), lines);
        self.tables.insert(topic.to_owned(), rows);
    }

    /// How many rows the tables have.
    pub(super) fn rows(&self) -> usize {
        self.tables.values().map(Vec::len).sum()
    }
}

/// Reads Java's answer.
pub(super) fn read(json: Json) -> Result<Answer, String> {
    let mut answer: Answer = serde_json::from_value(json).map_err(|error| error.to_string())?;
    match answer.error.take() {
        None => Ok(answer),
        Some(error) => Err(error),
    }
}

fn line(record: &Read) -> String {
    let (key, value) = (escaped(record.key.as_deref()), escaped(record.value.as_deref()));
    let headers = record.headers.iter().map(|header| format!("{}={}", header.name, escaped(header.value.as_deref())));
    let headers = headers.collect::<Vec<_>>().join(";");
    let line = format!("{key} {value} {}", record.timestamp.0);
    if headers.is_empty() { line } else { format!("{line} {headers}") }
}

/// The lines without the headers at their ends, sorted.
pub(super) fn without_headers(lines: &[String]) -> Vec<String> {
    let cut = |line: &String| line.split(' ').take(3).collect::<Vec<_>>().join(" ");
    let mut lines: Vec<_> = lines.iter().map(cut).collect();
    lines.sort_unstable();
    lines
}
