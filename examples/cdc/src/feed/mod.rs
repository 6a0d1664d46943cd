//! The feed: what Debezium would write into Kafka for a small shop's database, so that nothing has to be installed.
//!
//! It is no part of the application, which knows only the topics. Like a connector of Kafka Connect it notes its position
//! after what it has written, so after a crash it may write a few records again. All are changes of whole rows, so that is
//! harmless: the last one of each row is the same.

use std::collections::BTreeMap;

use millstream::client::Client;
use millstream::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Failure;

mod database;
mod script;

pub use database::{Database, Message};
pub use script::Script;

/// How far the feed has come. Kafka Connect has a topic of the same kind, `connect-offsets`.
pub const POSITION: Topic<String, Position> = Topic::new("cdc-feed-position");

/// The key of the only row.
const KEY: &str = "shop";

/// A position.
#[derive(Value, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[streams(json)]
pub struct Position {
    /// Another seed is another database.
    seed: u64,
    changes: u64,
    /// How many steps of the script are written.
    steps: u64,
}

/// Writes the script's records.
pub struct Feed {
    client: Client,
    script: Script,
    position: Position,
}

impl Feed {
    /// Goes on where an earlier run has stopped.
    pub fn resume(client: Client, seed: u64, changes: u64) -> Result<Self, Failure> {
        let noted = client.read(&POSITION)?.pop().map(|record| record.value);
        let position = noted.unwrap_or(Position { seed, changes, steps: 0 });
        if (position.seed, position.changes) != (seed, changes) {
            let Position { seed, changes, .. } = position;
            return Err(format!(
                "the topics have the changes of --seed {seed} --changes {changes}; say the same, or begin with another folder \
                 or cluster"
            )
            .into());
        }
        let mut script = Script::new(seed, changes);
        (0..position.steps).for_each(|_| drop(script.next()));
        Ok(Self { client, script, position })
    }

    /// Writes the records of so many steps, and waits until the log has them.
    pub fn write(&mut self, steps: usize) -> Result<(), Failure> {
        let mut by_topic: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for messages in self.script.by_ref().take(steps) {
            self.position.steps += 1;
            for Message { topic, key, value } in messages {
                by_topic.entry(topic).or_default().push((key, value));
            }
        }
        for (topic, records) in by_topic {
            self.client.send_all(&Topic::<Vec<u8>, Option<Vec<u8>>>::named(topic)?, records)?;
        }
        self.client.send(&POSITION, KEY, self.position.clone())?;
        Ok(())
    }

    /// How many steps are written, and how many there are.
    pub fn progress(&self) -> (u64, u64) {
        (self.position.steps, self.script.length())
    }

    /// Whether everything is written.
    pub fn is_over(&self) -> bool {
        self.position.steps == self.script.length()
    }

    /// The database as it is after what was written.
    pub fn script(&self) -> &Script {
        &self.script
    }
}
