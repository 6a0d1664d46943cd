//! What the fuzzer has sent, and how it was answered: one line of its report for each thing that happens.

use std::collections::BTreeMap;
use std::error::Error;

use serde_json::Value;

use crate::operations::Operation;

/// How often operations were answered with each status.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts(BTreeMap<(String, String), BTreeMap<u16, u64>>);

impl Counts {
    /// Reads a report (NDJSON).
    pub(crate) fn read(report: &str) -> Result<Self, Box<dyn Error>> {
        let mut counts = Self::default();
        for line in report.lines() {
            let line: Value = serde_json::from_str(line).map_err(|error| format!("the fuzzer's report: {error}"))?;
            let recorder = &line["ScenarioFinished"]["recorder"];
            for (id, case) in recorder["cases"].as_object().into_iter().flatten() {
                let text = |name: &str| case["value"][name].as_str().map(str::to_owned);
                let (Some(method), Some(path)) = (text("method"), text("path")) else {
                    return Err(format!("the fuzzer's report has a case that says not what was asked: {case}").into());
                };
                let status = &recorder["interactions"][id]["response"]["status_code"];
                if let Some(status) = status.as_u64().and_then(|status| u16::try_from(status).ok()) {
                    *counts.0.entry((method, path)).or_default().entry(status).or_default() += 1;
                }
            }
        }
        Ok(counts)
    }

    /// Adds an answer.
    pub(crate) fn add(&mut self, operation: &Operation, status: u16, times: u64) {
        *self.0.entry(key(operation)).or_default().entry(status).or_default() += times;
    }

    /// Whether an operation was asked for.
    pub(crate) fn has(&self, operation: &Operation) -> bool {
        self.0.contains_key(&key(operation))
    }

    /// How often an operation was answered with each status.
    pub(crate) fn of(&self, operation: &Operation) -> BTreeMap<u16, u64> {
        self.0.get(&key(operation)).cloned().unwrap_or_default()
    }
}

fn key(operation: &Operation) -> (String, String) {
    (operation.method.clone(), operation.path.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"{"Initialize":{"seed":1}}
{"ScenarioFinished":{"recorder":{"label":"GET /a"}}}
{"ScenarioFinished":{"recorder":{"cases":{"x":{"value":{"method":"GET","path":"/a/{b}"}},"y":{"value":{"method":"GET","path":"/a/{b}"}}},"interactions":{"x":{"response":{"status_code":200}},"y":{"response":{"status_code":404}}}}}}
{"ScenarioFinished":{"recorder":{"cases":{"z":{"value":{"method":"GET","path":"/a/{b}"}},"w":{"value":{"method":"POST","path":"/a/{b}"}}},"interactions":{"z":{"response":{"status_code":200}},"w":{"response":null}}}}}
"#;

    #[test]
    fn answers_are_counted_by_operation_and_status() {
        let counts = Counts::read(REPORT).expect("a report");
        let operation = |method: &str| Operation {
            method: method.to_owned(),
            path: "/a/{b}".to_owned(),
            example: String::new(),
            is_stream: false,
            needs_token: false,
        };
        assert_eq!(counts.of(&operation("GET")), [(200, 2), (404, 1)].into());
        // It was sent and not answered.
        assert!(!counts.has(&operation("POST")));
    }

    #[test]
    fn a_report_of_another_shape_is_an_error() {
        assert!(Counts::read("no JSON").is_err());
        let other = r#"{"ScenarioFinished":{"recorder":{"cases":{"x":{"verb":"GET"}}}}}"#;
        assert!(Counts::read(other).is_err());
    }
}
