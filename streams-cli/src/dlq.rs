//! `dlq`: the application's dead letters.

use std::io::Write;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};
use streams_core::client::{Client, Received};
use streams_core::dead_letters::Replay;
use streams_core::log::Log;
use streams_core::record::{Headers, Offset, Partition};
use streams_core::topic::Topic;
use streams_core::wire::Shapes;

use crate::arguments::Place;
use crate::ask::Asking;
use crate::failure::Failure;
use crate::output::{self, plain, readable};
use crate::place::Need;
use crate::program::Program;
use crate::shapes;

type Field = Option<Bytes>;
type Letter = Received<Field, Field>;

/// The headers that say where a letter came from and why it is one.
const TOPIC: &str = "__streams.errors.topic";
const PARTITION: &str = "__streams.errors.partition";
const OFFSET: &str = "__streams.errors.offset";
const MESSAGE: &str = "__streams.errors.message";
const NODE: &str = "millstream.errors.node";
const REASON: &str = "millstream.errors.reason";

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
    /// The topic of the dead letters; otherwise that of the setting `errors.dead.letter.queue.topic.name`
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
    let log = program.log(Need::Existing)?;
    let Letters { topic, json, .. } = command.letters();
    let topic = topic.as_ref().or(program.config.errors.dead_letter_topic.as_ref()).ok_or_else(|| {
        Failure::because(
            "which topic are the dead letters in? Say `--topic TOPIC`, or set `errors.dead.letter.queue.topic.name`",
        )
    })?;
    let topic = shapes::find(&Asking::of(&log)?, program, topic)?.info.name;
    match &command.action {
        Action::List(command) => list(out, read(&log, topic)?.take(command.limit.unwrap_or(usize::MAX)), *json),
        Action::Show(command) => show(out, program, (read(&log, topic)?, command.letter), *json),
        Action::Replay(command) => replay(out, log, (topic, command.at_most), *json),
    }
}

fn read(log: &Arc<dyn Log>, topic: String) -> Result<impl Iterator<Item = Result<Letter, Failure>>, Failure> {
    let records = Client::new(Arc::clone(log))?.records(&Topic::<Field, Field>::named(topic)?)?;
    Ok(records.map(|letter| Ok(letter?)))
}

/// A header's text, or nothing.
fn text<'a>(headers: &'a Headers, name: &str) -> &'a str {
    headers.get(name).and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default()
}

/// Where the record was that has become a letter.
fn origin(headers: &Headers) -> String {
    match text(headers, TOPIC) {
        "" => "unknown".to_owned(),
        topic => format!("{topic}/{}@{}", text(headers, PARTITION), text(headers, OFFSET)),
    }
}

fn list(
    out: &mut dyn Write,
    letters: impl Iterator<Item = Result<Letter, Failure>>,
    json: bool,
) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for letter in letters {
        let Letter { record, partition, offset } = letter?;
        let headers = &record.headers;
        if json {
            let line = json!({
                "partition": partition.partition.0,
                "offset": offset.0,
                "timestamp": record.timestamp.0,
                "from": origin(headers),
                "node": text(headers, NODE),
                "reason": text(headers, REASON),
                "message": text(headers, MESSAGE),
            });
            writeln!(out, "{line}")?;
        } else {
            let texts = [text(headers, REASON), text(headers, NODE), text(headers, MESSAGE)];
            let place = [format!("{}@{offset}", partition.partition), readable(record.timestamp), origin(headers)];
            rows.push(place.into_iter().chain(texts.map(|text| plain(&Json::from(text)))).collect());
        }
    }
    if !json {
        output::table(out, &["LETTER", "TIME", "FROM", "REASON", "NODE", "MESSAGE"], &[], rows)?;
    }
    Ok(())
}

fn show(
    out: &mut dyn Write,
    program: &Program<'_>,
    (mut letters, At(partition, offset)): (impl Iterator<Item = Result<Letter, Failure>>, At),
    json: bool,
) -> Result<(), Failure> {
    let is_meant = |letter: &Result<Letter, Failure>| match letter {
        Ok(letter) => letter.partition.partition == partition && letter.offset == offset,
        Err(_) => true,
    };
    let letter = letters.find(is_meant).ok_or_else(|| {
        Failure::because(format!("there is no dead letter {partition}@{offset}; `dlq list` prints all there are"))
    })??;
    let record = &letter.record;
    let Shapes { key, value } = shapes::known(&program.topology, program.id(), text(&record.headers, TOPIC)).1;
    let (key, value) = (key.shown(record.key.as_deref()), value.shown(record.value.as_deref()));
    if json {
        let headers = output::headers(&record.headers);
        let json = json!({ "timestamp": record.timestamp.0, "key": key, "value": value, "headers": headers });
        return Ok(output::pretty(out, &json)?);
    }
    writeln!(out, "from {}, {}", origin(&record.headers), readable(record.timestamp))?;
    writeln!(out, "key: {}", plain(&key))?;
    writeln!(out, "value: {}", plain(&value))?;
    for header in record.headers.iter() {
        let shown = streams_core::wire::Shape::of::<Bytes>().shown(header.value.as_deref());
        writeln!(out, "{}: {}", header.name, plain(&shown))?;
    }
    Ok(())
}

fn replay(out: &mut dyn Write, log: Arc<dyn Log>, (topic, at_most): (String, u32), json: bool) -> Result<(), Failure> {
    let replayed = Replay::of(topic).at_most(at_most).run(log)?;
    if json {
        output::pretty(out, &json!({ "put_back": replayed.put_back, "left": replayed.left }))?;
    } else {
        writeln!(out, "{replayed}")?;
    }
    Ok(())
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
