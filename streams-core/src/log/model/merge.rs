//! Merges small batches into large ones, so that a program that constantly writes a little does not accumulate an entry
//! for each commit. Offsets do not change. Only batches whose transactions have ended are merged.

use super::PartitionId;
use super::partition::{Entry, Fate, PartitionLog};
use super::rewrite::{BATCH_BYTES, BatchSource, LARGE_BYTES, Rewrite, Rewritten};

/// If there are this many small batches at the end, they are merged even if they are not enough for a large one.
const SMALL_MAX: usize = 256;

impl PartitionLog {
    /// Merges what can be merged. It reads at most about `budget` bytes, which are deducted from it.
    pub(super) fn merge_small(
        &mut self,
        at: PartitionId,
        source: &dyn BatchSource,
        budget: &mut usize,
        rewritten: &mut Vec<Rewritten>,
    ) {
        let stable = self.stable();
        while *budget > 0 {
            let first = self.entries.partition_point(|entry| entry.base < self.merged_to);
            let (run, closed) = run_of_small(self.entries.range(first..).take_while(|entry| entry.next <= stable));
            if !closed && run < SMALL_MAX {
                return;
            }
            let mut rewrite = Rewrite::default();
            for entry in self.entries.range(first..first + run) {
                *budget = budget.saturating_sub(entry.bytes);
                let Some(batch) = entry.records(at, source) else { break };
                rewrite.add(entry, batch.iter(), None);
            }
            let whole = rewrite.entries() == run;
            let result = rewrite.finish(self);
            if !whole {
                // Something cannot be read: its next reader will report that.
                self.merged_to = stable;
            } else if closed {
                // After the merged batch, or after the one that cannot be merged.
                self.merged_to = self.entries.get(first + 1).map_or(stable, |entry| entry.base);
            }
            rewritten.extend(result);
            if !closed {
                return;
            }
        }
    }
}

/// The number of entries at the start that can become one, and whether no later one could join them.
fn run_of_small<'a>(entries: impl Iterator<Item = &'a Entry>) -> (usize, bool) {
    let (mut run, mut bytes) = (0, 0);
    for entry in entries {
        let mergeable = entry.fate == Fate::Visible && entry.bytes < LARGE_BYTES && entry.tombstones_until_ms.is_none();
        if !mergeable || bytes + entry.bytes > BATCH_BYTES {
            return (run, true);
        }
        run += 1;
        bytes += entry.bytes;
    }
    (run, false)
}
