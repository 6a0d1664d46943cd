//! `dlq`: the application's dead letters.

use std::io::Write;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};
use streams_core::client::{Client, ClientError, DeadLetter};
use streams_core::dead_letters::Replay;
use streams_core::record::{Offset, Partition};
use streams_core::wire::{Shapes, shown_headers};

use crate::arguments::Place;
use crate::ask::Asking;
use crate::failure::Failure;
use crate::output::{self, plain, readable};
use crate::place::{Need, Reached};
use crate::program::Program;
use crate::shapes;

/// `dlq`.
#[derive(Debug, Args)]
pub struct Dlq {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print where each dead letter came from, and why it is one
    List(List),
    /// Print one with its key and value, as the topic's types that it came from, and all headers
    Show(Show),
    /// Put them back into the topics that they came from, each once, exactly-once
    Replay(ReplayLetters),
}

/// Whose dead letters.
#[derive(Debug, Args)]
struct Letters {
    /// The topic of the dead letters; otherwise the application's own
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,

    #[command(flatten)]
    place: Place,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct List {
    /// End after so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,

    #[command(flatten)]
    letters: Letters,
}

#[derive(Debug, Args)]
struct Show {
    /// The letter, as `dlq list` prints it: `0@42`
    letter: At,

    #[command(flatten)]
    letters: Letters,
}

#[derive(Debug, Args)]
struct ReplayLetters {
    /// How often a record is put back, over all replays; what fails again after that stays
    #[arg(long, value_name = "N", default_value_t = 1)]
    at_most: u32,

    /// Print how many would be put back, and put none back
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    letters: Letters,
}

/// A partition and an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct At(Partition, Offset);

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('@').and_then(|(partition, offset)| {
            let (partition, offset) = (partition.parse().ok()?, offset.parse().ok()?);
            (partition >= 0 && offset >= 0).then_some(Self(Partition(partition), Offset(offset)))
        });
        parts.ok_or_else(|| "write its partition and its offset, such as `0@42`".to_owned())
    }
}

impl Dlq {
    pub(crate) const fn place(&self) -> &Place {
        &self.letters().place
    }

    const fn letters(&self) -> &Letters {
        match &self.action {
            Action::List(command) => &command.letters,
            Action::Show(command) => &command.letters,
            Action::Replay(command) => &command.letters,
        }
    }
}

pub(crate) fn run(out: &mut dyn Write, program: &Program<'_>, command: &Dlq) -> Result<(), Failure> {
    let reached = program.reach(Need::Existing)?;
    let log = Arc::clone(&reached.log);
    let Letters { topic, json, .. } = command.letters();
    let topic = topic.as_ref().or(program.config.errors.dead_letter_topic.as_ref()).ok_or_else(|| {
        Failure::because(
            "which topic are the dead letters in? Say `--topic TOPIC`, or set `errors.dead.letter.queue.topic.name`",
        )
    })?;
    let topic = shapes::find(&Asking::of(&log)?, program, topic)?.info.name;
    match &command.action {
        Action::List(command) => {
            let letters = Client::new(log)?.dead_letters(&topic)?.all()?;
            list(out, letters.take(command.limit.unwrap_or(usize::MAX)), *json)
        }
        Action::Show(command) => {
            let At(partition, offset) = command.letter;
            let letter = Client::new(log)?.dead_letters(&topic)?.get(partition, offset)?;
            let missing = || format!("there is no dead letter {partition}@{offset}; `dlq list` prints all there are");
            show(out, program, &letter.ok_or_else(|| Failure::because(missing()))?, *json)
        }
        Action::Replay(command) => replay(out, &reached, &topic, command),
    }
}

/// Where the record was that has become a letter.
fn origin(letter: &DeadLetter) -> String {
    letter.origin().map_or_else(|| "unknown".to_owned(), |origin| origin.to_string())
}

