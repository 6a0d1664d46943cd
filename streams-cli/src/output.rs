//! What commands print: tables and lines for people, JSON for programs.

use std::io::{self, Write};

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use serde_json::Value as Json;

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
