//! What a task has done, from its processing until its commit, for the summary of a batch job.

use crate::operators::{Context, DropReason};
use crate::runtime::summary::{Tally, Totals};

/// Counts what a task does. What was not committed when the task is dropped is forgotten: it is done again.
pub(super) struct Done {
    totals: Totals,
    records_in: u64,
    /// What the context had counted when work was written last.
    counted_out: u64,
    counted_drops: [u64; DropReason::ALL.len()],
    /// What is written and waits for its commit.
    written: Tally,
}

impl Done {
    pub(super) fn new(totals: Totals) -> Self {
        let counted_drops = [0; DropReason::ALL.len()];
        Self { totals, records_in: 0, counted_out: 0, counted_drops, written: Tally::default() }
    }

    /// Counts a record of an input.
    pub(super) fn processed(&mut self, is_internal: bool) {
        self.records_in += u64::from(!is_internal);
    }

    /// Everything so far belongs to the commit in progress.
    pub(super) fn written(&mut self, context: &Context) {
        let drops = DropReason::ALL.map(|reason| context.dropped(reason));
        let mut dropped = drops;
        dropped.iter_mut().zip(self.counted_drops).for_each(|(dropped, before)| *dropped -= before);
        let records_out = context.sent_out() - self.counted_out;
        self.written.add(&Tally { records_in: std::mem::take(&mut self.records_in), records_out, dropped });
        (self.counted_out, self.counted_drops) = (context.sent_out(), drops);
    }

    /// The commit has succeeded.
    pub(super) fn committed(&mut self) {
        self.totals.add(&std::mem::take(&mut self.written));
    }
}
