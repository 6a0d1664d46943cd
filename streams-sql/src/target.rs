//! A table as the target of a sink: what both databases have in common.

use std::collections::BTreeMap;

use streams_connect::sink::{Target, TargetError};
use streams_core::log::RecordRef;
use streams_core::record::{Offset, TopicPartition};

use crate::schema::Schema;
use crate::table::{Change, Rows};

/// What a database does for a table. It connects when it is first asked, and again after it was cut off.
pub(crate) trait Database: Send {
    fn describe(&self) -> String;

    /// Raises the partition's epoch, and returns where it goes on: at `begin` if the table has no position.
    fn take(&mut self, schema: &Schema, partition: &TopicPartition, begin: Offset) -> Result<Taken, TargetError>;

    /// Deletes a table and its positions, if there are any.
    fn forget(&mut self, schema: &Schema) -> Result<(), TargetError>;

    /// Puts a table in the place of another one, which is deleted, with its positions, in one transaction. Whoever writes the
    /// other one is fenced, and finds the new one when it takes its partitions again.
    fn switch(&mut self, schema: &Schema, beside: &Schema) -> Result<(), TargetError>;

    /// Applies changes and moves the position, if it is where it is expected with this epoch; otherwise returns false, and
    /// nothing has happened.
    fn write(&mut self, schema: &Schema, write: &Write<'_>) -> Result<bool, TargetError>;
}

/// A partition that was taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) from: Offset,
    pub(crate) epoch: i64,
}

/// One transaction.
pub(crate) struct Write<'a> {
    pub(crate) partition: &'a TopicPartition,
    pub(crate) epoch: i64,
    pub(crate) from: Offset,
    pub(crate) next: Offset,
    pub(crate) changes: Vec<(Offset, Change)>,
}

/// A table in a database.
pub(crate) struct TableIn<D> {
    database: D,
    schema: Schema,
    rows: Box<dyn Rows>,
    epochs: BTreeMap<TopicPartition, i64>,
}

impl<D: Database> TableIn<D> {
    pub(crate) fn new(database: D, schema: Schema, rows: impl Rows + 'static) -> Self {
        Self { database, schema, rows: Box::new(rows), epochs: BTreeMap::new() }
    }

    pub(crate) fn into_database(self) -> D {
        self.database
    }
}

impl<D: Database> Target for TableIn<D> {
    fn describe(&self) -> String {
        format!("table `{}` of {}", self.schema.name, self.database.describe())
    }

    fn take(&mut self, partition: &TopicPartition, begin: Offset) -> Result<Offset, TargetError> {
        self.schema.check()?;
        let taken = self.database.take(&self.schema, partition, begin)?;
        self.epochs.insert(partition.clone(), taken.epoch);
        Ok(taken.from)
    }

    fn write(
        &mut self,
        partition: &TopicPartition,
        from: Offset,
        records: &[RecordRef<'_>],
        next: Offset,
    ) -> Result<(), TargetError> {
        let fenced = |why: &str| TargetError::Fenced(format!("{why} in `{}`", self.schema.name));
        let epoch = *self.epochs.get(partition).ok_or_else(|| fenced("it was not taken over"))?;
        let change = |record: &RecordRef<'_>| {
            let offset = record.offset;
            let change = self.rows.change(record);
            change.map(|change| (offset, change)).map_err(|reason| TargetError::Refused { offset, reason })
        };
        let changes = records.iter().map(change).collect::<Result<Vec<_>, _>>()?;
        let write = Write { partition, epoch, from, next, changes };
        if self.database.write(&self.schema, &write)? {
            return Ok(());
        }
        let why = format!("its position is not {from} with epoch {epoch} any more");
        Err(TargetError::Fenced(format!("{why} in `{}`", self.schema.name)))
    }

    fn release(&mut self, partition: &TopicPartition) {
        self.epochs.remove(partition);
    }
}
