//! Runs Schemathesis: it makes requests of what a server describes, right ones and wrong ones, and checks the answers.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::operations::Operation;
use crate::report::Counts;

/// What is checked of every answer. Not that right data is accepted: a topic's types decide about its records, and a store's
/// rows about its keys, which a description cannot say.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,negative_data_rejection,unsupported_method,allow_header_conformance";

/// 503 is an answer where it is described.
const CONFIG: &str = "[checks]\nnot_a_server_error.expected-statuses = [\"2xx\", \"3xx\", \"4xx\", \"503\"]\n";

/// How long a request may take. The server lets nobody wait for longer than 30 seconds.
const REQUEST_SECONDS: &str = "35";

/// The fuzzer.
pub(crate) struct Fuzzer<'a> {
    pub(crate) program: &'a Path,
    pub(crate) seconds: u64,
    pub(crate) seed: u64,
}

/// What it has done.
pub(crate) struct Outcome {
    /// Whether it has found nothing.
    pub(crate) is_good: bool,
    pub(crate) counts: Counts,
}

impl Fuzzer<'_> {
    /// Fuzzes all that a server describes, but for some operations. What it finds is printed.
    pub(crate) fn run(&self, url: &str, left_out: &[&Operation]) -> Result<Outcome, Box<dyn Error>> {
        // It leaves files where it runs.
        let folder = tempfile::tempdir()?;
        let report = folder.path().join("report.ndjson");
        fs::write(folder.path().join("schemathesis.toml"), CONFIG)?;
        let mut fuzzer = Command::new(self.program);
        fuzzer.current_dir(folder.path()).env("NO_PROXY", "*");
        fuzzer.args(["run", &format!("{url}/api/openapi.json"), "--url", url, "--no-color", "--checks", CHECKS]);
        fuzzer.args(["--seed", &self.seed.to_string(), "--max-time", &self.seconds.to_string()]);
        fuzzer.args(["--generation-database", "none", "--request-timeout", REQUEST_SECONDS, "--warnings", "off"]);
        fuzzer.args(["--report", "ndjson", "--report-ndjson-path"]).arg(&report);
        fuzzer.args(left_out.iter().flat_map(|operation| ["--exclude-path", &operation.path]));
        let cannot = |error| format!("{} cannot be started: {error}", self.program.display());
        let status = fuzzer.status().map_err(cannot)?;
        let counts = Counts::read(&fs::read_to_string(&report).map_err(|_| "the fuzzer has left no report")?)?;
        Ok(Outcome { is_good: status.success(), counts })
    }
}
