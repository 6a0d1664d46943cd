//! What operators without any output were given: `peek`, `for_each` and `print`.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::answer::escaped;
use crate::functions::{AsText, Nullable};
use crate::step::StepId;
use crate::text::Text;

/// The lines so far, which the closures of a topology share.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    /// Adds a record.
    pub fn add(&self, step: StepId, key: &impl AsText, value: &Nullable) {
        let shown = |text: &Nullable| escaped(text.as_ref().map(|text| text.as_str().as_bytes()));
        self.push(format!("{step} {} {}", shown(&key.as_text()), shown(value)));
    }

    /// Adds that a processor gets a record.
    pub fn entered(&self, processor: &str) {
        self.push(format!("@{processor}"));
    }

    /// Adds that a processor is closed.
    pub fn closed(&self, step: StepId) {
        self.push(format!("{step} closed"));
    }

    /// The lines since the last call.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds what a `print` step prints.
    #[must_use]
    pub fn printed(&self, step: StepId) -> impl Write + Send + 'static {
        Printed { seen: self.clone(), step, begun: Vec::new() }
    }

    fn push(&self, line: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

/// The label of what is printed.
pub const LABEL: &str = "print";

struct Printed {
    seen: Seen,
    step: StepId,
    /// A line that has not ended.
    begun: Vec<u8>,
}

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(bytes);
        while let Some(end) = self.begun.iter().position(|byte| *byte == b'\n') {
            let line = self.begun.drain(..=end).collect::<Vec<_>>();
            let line = String::from_utf8_lossy(&line);
            self.seen.push(match fields(line.trim_end()) {
                Some((key, value)) => format!("{} {key} {value}", self.step),
                None => format!("{} printed `{line}`", self.step),
            });
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The key and the value of a line `[print]: Some(k1), None`. A [`Text`] in it is escaped, and so has no blank.
fn fields(line: &str) -> Option<(&str, &str)> {
    let (label, record) = line.split_once(": ")?;
    let (key, value) = record.split_once(", ")?;
    let field = |text| match text {
        "None" => Some("~"),
        some => str::strip_suffix(some.strip_prefix("Some(")?, ")"),
    };
    (label == format!("[{LABEL}]")).then_some((field(key)?, field(value)?))
}

/// As answers show it.
impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&escaped(Some(self.as_str().as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::{LABEL, Seen};
    use crate::functions::Nullable;
    use crate::text::Text;

    #[test]
    fn what_is_printed_is_seen_like_what_is_peeked() {
        let seen = Seen::default();
        let mut printed = seen.printed(3);
        let text = |text: &str| Some(Text::from(text));
        for (key, value) in [(text("k, 1"), None), (None, text("")), (text("a)"), text("Some(b), None"))] {
            let (key, value): (Nullable, Nullable) = (key, value);
            writeln!(printed, "[{LABEL}]: {key:?}, {value:?}").unwrap();
            seen.add(3, &key, &value);
        }
        let lines = seen.take();
        assert_eq!(
            lines,
            ["3 k,\\x201 ~", "3 k,\\x201 ~", "3 ~ ''", "3 ~ ''", "3 a) Some(b),\\x20None", "3 a) Some(b),\\x20None"]
        );
    }
}
