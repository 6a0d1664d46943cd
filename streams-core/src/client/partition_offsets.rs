//! An offset in each of some partitions, as a text that can be handed on.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::StartAt;
use crate::record::{Offset, Partition};

/// An offset in each of some partitions: where somebody has come to who reads a topic bit by bit. As a text, `0:42,1:7`.
///
/// ```
/// use millstream::client::{PartitionOffsets, StartAt};
///
/// let offsets: PartitionOffsets = "0:42,1:7".parse()?;
/// assert_eq!(offsets.to_string(), "0:42,1:7");
/// let start = StartAt::from(offsets);
/// # Ok::<_, String>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartitionOffsets(pub BTreeMap<Partition, Offset>);

impl fmt::Display for PartitionOffsets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (partition, offset)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{partition}:{offset}")?;
        }
        Ok(())
    }
}

impl FromStr for PartitionOffsets {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let part = |part: &str| {
            let (partition, offset) = part.split_once(':')?;
            let (partition, offset): (i32, i64) = (partition.parse().ok()?, offset.parse().ok()?);
            (partition >= 0 && offset >= 0).then_some((Partition(partition), Offset(offset)))
        };
        let parts: Option<BTreeMap<_, _>> = text.split(',').map(part).collect();
        parts.map(Self).ok_or_else(|| format!("`{text}` is no such place; one looks like `0:42,1:7`"))
    }
}

impl From<PartitionOffsets> for StartAt {
    fn from(offsets: PartitionOffsets) -> Self {
        Self::Offsets(offsets.0)
    }
}