fn list(
    out: &mut dyn Write,
    letters: impl Iterator<Item = Result<DeadLetter, ClientError>>,
    json: bool,
) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for letter in letters {
        let letter = letter?;
        let DeadLetter { partition, offset, record, .. } = &letter;
        if json {
            let line = json!({
                "partition": partition.0,
                "offset": offset.0,
                "timestamp": record.timestamp.0,
                "from": origin(&letter),
                "node": letter.node(),
                "reason": letter.reason(),
                "message": letter.message(),
            });
            writeln!(out, "{line}")?;
        } else {
            let texts = [letter.reason(), letter.node(), letter.message()];
            let place = [format!("{partition}@{offset}"), readable(record.timestamp), origin(&letter)];
            rows.push(place.into_iter().chain(texts.map(|text| plain(&Json::from(text)))).collect());
        }
    }
    if !json {
        output::table(out, &["LETTER", "TIME", "FROM", "REASON", "NODE", "MESSAGE"], &[], rows)?;
    }
    Ok(())
}

fn show(out: &mut dyn Write, program: &Program<'_>, letter: &DeadLetter, json: bool) -> Result<(), Failure> {
    let record = &letter.record;
    let topic = letter.origin().map(|origin| origin.topic).unwrap_or_default();
    let Shapes { key, value } = shapes::known(program.topology(), program.id(), &topic).1;
    let (key, value) = (key.shown(record.key.as_deref()), value.shown(record.value.as_deref()));
    if json {
        let headers = shown_headers(&record.headers);
        let json = json!({ "timestamp": record.timestamp.0, "key": key, "value": value, "headers": headers });
        return Ok(output::pretty(out, &json)?);
    }
    writeln!(out, "from {}, {}", origin(letter), readable(record.timestamp))?;
    writeln!(out, "key: {}", plain(&key))?;
    writeln!(out, "value: {}", plain(&value))?;
    for header in record.headers.iter() {
        let shown = streams_core::wire::Shape::of::<Bytes>().shown(header.value.as_deref());
        writeln!(out, "{}: {}", header.name, plain(&shown))?;
    }
    Ok(())
}

fn replay(out: &mut dyn Write, reached: &Reached, topic: &str, command: &ReplayLetters) -> Result<(), Failure> {
    let (at_most, dry_run) = (command.at_most, command.dry_run);
    let (put_back, left) = put_back(reached, topic, at_most, dry_run)?;
    let records = if put_back == 1 { "record" } else { "records" };
    if command.letters.json {
        output::pretty(out, &json!({ "put_back": put_back, "left": left, "dry_run": dry_run }))?;
    } else if dry_run {
        writeln!(out, "nothing was put back; without `--dry-run`: {put_back} {records} put back, {left} left")?;
    } else {
        writeln!(out, "{put_back} {records} put back, {left} left")?;
    }
    Ok(())
}

/// How many letters go back, and how many stay.
fn put_back(reached: &Reached, topic: &str, at_most: u32, dry_run: bool) -> Result<(u64, u64), Failure> {
    #[cfg(feature = "http")]
    if let Some(running) = &reached.running {
        return put_back_there(running, topic, at_most, dry_run);
    }
    let (replay, log) = (Replay::of(topic).at_most(at_most), Arc::clone(&reached.log));
    let replayed = if dry_run { replay.dry_run(&Client::new(log)?)? } else { replay.run(log)? };
    Ok((replayed.put_back, replayed.left))
}

/// Lets the running application do it, whose log has groups and transactions.
#[cfg(feature = "http")]
fn put_back_there(
    running: &crate::running::Found,
    topic: &str,
    at_most: u32,
    dry_run: bool,
) -> Result<(u64, u64), Failure> {
    let its_own = running.caller.get("/api/dead-letters?limit=1").map_err(Failure::because)?;
    if its_own.get("topic").and_then(Json::as_str) != Some(topic) {
        let id = &running.application_id;
        return Err(Failure::because(format!(
            "`{id}` runs, and puts back its own dead letters only; stop it to replay those in `{topic}`"
        )));
    }
    let path = format!("/api/dead-letters/replay?at_most={at_most}&dry_run={dry_run}");
    let answer = running.caller.post(&path, None).map_err(Failure::because)?;
    let count = |name: &str| answer.get(name).and_then(Json::as_u64).unwrap_or(0);
    Ok((count("put_back"), count("left")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_a_partition_and_an_offset() {
        assert_eq!("0@42".parse(), Ok(At(Partition(0), Offset(42))));
        for wrong in ["", "42", "0@", "@42", "-1@0", "0@-1", "a@b"] {
            let error = "write its partition and its offset, such as `0@42`".to_owned();
            assert_eq!(wrong.parse::<At>(), Err(error), "{wrong}");
        }
    }
}
