//! `tail`: the records of a topic.

use std::io::Write;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use clap::Args;
use futures::executor::block_on;
use futures::future::{Either, select};
use serde_json::json;
use streams_core::client::{Client, ClientError, Newest, Received, StartAt, Tail as Records};
use streams_core::record::{Offset, Partition, Timestamp};
use streams_core::topic::Topic;
use streams_core::wire::{Shapes, shown_headers};

use crate::arguments::Place;
use crate::ask::Asking;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{plain, readable};
use crate::place::Need;
use crate::program::Program;
use crate::shapes;

type Field = Option<Bytes>;

/// `tail`.
#[derive(Debug, Args)]
pub struct Tail {
    /// The topic; internal ones may be named without the application's id
    topic: String,

    /// Where to start: `beginning`, `end`, an offset, or a time such as 2026-01-31T12:00:00Z or 1700000000000ms
    #[arg(long, value_name = "PLACE", default_value = "beginning", allow_negative_numbers = true)]
    from: From,

    /// Only the last so many records, of all partitions together those with the latest times
    #[arg(long, value_name = "N", conflicts_with_all = ["from", "follow", "limit", "key"])]
    last: Option<usize>,

    /// Only records with this key
    #[arg(long, value_name = "KEY", allow_negative_numbers = true)]
    key: Option<String>,

    /// Only records of this partition
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    partition: Option<i32>,

    /// End after so many records
    #[arg(long, value_name = "N")]
    limit: Option<u64>,

    /// Wait for further records, until Ctrl-C
    #[arg(long, short)]
    follow: bool,

    #[command(flatten)]
    pub(crate) place: Place,

    /// Print a JSON object per line
    #[arg(long)]
    json: bool,
}

/// Where to start.
#[derive(Debug, Clone, PartialEq, Eq)]
struct From(StartAt);

impl FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let start = match (text, text.strip_suffix("ms"), text.parse::<i64>()) {
            ("beginning", ..) => StartAt::Beginning,
            ("end", ..) => StartAt::End,
            (_, Some(millis), _) => StartAt::Time(Timestamp(
                millis.parse().map_err(|_| format!("`{millis}` is no number of milliseconds"))?,
            )),
            (_, _, Ok(offset)) if offset >= 0 => StartAt::Offset(Offset(offset)),
            (_, _, Ok(offset)) => return Err(format!("offsets begin at 0, and {offset} is below that")),
            (_, _, Err(_)) => {
                let time = humantime::parse_rfc3339_weak(text).map_err(|_| {
                    "write `beginning`, `end`, an offset such as 42, or a time such as 2026-01-31T12:00:00Z".to_owned()
                })?;
                StartAt::Time(DateTime::<Utc>::from(time).into())
            }
        };
        Ok(Self(start))
    }
}

pub(crate) fn run(out: &mut dyn Write, program: &Program<'_>, command: &Tail) -> Result<(), Failure> {
    let log = program.log(Need::Existing)?;
    let shapes::Meant { info, shapes } = shapes::find(&Asking::of(&log)?, program, &command.topic)?;
    if let Some(partition) = command.partition
        && !(0..i64::from(info.partitions)).contains(&i64::from(partition))
    {
        let (name, count) = (&info.name, info.partitions);
        return Err(Failure::because(format!(
            "topic `{name}` has {count} partitions, numbered from 0: not {partition}"
        )));
    }
    let wanted = match &command.key {
        Some(key) => {
            let key = shapes.key.bytes_of_text(key);
            Some(key.map_err(|error| Failure::because(format!("--key: {error}")))?.map(Bytes::from))
        }
        None => None,
    };
    let mut printing = Printing { out, command, shapes, wanted, left: command.limit.unwrap_or(u64::MAX) };
    let client = Client::new(Arc::clone(&log))?;
    if let Some(last) = command.last {
        return last_records(&client, &info.name, last, &mut printing);
    }
    let topic = Topic::<Field, Field>::named(info.name)?;
    let start = command.from.0.clone();
    if command.follow {
        follow(client.tail(&topic, start)?, &mut printing)
    } else {
        read(client.records_from(&topic, start)?, &mut printing)
    }
}

