//! The letters that no replay has seen yet.

use super::{DeadLetter, DeadLetters};
use crate::client::ClientError;
use crate::record::Offset;

impl DeadLetters {
    /// The letters behind the positions that a group has committed.
    pub(crate) fn behind(
        &self,
        group: &str,
    ) -> Result<impl Iterator<Item = Result<DeadLetter, ClientError>> + use<>, ClientError> {
        let partitions = self.client.partitions(self.topic())?;
        let committed = self.client.committed(group, &partitions)?;
        let bounds = self.client.bounds(&partitions)?;
        let ranges = partitions.into_iter().zip(bounds).zip(committed).map(|((partition, (start, end)), committed)| {
            let position = committed.unwrap_or(Offset(0));
            (partition, start.max(position)..end)
        });
        self.between(ranges.collect())
    }
}
