//! What is wrong, and a table of what was asked.

use std::fmt;

use crate::operations::Operation;
use crate::report::Counts;

/// What a run has shown.
#[derive(Debug)]
pub(crate) struct Verdict {
    operations: Vec<Operation>,
    counts: Counts,
    faults: Vec<String>,
}

impl Verdict {
    pub(crate) fn new(operations: &[Operation]) -> Self {
        Self { operations: operations.to_vec(), counts: Counts::default(), faults: Vec::new() }
    }

    /// Adds what the fuzzer has seen.
    pub(crate) fn count(&mut self, counts: &Counts) {
        for operation in &self.operations {
            for (status, times) in counts.of(operation) {
                self.counts.add(operation, status, times);
            }
        }
    }

    /// Adds an answer to a plain request.
    pub(crate) fn answered(&mut self, operation: &Operation, status: u16) {
        self.counts.add(operation, status, 1);
    }

    /// Something is wrong.
    pub(crate) fn fault(&mut self, what: String) {
        self.faults.push(what);
    }

    pub(crate) fn is_good(&self) -> bool {
        self.faults.is_empty() && self.never_worked().next().is_none()
    }

    /// Operations of which no request has succeeded.
    fn never_worked(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(|operation| self.succeeded(operation) == 0)
    }

    fn succeeded(&self, operation: &Operation) -> u64 {
        self.counts.of(operation).range(200..300).map(|(_, times)| times).sum()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.operations.iter().map(Operation::to_string).collect();
        let width = names.iter().map(String::len).max().unwrap_or(0).max("operation".len());
        writeln!(f, "\n{:width$}  requests   2xx  others", "operation")?;
        for (operation, name) in self.operations.iter().zip(&names) {
            let counts = self.counts.of(operation);
            let others = counts.iter().filter(|(status, _)| !(200..300).contains(*status));
            let others = others.map(|(status, times)| format!("{status}: {times}")).collect::<Vec<_>>().join(", ");
            let (all, good) = (counts.values().sum::<u64>(), self.succeeded(operation));
            writeln!(f, "{}", format!("{name:width$}  {all:8}  {good:4}  {others}").trim_end())?;
        }
        for operation in self.never_worked() {
            writeln!(f, "wrong: no request of {operation} has succeeded")?;
        }
        for fault in &self.faults {
            writeln!(f, "wrong: {fault}")?;
        }
        if self.is_good() {
            let requests: u64 =
                self.operations.iter().flat_map(|operation| self.counts.of(operation).into_values()).sum();
            writeln!(f, "all {} operations work, after {requests} requests", self.operations.len())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(path: &str) -> Operation {
        let (method, path) = ("GET".to_owned(), path.to_owned());
        Operation { method, example: path.clone(), path, is_stream: false, needs_token: false }
    }

    #[test]
    fn an_operation_that_has_never_worked_is_wrong() {
        let (a, b) = (operation("/a"), operation("/api/b"));
        let mut verdict = Verdict::new(&[a.clone(), b.clone()]);
        verdict.answered(&a, 200);
        verdict.answered(&b, 404);
        verdict.answered(&b, 404);
        assert!(!verdict.is_good());
        let expected = "\noperation   requests   2xx  others\nGET /a             1     1\nGET /api/b         2     0  404: 2\n\
                        wrong: no request of GET /api/b has succeeded\n";
        assert_eq!(verdict.to_string(), expected);
        verdict.answered(&b, 202);
        assert!(verdict.is_good());
        assert!(verdict.to_string().ends_with("all 2 operations work, after 4 requests\n"), "{verdict}");
        verdict.fault("it has stopped".to_owned());
        assert!(!verdict.is_good());
        assert!(verdict.to_string().ends_with("wrong: it has stopped\n"), "{verdict}");
    }
}
