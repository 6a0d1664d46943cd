//! `describe`: the topology, and what has become of an earlier one.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value as Json, json};
use streams_core::topology::Difference;

use crate::arguments::Place;
use crate::failure::Failure;
use crate::output;
use crate::program::Program;

/// `describe`.
#[derive(Debug, Args)]
pub struct Describe {
    #[command(flatten)]
    pub(crate) place: Place,

    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text, conflicts_with = "diff")]
    format: Format,

    /// Compare with what `describe --format json` has printed before; exit 1 if state would be lost or misread
    #[arg(long, value_name = "FILE")]
    diff: Option<PathBuf>,

    /// Print JSON
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// As Kafka Streams' `describe()` prints it
    Text,
    /// A diagram for Markdown
    Mermaid,
    /// A diagram for Graphviz
    Dot,
    /// For programs, and for `--diff`
    Json,
}

pub(crate) fn run(out: &mut dyn Write, program: &Program<'_>, command: &Describe) -> Result<(), Failure> {
    let topology = program.topology();
    if let Some(earlier) = &command.diff {
        let difference = topology.difference_from(&read(earlier)?);
        let difference = difference.ok_or_else(|| {
            let file = earlier.display();
            Failure::because(format!("{file} is no topology: make one with `describe --format json > {file}`"))
        })?;
        return print(out, &difference, command.json);
    }
    match command.format {
        _ if command.json => output::pretty(out, &topology.to_json())?,
        Format::Text => write!(out, "{}", topology.describe())?,
        Format::Mermaid => write!(out, "{}", topology.to_mermaid())?,
        Format::Dot => write!(out, "{}", topology.to_dot())?,
        Format::Json => output::pretty(out, &topology.to_json())?,
    }
    Ok(())
}

fn read(file: &Path) -> Result<Json, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::because(format!("{}: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
    serde_json::from_str(&text).map_err(|error| wrong(&error))
}

fn print(out: &mut dyn Write, difference: &Difference, json: bool) -> Result<(), Failure> {
    let Difference { new, gone, incompatible } = difference;
    if json {
        output::pretty(out, &json!({ "new": new, "gone": gone, "incompatible": incompatible }))?;
    } else {
        new.iter().try_for_each(|line| writeln!(out, "+ {line}"))?;
        gone.iter().try_for_each(|line| writeln!(out, "- {line}"))?;
        if new.is_empty() && gone.is_empty() {
            writeln!(out, "the same topology")?;
        }
        incompatible.iter().try_for_each(|problem| writeln!(out, "incompatible: {problem}"))?;
    }
    if incompatible.is_empty() { Ok(()) } else { Err(Failure::Told) }
}
