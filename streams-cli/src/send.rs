//! `send`: writes records.

use std::io::{self, BufRead, IsTerminal as _, Write};
use std::task::Poll;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use streams_core::log::{Doorbell, Log, OutgoingRecord, Producer, ProducerOptions, SendError, TopicHandle};
use streams_core::record::{Headers, Partition};
use streams_core::wire::murmur2::partition_of;
use streams_core::wire::{Shape, Shapes};

use crate::arguments::Place;
use crate::ask::Asking;
use crate::failure::Failure;
use crate::output;
use crate::place::Need;
use crate::program::Program;
use crate::shapes;

/// The time between two looks at acknowledgements, if nobody rings.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// The name in the log's metrics and messages.
const CLIENT_ID: &str = "millstream-cli";

/// `send`.
#[derive(Debug, Args)]
pub struct Send {
    /// The topic
    topic: String,

    /// The value; without it, each line of standard input is one
    #[arg(allow_negative_numbers = true)]
    value: Option<String>,

    /// The key
    #[arg(long, value_name = "KEY", allow_negative_numbers = true, conflicts_with = "separator")]
    key: Option<String>,

    /// What comes before this text in a line is the line's key
    #[arg(long, value_name = "TEXT", conflicts_with = "value")]
    separator: Option<String>,

    /// Send null instead of a value, which deletes the key's row in a table
    #[arg(long, conflicts_with_all = ["value", "separator"])]
    null: bool,

    /// The partition; otherwise the key decides
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    partition: Option<i32>,

    #[command(flatten)]
    pub(crate) place: Place,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(out: &mut dyn Write, program: &Program<'_>, command: &Send) -> Result<(), Failure> {
    let log = program.log(Need::Existing)?;
    let meant = shapes::find(&Asking::of(&log)?, program, &command.topic)?;
    let mut sender = Sender::new(&*log, meant, command.partition)?;
    if command.null || command.value.is_some() {
        sender.send(command.key.as_deref(), command.value.as_deref())?;
    } else {
        sender.send_lines(command)?;
    }
    let sent = sender.finish()?;
    if command.json {
        output::pretty(out, &json!({ "topic": sender.name, "sent": sent }))?;
    } else {
        let records = if sent == 1 { "record" } else { "records" };
        writeln!(out, "{sent} {records} sent to {}", sender.name)?;
    }
    Ok(())
}

/// Encodes records and writes them.
struct Sender<'a> {
    log: &'a dyn Log,
    name: String,
    shapes: Shapes,
    partitions: u32,
    partition: Option<Partition>,
    producer: Box<dyn Producer>,
    doorbell: Doorbell,
    topic: TopicHandle,
    /// How many have been sent; records without a key go to the partitions in turn.
    sent: u64,
}

impl<'a> Sender<'a> {
    fn new(log: &'a dyn Log, meant: shapes::Meant, partition: Option<i32>) -> Result<Self, Failure> {
        let shapes::Meant { info, shapes } = meant;
        if let Some(partition) = partition
            && !(0..i64::from(info.partitions)).contains(&i64::from(partition))
        {
            let (name, count) = (&info.name, info.partitions);
            let reason = format!("topic `{name}` has {count} partitions, numbered from 0: not {partition}");
            return Err(Failure::because(reason));
        }
        let doorbell = Doorbell::new();
        let options = ProducerOptions { client_id: CLIENT_ID.to_owned(), ..ProducerOptions::default() };
        let mut producer = log.producer(options, doorbell.clone())?;
        let topic = producer.topic(&info.name);
        let (name, partitions, partition) = (info.name, info.partitions, partition.map(Partition));
        Ok(Self { log, name, shapes, partitions, partition, producer, doorbell, topic, sent: 0 })
    }

    /// Sends each line of standard input. Of a line that is wrong, the error tells the number; those before it are sent.
    fn send_lines(&mut self, command: &Send) -> Result<(), Failure> {
        if io::stdin().is_terminal() {
            let _ = writeln!(io::stderr(), "type one value per line, and end with Ctrl-D");
        }
        for (index, line) in io::stdin().lock().lines().enumerate() {
            let outcome = line.map_err(Failure::because).and_then(|line| match &command.separator {
                None => self.send(command.key.as_deref(), Some(&line)),
                Some(separator) => match line.split_once(separator.as_str()) {
                    Some((key, value)) => self.send(Some(key), Some(value)),
                    None => Err(Failure::because(format!("there is no `{separator}` after a key in `{line}`"))),
                },
            });
            if let Err(Failure::Because(reason)) = outcome {
                self.finish()?;
                let (line, sent) = (index + 1, self.sent);
                return Err(Failure::because(format!("line {line}: {reason} (sent before it: {sent})")));
            }
            outcome?;
        }
        Ok(())
    }

    fn send(&mut self, key: Option<&str>, value: Option<&str>) -> Result<(), Failure> {
        let key = field(&self.shapes.key, key, "key")?;
        let value = field(&self.shapes.value, value, "value")?;
        let partition = self.partition_for(key.as_deref());
        let headers = Headers::new();
        let timestamp = self.log.clock().now();
        loop {
            let record = OutgoingRecord { key: key.as_deref(), value: value.as_deref(), timestamp, headers: &headers };
            match self.producer.send(self.topic, partition, record) {
                Ok(()) => break,
                Err(SendError::Full) => _ = self.doorbell.wait(LOOK_AGAIN_AFTER),
                Err(SendError::Refused(error)) => return Err(error.into()),
            }
            self.producer.poll()?;
        }
        self.sent += 1;
        Ok(())
    }

    fn partition_for(&self, key: Option<&[u8]>) -> Partition {
        match (self.partition, key) {
            (Some(partition), _) => partition,
            (None, Some(key)) => partition_of(self.shapes.key.partition_bytes(key), self.partitions),
            (None, None) => {
                let turn = self.sent % u64::from(self.partitions.max(1));
                Partition(i32::try_from(turn).unwrap_or(0))
            }
        }
    }

    /// Waits until all are acknowledged. Returns how many there are.
    fn finish(&mut self) -> Result<u64, Failure> {
        loop {
            match self.producer.flush() {
                Poll::Ready(outcome) => return Ok(outcome.map(|()| self.sent)?),
                Poll::Pending => _ = self.doorbell.wait(LOOK_AGAIN_AFTER),
            }
        }
    }
}

/// The bytes of a key or value. What was left out is null, if that is allowed.
fn field(shape: &Shape, text: Option<&str>, part: &str) -> Result<Option<Vec<u8>>, Failure> {
    let bytes = match text {
        Some(text) => shape.bytes_of_text(text),
        None => shape.bytes_of_json(&serde_json::Value::Null),
    };
    bytes.map_err(|error| Failure::because(format!("the {part} is {error}")))
}
