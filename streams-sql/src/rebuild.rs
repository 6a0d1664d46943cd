//! A table is filled again from its topic's beginning, beside the one that is read, and then put in its place.

use std::collections::BTreeMap;
use std::sync::Arc;

use streams_connect::sink::{Target as _, TargetError};
use streams_core::client::{Client, ClientError, Received};
use streams_core::log::{BatchBuilder, Log, RecordBatch, RecordRef};
use streams_core::record::{Offset, TopicPartition};
use streams_core::topic::Topic;

use crate::schema::Schema;
use crate::table::Rows;
use crate::target::{Database, TableIn};

/// How many records are written at once.
const BATCH: usize = 1_000;

type Raw = Option<bytes::Bytes>;

/// Why a table was not filled again. The one that was there is as it was.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RebuildError {
    /// The topic cannot be read.
    #[error("`{table}` was not filled again: {error}")]
    Topic {
        /// The table.
        table: String,
        /// Why.
        error: Box<ClientError>,
    },
    /// The new table cannot be written, or not be put in the place of the old one.
    #[error("`{table}` was not filled again: {partition}: {error}")]
    Table {
        /// The table.
        table: String,
        /// What was read at that time.
        partition: String,
        /// Why.
        error: TargetError,
    },
}

streams_core::debug_says_what_display_says!(RebuildError);

/// The table beside another one.
fn beside(schema: &Schema) -> Schema {
    Schema { name: format!("{}__rebuild", schema.name), ..schema.clone() }
}

/// Fills the table beside, and switches. Returns how many records were written.
pub(crate) fn rebuild<D: Database>(
    mut database: D,
    schema: &Schema,
    rows: impl Rows + 'static,
    topic: &str,
    log: Arc<dyn Log>,
) -> Result<u64, RebuildError> {
    let of_topic = |error: ClientError| RebuildError::Topic { table: schema.name.clone(), error: Box::new(error) };
    let of_table = |partition: String| {
        move |error: TargetError| RebuildError::Table { table: schema.name.clone(), partition, error }
    };
    let topic_name = || of_table(topic.to_owned());
    schema.check().map_err(topic_name())?;
    let beside = beside(schema);
    database.forget(&beside).map_err(topic_name())?;
    let client = Client::new(log).map_err(of_topic)?;
    let raw = Topic::<Raw, Raw>::named(topic)
        .map_err(|error| of_table(topic.to_owned())(TargetError::Fatal(error.to_string())))?;
    let partitions = client.partitions(topic).map_err(of_topic)?;
    let bounds = client.bounds(&partitions).map_err(of_topic)?;
    let mut target = TableIn::new(database, beside.clone(), rows);
    let mut heaps = BTreeMap::new();
    for (partition, (first, _)) in partitions.iter().zip(bounds) {
        let from = target.take(partition, first).map_err(of_table(partition.to_string()))?;
        heaps.insert(partition.clone(), Heap { from, records: Vec::new() });
    }
    let mut written = 0;
    for received in client.records(&raw).map_err(of_topic)? {
        let received = received.map_err(of_topic)?;
        let partition = received.partition.clone();
        let Some(heap) = heaps.get_mut(&partition) else { continue };
        heap.records.push(received);
        if heap.records.len() >= BATCH {
            written += heap.write(&mut target, &partition).map_err(of_table(partition.to_string()))?;
        }
    }
    for (partition, heap) in &mut heaps {
        written += heap.write(&mut target, partition).map_err(of_table(partition.to_string()))?;
    }
    target.into_database().switch(schema, &beside).map_err(topic_name())?;
    Ok(written)
}

/// Records of a partition that are not written yet.
struct Heap {
    from: Offset,
    records: Vec<Received<Raw, Raw>>,
}

impl Heap {
    fn write<D: Database>(&mut self, target: &mut TableIn<D>, partition: &TopicPartition) -> Result<u64, TargetError> {
        let Some(last) = self.records.last() else { return Ok(0) };
        let next = last.offset.next();
        let batch = batch(&self.records, next);
        let records: Vec<RecordRef<'_>> = batch.iter().collect();
        target.write(partition, self.from, &records, next)?;
        self.from = next;
        self.records.clear();
        Ok(u64::try_from(records.len()).unwrap_or(0))
    }
}

fn batch(records: &[Received<Raw, Raw>], next: Offset) -> RecordBatch {
    let mut batch = BatchBuilder::default();
    for Received { record, offset, .. } in records {
        batch.push(*offset, record.timestamp, record.key.as_deref(), record.value.as_deref(), &record.headers);
    }
    batch.finish(next)
}
