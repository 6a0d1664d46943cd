//! A topic that is read bit by bit, as it grows.

use std::collections::BTreeMap;

use millstream::client::{ClientError, Received};
use millstream::prelude::*;
use millstream::record::{Offset, Partition};
use millstream::wire::Field;

/// Reads a topic from its beginning, and goes on where it stopped.
pub struct Following<K, V> {
    client: Client,
    topic: Topic<K, V>,
    next: BTreeMap<Partition, Offset>,
}

impl<K: Field, V: Field> Following<K, V> {
    /// Nothing has been read yet.
    pub fn new(client: &Client, topic: Topic<K, V>) -> Self {
        Self { client: client.clone(), topic, next: BTreeMap::new() }
    }

    /// The committed records that are new.
    pub fn read(&mut self) -> Result<Vec<Received<K, V>>, ClientError> {
        let mut records = Vec::new();
        for received in self.client.records_from(&self.topic, self.next.clone())? {
            match received {
                Ok(received) => {
                    self.next.insert(received.partition.partition, received.offset.next());
                    records.push(received);
                }
                // The application makes a dead letter of it.
                Err(ClientError::Undecodable { partition, offset, .. }) => {
                    self.next.insert(partition.partition, offset.next());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(records)
    }
}
