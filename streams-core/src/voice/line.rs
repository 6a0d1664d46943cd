//! Makes a line for people of an event.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use super::{END, PEOPLE};

/// The event as a line: its message, then its fields in parentheses, then its error. Events that are whole sentences
/// repeat nothing: their fields are for programs.
pub(super) fn line_of(event: &Event<'_>) -> String {
    let mut parts = Parts::default();
    event.record(&mut parts);
    let is_a_sentence = [PEOPLE, END].contains(&event.metadata().target());
    let mut line = String::from(match *event.metadata().level() {
        Level::ERROR => "millstream: error: ",
        Level::WARN => "millstream: warning: ",
        _ => "millstream: ",
    });
    line.push_str(&parts.message);
    if !is_a_sentence && !parts.fields.is_empty() {
        let _ = write!(line, " ({})", parts.fields);
    }
    if !is_a_sentence && !parts.error.is_empty() {
        let _ = write!(line, ": {}", parts.error);
    }
    line
}

/// An event's parts as text.
#[derive(Default)]
struct Parts {
    message: String,
    fields: String,
    error: String,
}

impl Visit for Parts {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            "error" => write!(self.error, "{value:?}"),
            name => {
                let comma = if self.fields.is_empty() { "" } else { ", " };
                write!(self.fields, "{comma}{} {value:?}", name.replace('_', " "))
            }
        };
    }
}
