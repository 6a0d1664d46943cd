//! The two stateful applications that are killed.
//!
//! Both look at every record of their inputs and send what they have seen to a witness topic, in the same task and so, with
//! exactly-once, in the same transaction as the record's results and its position.

mod hops;
mod joined;

use std::error::Error;

use millstream::prelude::*;

pub use hops::{MIDS, TOPS, mid_of, top_of};
pub use joined::{GAP_MS, SESSIONS, WITHIN_MS};

use crate::numbers::Numbers;

/// What a witness tells of a record: the process that has processed it, and the record's partition, offset and id.
pub type Testimony = Numbers<4>;

/// One of the applications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// A join of two streams, and session windows
    Joined,
    /// A table, and another one of it: two hops over repartition topics
    Hops,
}

impl Kind {
    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Hops => "hops",
        }
    }

    /// The ends of its input topics' names.
    #[must_use]
    pub const fn inputs(self) -> &'static [&'static str] {
        match self {
            Self::Joined => &["left", "right"],
            Self::Hops => &["events"],
        }
    }

    /// The ends of its output topics' names, without the witness.
    #[must_use]
    pub const fn outputs(self) -> &'static [&'static str] {
        match self {
            Self::Joined => &["pairs", "sessions"],
            Self::Hops => &["mids", "tops"],
        }
    }

    /// The stores whose changelogs are audited.
    #[must_use]
    pub const fn stores(self) -> &'static [&'static str] {
        match self {
            Self::Joined => &[SESSIONS],
            Self::Hops => &[MIDS, TOPS],
        }
    }

    /// How many keys its input has.
    #[must_use]
    pub const fn keys(self) -> i64 {
        match self {
            Self::Joined => 400,
            Self::Hops => 5_000,
        }
    }

    /// Its topology, for an application with this id and a process with this number.
    ///
    /// # Errors
    /// When the id cannot be part of a topic's name.
    pub fn topology(self, id: &str, process: i64) -> Result<Topology, Box<dyn Error>> {
        match self {
            Self::Joined => joined::topology(id, process),
            Self::Hops => hops::topology(id, process),
        }
    }
}

/// The name of one of an application's topics.
#[must_use]
pub fn topic_name(id: &str, end: &str) -> String {
    format!("{id}-{end}")
}

/// The end of the witness topic's name.
pub const WITNESS: &str = "witness";

/// The key of the testimonies about a partition of an input.
#[must_use]
pub const fn witness_key(input: usize, partition: i32) -> i64 {
    // There are few inputs.
    input as i64 * 1_000 + partition as i64
}

fn topic<K, V>(id: &str, end: &str) -> Result<Topic<K, V>, Box<dyn Error>> {
    Ok(Topic::named(topic_name(id, end))?)
}

/// A record with its testimony.
#[derive(Debug, Clone)]
struct Seen {
    id: i64,
    about: i64,
    testimony: Testimony,
}

/// A stream of an input's ids, all of which are testified.
fn witnessed<'t>(
    builder: &'t StreamsBuilder,
    kind: Kind,
    input: usize,
    id: &str,
    process: i64,
) -> Result<KStream<'t, i64, i64>, Box<dyn Error>> {
    let end = kind.inputs().get(input).ok_or("no such input")?;
    let seen = builder.stream(topic::<i64, i64>(id, end)?).process_values((), move |(), _, id: i64, out| {
        let Some(position) = out.position() else { return };
        let (partition, offset) = (position.partition.0, position.offset.0);
        let testimony = Numbers([process, i64::from(partition), offset, id]);
        out.send(Seen { id, about: witness_key(input, partition), testimony });
    });
    seen.map(|_, seen| (seen.about, seen.testimony)).to(topic::<i64, Testimony>(id, WITNESS)?);
    Ok(seen.map_values(|seen| seen.id))
}
