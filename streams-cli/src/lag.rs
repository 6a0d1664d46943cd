//! `lag`: how far the application has come in the topics that it reads.

use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Write};
use std::time::Duration;

use clap::Args;
use serde_json::{Value as Json, json};
use streams_core::record::{Offset, TopicPartition};
use streams_core::topic::TopicRef;

use crate::arguments::Place;
use crate::ask::{Asking, partitions_of};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output;
use crate::place::Need;
use crate::program::Program;

/// Clears a terminal and begins at its upper left.
const CLEAR: &str = "\x1b[2J\x1b[H";

/// `lag`.
#[derive(Debug, Args)]
pub struct Lag {
    /// Print it again and again, until Ctrl-C
    #[arg(long)]
    watch: bool,

    /// The time between two prints
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = humantime::parse_duration, requires = "watch")]
    every: Duration,

    #[command(flatten)]
    pub(crate) place: Place,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A partition that the application reads.
struct Row {
    partition: TopicPartition,
    /// `None` if nothing has been committed yet.
    committed: Option<Offset>,
    end: Offset,
    lag: i64,
}

pub(crate) fn run(out: &mut dyn Write, program: &Program<'_>, command: &Lag) -> Result<(), Failure> {
    let asking = Asking::of(&program.log(Need::Existing)?)?;
    if !command.watch {
        return print(out, &rows(&asking, program)?, command.json);
    }
    let (interrupt, _asked) = Interrupt::listen()?;
    while !interrupt.was_asked() {
        let rows = rows(&asking, program)?;
        if !command.json && std::io::stdout().is_terminal() {
            write!(out, "{CLEAR}")?;
        }
        print(out, &rows, command.json)?;
        interrupt.wait(command.every);
    }
    Ok(())
}

/// The partitions of all topics that tasks read. Global tables have positions of their own, in each process.
fn rows(asking: &Asking, program: &Program<'_>) -> Result<Vec<Row>, Failure> {
    let read = program.topology().subtopologies().iter().filter(|part| !part.global).flat_map(|part| &part.sources);
    let read: BTreeSet<&TopicRef> = read.collect();
    let is_read = |name: &str| {
        read.iter().any(|topic| match topic {
            TopicRef::Matching(pattern) => pattern.matcher()(name),
            topic => &*topic.full_name(program.id()) == name,
        })
    };
    let topics = asking.topics(None)?;
    let partitions: Vec<_> = topics.iter().filter(|topic| is_read(&topic.name)).flat_map(partitions_of).collect();
    if partitions.is_empty() {
        let names: Vec<_> = read.iter().map(|topic| topic.full_name(program.id()).to_string()).collect();
        let place = asking.place();
        return Err(Failure::because(format!(
            "none of the topics that the application reads is on {place}: `{}`; create them with `topics create`",
            names.join("`, `")
        )));
    }
    let (starts, ends) = (asking.starts(&partitions)?, asking.ends(&partitions)?);
    let committed =
        asking.ask("looking up the group's positions", |admin| admin.committed(program.id(), partitions.clone()))?;
    let bounds = starts.into_iter().zip(ends).zip(committed);
    let row = |(partition, ((start, end), committed)): (TopicPartition, ((Offset, Offset), Option<_>))| {
        let committed = committed.map(|committed: streams_core::log::CommittedOffset| committed.offset);
        let lag = end.0.saturating_sub(committed.unwrap_or(start).0.max(start.0)).max(0);
        Row { partition, committed, end, lag }
    };
    Ok(partitions.into_iter().zip(bounds).map(row).collect())
}

fn print(out: &mut dyn Write, rows: &[Row], json: bool) -> Result<(), Failure> {
    let total: i64 = rows.iter().map(|row| row.lag).sum();
    if json {
        let partitions = rows.iter().map(|Row { partition, committed, end, lag }| {
            json!({
                "topic": &*partition.topic,
                "partition": partition.partition.0,
                "committed": committed.map(|offset| offset.0),
                "end": end.0,
                "lag": lag,
            })
        });
        writeln!(out, "{}", json!({ "lag": total, "partitions": partitions.collect::<Vec<Json>>() }))?;
        return Ok(());
    }
    let cells = rows.iter().map(|Row { partition, committed, end, lag }| {
        let committed = committed.map_or_else(|| "none".to_owned(), |offset| offset.to_string());
        vec![partition.topic.to_string(), partition.partition.to_string(), committed, end.to_string(), lag.to_string()]
    });
    output::table(out, &["TOPIC", "PARTITION", "COMMITTED", "END", "LAG"], &[1, 2, 3, 4], cells.collect())?;
    writeln!(out, "{total} records behind")?;
    Ok(())
}
