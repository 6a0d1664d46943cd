//! What commands print: tables and lines for people, JSON for programs.

use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use serde_json::Value as Json;
use streams_core::record::Timestamp;

/// A table without lines, as `ps` prints them. The columns in `numbers` are aligned to the right.
pub(crate) fn table(out: &mut dyn Write, header: &[&str], numbers: &[usize], rows: Vec<Vec<String>>) -> io::Result<()> {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(header).add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        let alignment = if numbers.contains(&index) { CellAlignment::Right } else { CellAlignment::Left };
        column.set_padding((0, 2)).set_cell_alignment(alignment);
    }
    table.lines().try_for_each(|line| writeln!(out, "{}", line.trim_end()))
}

/// JSON that people can read, too.
pub(crate) fn pretty(out: &mut dyn Write, json: &Json) -> io::Result<()> {
    writeln!(out, "{json:#}")
}

/// A key or value in a line for people: a string as it is, unless that would look like something else.
pub(crate) fn plain(json: &Json) -> String {
    match json.as_str() {
        Some(text) if !text.is_empty() && !text.chars().any(char::is_control) => text.to_owned(),
        _ => json.to_string(),
    }
}

/// A time as people write it, if the calendar has it.
pub(crate) fn readable(timestamp: Timestamp) -> String {
    let time = DateTime::<Utc>::from_timestamp_millis(timestamp.0);
    time.map_or_else(|| format!("{}ms", timestamp.0), |time| time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_beyond_the_calendar_are_milliseconds() {
        assert_eq!(readable(Timestamp(1_700_000_000_000)), "2023-11-14T22:13:20.000Z");
        assert_eq!(readable(Timestamp(i64::MAX)), "9223372036854775807ms");
    }
}