fn read(records: Records<Field, Field>, printing: &mut Printing<'_>) -> Result<(), Failure> {
    for received in records {
        if printing.left == 0 {
            break;
        }
        printing.take(received)?;
    }
    Ok(())
}

/// The oldest of them first, as always.
fn last_records(client: &Client, topic: &str, last: usize, printing: &mut Printing<'_>) -> Result<(), Failure> {
    let partitions = printing.command.partition.map(Partition).into_iter().collect();
    let mut wanted = Newest { limit: last, partitions, before: None };
    let mut records = Vec::new();
    while wanted.limit > 0 {
        let page = client.newest(topic, &wanted)?;
        records.extend(page.records);
        (wanted.limit, wanted.before) = (last - records.len(), page.next);
        if wanted.before.is_none() {
            break;
        }
    }
    records.into_iter().rev().try_for_each(|received| printing.take(Ok(received)))
}

fn follow(records: Records<Field, Field>, printing: &mut Printing<'_>) -> Result<(), Failure> {
    let (_listening, mut asked) = Interrupt::listen()?;
    let mut records = records.stream();
    while printing.left > 0 {
        let next = Box::pin(records.next());
        match block_on(select(next, &mut asked)) {
            Either::Left((Some(received), _)) => printing.take(received)?,
            Either::Left((None, _)) | Either::Right(_) => break,
        }
    }
    Ok(())
}

/// Somebody who prints records.
struct Printing<'a> {
    out: &'a mut dyn Write,
    command: &'a Tail,
    shapes: Shapes,
    /// The key's bytes, if only one key is wanted.
    wanted: Option<Field>,
    left: u64,
}

impl Printing<'_> {
    fn take(&mut self, received: Result<Received<Field, Field>, ClientError>) -> Result<(), Failure> {
        let received = received?;
        let is_wanted = self.wanted.as_ref().is_none_or(|wanted| *wanted == received.record.key)
            && self.command.partition.is_none_or(|wanted| wanted == received.partition.partition.0);
        if !is_wanted {
            return Ok(());
        }
        self.left = self.left.saturating_sub(1);
        let record = &received.record;
        let (key, value) =
            (self.shapes.key.shown(record.key.as_deref()), self.shapes.value.shown(record.value.as_deref()));
        let (partition, offset, timestamp) = (received.partition.partition, received.offset, record.timestamp);
        if self.command.json {
            let json = json!({
                "partition": partition.0,
                "offset": offset.0,
                "timestamp": timestamp.0,
                "key": key,
                "value": value,
                "headers": shown_headers(&record.headers),
            });
            writeln!(self.out, "{json}")?;
        } else {
            let (time, key, value) = (readable(timestamp), plain(&key), plain(&value));
            writeln!(self.out, "{partition}@{offset}\t{time}\t{key}\t{value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_word_an_offset_or_a_time() {
        let time = |millis| Ok(From(StartAt::Time(Timestamp(millis))));
        for (text, expected) in [
            ("beginning", Ok(From(StartAt::Beginning))),
            ("end", Ok(From(StartAt::End))),
            ("42", Ok(From(StartAt::Offset(Offset(42))))),
            ("1700000000000ms", time(1_700_000_000_000)),
            ("2023-11-14T22:13:20Z", time(1_700_000_000_000)),
            ("2023-11-14 22:13:20", time(1_700_000_000_000)),
            ("-1", Err("offsets begin at 0, and -1 is below that".to_owned())),
            ("xms", Err("`x` is no number of milliseconds".to_owned())),
            (
                "yesterday",
                Err("write `beginning`, `end`, an offset such as 42, or a time such as 2026-01-31T12:00:00Z".to_owned()),
            ),
        ] {
            assert_eq!(text.parse::<From>(), expected, "{text}");
        }
    }
}
