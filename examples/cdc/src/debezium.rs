//! A change as Debezium writes it, with `value.converter.schemas.enable=false`.
//!
//! ```text
//! {"before": {..}, "after": {..}, "op": "u", "source": {"table": "customers", "lsn": 77, "snapshot": "false", ..}, "ts_ms": ..}
//! ```
//!
//! Only `op` and `after` are read. `before` must not be: for an update PostgreSQL sends null there, and for a deletion a row in
//! which every column but the key is null, unless the table has `REPLICA IDENTITY FULL`.

use millstream::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What has happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// It was there when the connector first looked.
    #[serde(rename = "r")]
    Snapshot,
    /// It was inserted.
    #[serde(rename = "c")]
    Create,
    /// It was changed.
    #[serde(rename = "u")]
    Update,
    /// It was deleted. A tombstone follows: the same key with a null, so that compaction forgets the row.
    #[serde(rename = "d")]
    Delete,
}

/// A change of a row `R`. Fields that are not here are ignored, so a new version of Debezium is no problem.
#[derive(Value, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "R: DeserializeOwned"))]
#[streams(json)]
pub struct Change<R> {
    /// What has happened.
    pub op: Op,
    /// The row as it is now; null if it is gone.
    #[serde(default = "Option::default")]
    pub after: Option<R>,
}

impl<R> Change<R> {
    /// The row as it is now, and `None` if it is gone. A snapshot's rows are read as any others: whatever comes last holds.
    ///
    /// # Errors
    /// When the two fields contradict each other.
    pub fn row(self) -> Result<Option<R>, String> {
        match (self.op, self.after) {
            (Op::Delete, _) => Ok(None),
            (_, Some(row)) => Ok(Some(row)),
            (op, None) => Err(format!("the operation is {op:?}, but there is no row in `after`")),
        }
    }
}
