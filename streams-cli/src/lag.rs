//! `lag`: how far the application has come in the topics that it reads.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal as _, Write};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::{Value as Json, json};
use streams_core::client::{Client, time_lag};
use streams_core::log::{GroupMemberInfo, Log};
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
    /// How old the next record is; `None` if that is not known.
    behind: Option<Duration>,
    /// Who has it; `None` if nobody does.
    owner: Option<Owner>,
}

/// A member of the group.
#[derive(Clone)]
struct Owner {
    member: String,
    host: String,
}

impl Owner {
    fn of(member: &GroupMemberInfo) -> Self {
        Self { member: member.member_id.clone(), host: member.host.clone() }
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &*self.host {
            "" => f.write_str(&self.member),
            host => write!(f, "{} on {host}", self.member),
        }
    }
}

pub(crate) fn run(out: &mut dyn Write, program: &Program<'_>, command: &Lag) -> Result<(), Failure> {
    let log = program.log(Need::Existing)?;
    let (asking, client) = (Asking::of(&log)?, Client::new(Arc::clone(&log))?);
    let rows = || rows(&asking, &client, &log, program);
    if !command.watch {
        return print(out, &rows()?, command.json);
    }
    let (interrupt, _asked) = Interrupt::listen()?;
    while !interrupt.was_asked() {
        let rows = rows()?;
        if !command.json && std::io::stdout().is_terminal() {
            write!(out, "{CLEAR}")?;
        }
        print(out, &rows, command.json)?;
        interrupt.wait(command.every);
    }
    Ok(())
}

/// The partitions of all topics that tasks read. Global tables have positions of their own, in each process.
fn rows(asking: &Asking, client: &Client, log: &Arc<dyn Log>, program: &Program<'_>) -> Result<Vec<Row>, Failure> {
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
    let members = asking.ask("looking up the group's members", |admin| admin.group_members(program.id()))?;
    let bounds = starts.into_iter().zip(ends).zip(committed);
    let positions: Vec<_> = partitions
        .into_iter()
        .zip(bounds)
        .map(|(partition, ((start, end), committed))| {
            let committed = committed.map(|committed| committed.offset);
            (partition, committed, committed.unwrap_or(start).max(start)..end)
        })
        .collect();
    let ranges = || positions.iter().map(|(partition, _, left)| (partition.clone(), left.clone()));
    let mut next = BTreeMap::new();
    for topic in positions.iter().map(|(partition, ..)| &partition.topic).collect::<BTreeSet<_>>() {
        next.append(&mut client.first_times(topic, ranges().filter(|(partition, _)| partition.topic == *topic))?);
    }
    let now = log.clock().now();
    let row = |(partition, committed, left): (TopicPartition, Option<Offset>, Range<Offset>)| {
        let lag = left.end.0.saturating_sub(left.start.0).max(0);
        let behind = time_lag(next.get(&partition).copied(), lag == 0, now);
        let owner = members.iter().find(|member| member.assigned.contains(&partition)).map(Owner::of);
        Row { partition, committed, end: left.end, lag, behind, owner }
    };
    Ok(positions.into_iter().map(row).collect())
}

/// Without what nobody reads: more than a minute in seconds, less in milliseconds.
fn rounded(behind: Duration) -> humantime::FormattedDuration {
    let millis = u64::try_from(behind.as_millis()).unwrap_or(u64::MAX);
    humantime::format_duration(match millis {
        0..60_000 => Duration::from_millis(millis),
        _ => Duration::from_secs(millis / 1_000),
    })
}

fn print(out: &mut dyn Write, rows: &[Row], json: bool) -> Result<(), Failure> {
    let total: i64 = rows.iter().map(|row| row.lag).sum();
    if json {
        let partitions = rows.iter().map(|Row { partition, committed, end, lag, behind, owner }| {
            let lag_ms = behind.map(|behind| u64::try_from(behind.as_millis()).unwrap_or(u64::MAX));
            json!({
                "topic": &*partition.topic,
                "partition": partition.partition.0,
                "committed": committed.map(|offset| offset.0),
                "end": end.0,
                "lag": lag,
                "lag_ms": lag_ms,
                "owner": owner.as_ref().map(|Owner { member, host }| json!({ "member": member, "host": host })),
            })
        });
        writeln!(out, "{}", json!({ "lag": total, "partitions": partitions.collect::<Vec<Json>>() }))?;
        return Ok(());
    }
    let cells = rows.iter().map(|Row { partition, committed, end, lag, behind, owner }| {
        let committed = committed.map_or_else(|| "none".to_owned(), |offset| offset.to_string());
        let behind = behind.map_or_else(|| "?".to_owned(), |behind| rounded(behind).to_string());
        let owner = owner.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string);
        let (topic, number) = (partition.topic.to_string(), partition.partition.to_string());
        vec![topic, number, committed, end.to_string(), lag.to_string(), behind, owner]
    });
    let header = ["TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "TIME", "OWNER"];
    output::table(out, &header, &[1, 2, 3, 4, 5], cells.collect())?;
    writeln!(out, "{total} records behind")?;
    Ok(())
}
