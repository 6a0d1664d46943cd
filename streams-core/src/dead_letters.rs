//! Puts dead letters back where they came from, once the code or the data that made them fail is mended.
//!
//! Which headers a dead letter has is described in the guide; `runtime/failures/dead_letters.rs` writes them. A replay is an
//! application like any other, exactly-once, so a record is put back and its letter is done with in one transaction.

use std::fmt;

use crate::client::{Client, ClientError, WayBack};
use crate::dsl::{IntoPartitions, Partitions, StreamsBuilder};
use crate::log::Log;
use crate::runtime::{App, AppError};
use crate::topic::Topic;
use crate::topology::{Topology, TopologyError};
use crate::wire::{EncodeError, Field, SendAs};

const TOPIC_SETTING: &str = "errors.dead.letter.queue.topic.name";

type Bytes = Option<Vec<u8>>;

/// Puts the dead letters of a topic back into the topics and partitions that they came from, as they were, each once:
/// whoever replays the same topic again begins where the last replay has ended.
///
/// A record that fails again becomes a dead letter again, and stays one: it is not put back more often than
/// [`Replay::at_most`] says, once unless set. So a poison pill goes round no longer than that, and so may a replay run while
/// the application does. A letter that does not say where it came from, because it is not made of one record, stays, too.
///
/// ```
/// use millstream::config::OnError;
/// use millstream::dead_letters::Replay;
/// use millstream::prelude::*;
///
/// const PRICES: Topic<String, String> = Topic::new("prices");
/// const CENTS: Topic<String, i64> = Topic::new("cents");
///
/// fn app(parse: fn(&str) -> Option<i64>) -> Result<App, TopologyError> {
///     let builder = StreamsBuilder::new();
///     builder.stream(PRICES).try_map_values(move |price| parse(&price).ok_or("no price")).to(CENTS);
///     let app = App::new("prices", builder.build()?).on_processing_error(OnError::DeadLetter);
///     Ok(app.dead_letters_to("dead-letters"))
/// }
/// let log = Embedded::in_memory();
/// for price in ["120", "90 cents", "cheap"] {
///     log.send(&PRICES, "pen", price)?;
/// }
/// app(|price| price.parse().ok())?.run_until_idle(log.clone())?;
///
/// // The code is mended, and the dead letters are tried again.
/// let replayed = Replay::of("dead-letters").run(log.clone())?;
/// assert_eq!(replayed.to_string(), "2 records put back, 0 left");
/// app(|price| price.trim_end_matches(" cents").parse().ok())?.run_until_idle(log.clone())?;
/// let cents: Vec<_> = log.read(&CENTS)?.into_iter().map(|record| record.value).collect();
/// assert_eq!(cents, [120, 90]);
///
/// // What fails again stays.
/// assert_eq!(Replay::of("dead-letters").run(log.clone())?.to_string(), "0 records put back, 1 left");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Replay {
    topic: String,
    at_most: u32,
}

/// What a replay has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replayed {
    /// Records that were put back.
    pub put_back: u64,
    /// Dead letters that were not, because they were put back before or don't say where they came from.
    pub left: u64,
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { put_back, left } = self;
        let records = if *put_back == 1 { "record" } else { "records" };
        write!(f, "{put_back} {records} put back, {left} left")
    }
}

/// A dead letter that goes back.
#[derive(Debug, Clone)]
struct Letter {
    way: WayBack,
    value: Bytes,
}

impl SendAs<Bytes> for Letter {
    fn write_as(&self, out: &mut Vec<u8>) -> Result<bool, EncodeError> {
        self.value.write(out)
    }
}

impl Replay {
    /// A replay of that topic's dead letters.
    #[must_use]
    pub fn of(topic: impl Into<String>) -> Self {
        Self { topic: topic.into(), at_most: 1 }
    }

    /// How often a record is put back, over all replays.
    #[must_use]
    pub fn at_most(mut self, times: u32) -> Self {
        self.at_most = times;
        self
    }

    /// Replays what is in the topic, and returns when it has come to the end.
    ///
    /// The replay is an application of its own, `replay-of-` and the topic's name, with a group of that name.
    ///
    /// # Errors
    /// As [`App::run_until_idle`]; also if a topic that records came from does not exist any more.
    pub fn run(self, log: impl Log) -> Result<Replayed, AppError> {
        let id = self.group();
        let topic = Topic::named(&self.topic).map_err(refused)?;
        let topology = topology(topic, self.at_most).map_err(refused)?;
        let summary = App::new(id, topology).exactly_once().quiet().run_until_idle(log)?;
        Ok(Replayed { put_back: summary.records_out, left: summary.records_in.saturating_sub(summary.records_out) })
    }

    /// What [`Replay::run`] would do now. Nothing is put back.
    ///
    /// ```
    /// # use millstream::dead_letters::Replay;
    /// # use millstream::prelude::*;
    /// # const DEAD: Topic<(), String> = Topic::new("dead-letters");
    /// # let log = Embedded::in_memory();
    /// log.send(&DEAD, (), "from nowhere")?;
    /// let client = Client::new(log)?;
    /// assert_eq!(Replay::of("dead-letters").dry_run(&client)?.to_string(), "0 records put back, 1 left");
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When there is no such topic, or the log does not answer.
    pub fn dry_run(&self, client: &Client) -> Result<Replayed, ClientError> {
        let letters = client.dead_letters(&self.topic)?;
        let mut replayed = Replayed { put_back: 0, left: 0 };
        for letter in letters.behind(&self.group())? {
            let record = letter?.record;
            match WayBack::of(&record.headers, record.timestamp, self.at_most) {
                Ok(_) => replayed.put_back += 1,
                Err(_) => replayed.left += 1,
            }
        }
        Ok(replayed)
    }

    /// The group whose positions say which letters are done with.
    fn group(&self) -> String {
        format!("replay-of-{}", self.topic)
    }
}

fn refused(error: impl fmt::Display) -> AppError {
    AppError::Setting { setting: TOPIC_SETTING.to_owned(), reason: error.to_string() }
}

fn topology(dead_letters: Topic<Bytes, Bytes>, at_most: u32) -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    let letters = builder.stream(dead_letters).process((), move |(), key: &Bytes, value, out| {
        if let Ok(way) = WayBack::of(out.headers(), out.timestamp(), at_most) {
            let (timestamp, headers) = (way.timestamp, way.headers.clone());
            out.send_with(key.clone(), Letter { way, value }, timestamp, headers);
        }
    });
    let back = letters.to_with(|_, letter: &Letter, _| Topic::<Bytes, Bytes>::named(letter.way.topic.clone()));
    back.partitioned_by(|_, letter, to| match letter.way.partition {
        Some(partition) if i64::from(partition.0) < i64::from(to.partitions) => partition.into_partitions(),
        _ => Partitions::ByKey,
    });
    builder.build()
}
