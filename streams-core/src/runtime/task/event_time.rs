//! A task that advances by event time, with others (see [`alignment`](crate::runtime::alignment)).

use std::cell::RefCell;
use std::time::Duration;

use super::buffer::next_input;
use super::teller::Teller;
use super::{RECORDS_PER_LOOK, Task};
use crate::log::LogError;
use crate::record::Timestamp;
use crate::runtime::AppError;
use crate::runtime::alignment::{Alignment, FETCH_PATIENCE};
use crate::runtime::collector::ProducerCollector;
use crate::runtime::worker::Common;

/// What a task does next, and whether others have to wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// A record of that time.
    At(Timestamp),
    /// It cannot say yet, because records are on their way: nothing older than that time.
    Unknown(Timestamp),
    /// There is nothing that others would have to wait for.
    Nothing,
}

impl Task {
    /// Sees which records need not wait for their senders any more, and how far the task is.
    pub(crate) fn look_at_times(&mut self, now: Duration, alignment: &Alignment, is_paused: bool) {
        for input in &mut self.inputs {
            input.release(now, alignment.patience, |time| alignment.limit(time));
        }
        let Some(teller) = &mut self.teller else { return };
        let wall_clock = self.context.wall_clock;
        let promises = self.inputs.iter_mut().filter_map(|input| input.promises(now, wall_clock, FETCH_PATIENCE));
        teller.reach(promises.min().filter(|_| !is_paused), now, alignment.sign_of_life());
    }

    /// Whether there is something to tell other tasks between commits.
    pub(crate) fn may_tell(&self) -> bool {
        self.teller.as_ref().is_some_and(Teller::may_tell)
    }

    /// Tells those who read the task's repartition topics how far it is. Its caches must be empty.
    pub(crate) fn tell(&mut self, collector: &RefCell<ProducerCollector>) -> Result<(), LogError> {
        let times = (self.context.stream_time, self.context.wall_clock);
        self.teller.as_mut().map_or(Ok(()), |teller| teller.tell(times, collector))
    }

    /// What the task does next.
    pub(crate) fn next_event(&mut self, now: Duration, idle: Option<Duration>, alignment: &Alignment) -> Next {
        let wall_clock = self.context.wall_clock;
        let overflow = self.overflow(alignment);
        let Some(index) = next_input(&mut self.inputs, now, idle, wall_clock) else {
            // The task waits for one of its inputs. The first records of the others count, too.
            let reached = self.inputs.iter_mut().filter_map(|input| match input.reached(wall_clock) {
                Some(time) => Some(time),
                None => input.holds_others_up(now, FETCH_PATIENCE).then_some(input.partition_time),
            });
            return reached.chain(overflow).min().map_or(Next::Nothing, Next::Unknown);
        };
        let next = self.inputs.get_mut(index).and_then(|input| input.reached(wall_clock));
        match next.filter(|next| !self.waits_for_senders(*next, alignment)) {
            // It waits for handlers, and the others for it.
            Some(next) if self.is_full() => Next::Unknown(next),
            Some(next) => Next::At(overflow.map_or(next, |floor| next.min(floor))),
            None => overflow.map_or(Next::Nothing, Next::Unknown),
        }
    }

    /// If more records wait for their senders than should be in memory: how far the slowest sender is. Others in this
    /// process then wait for it, too. Otherwise nobody waits for what waits itself.
    fn overflow(&self, alignment: &Alignment) -> Option<Timestamp> {
        let too_many = self.inputs.iter().filter(|input| input.fetched() - input.buffered() > alignment.waiting_max);
        too_many.filter_map(super::Input::floor).min()
    }

    /// Whether an input may still get an older record than that from its senders.
    fn waits_for_senders(&self, next: Timestamp, alignment: &Alignment) -> bool {
        let mut empty = self.inputs.iter().filter(|input| input.buffered() == 0);
        empty.any(|input| input.floor().is_some_and(|floor| next > alignment.limit(floor)))
    }

    /// As [`Task::process`], but only records up to that time.
    pub(crate) fn process_until(
        &mut self,
        (limit, alignment): (Timestamp, &Alignment),
        (records_max, now): (usize, Duration),
        shared: &Common,
        collector: &RefCell<ProducerCollector>,
    ) -> Result<usize, AppError> {
        let _span = self.span.clone().entered();
        let (wall_clock, idle) = (self.context.wall_clock, shared.settings.task_idle);
        let mut processed = 0;
        while processed < records_max {
            if self.is_full() || (processed % RECORDS_PER_LOOK == 0 && collector.borrow().is_backed_up()) {
                break;
            }
            let Some(index) = next_input(&mut self.inputs, now, idle, wall_clock) else { break };
            let next = self.inputs.get_mut(index).and_then(|input| input.reached(wall_clock));
            if next.is_none_or(|next| next > limit || self.waits_for_senders(next, alignment)) {
                break;
            }
            if !self.process_head(index, now)? {
                break;
            }
            processed += 1;
            if self.parts.cache_budget.is_exceeded() {
                break;
            }
        }
        self.metrics.processed += processed as u64;
        self.note_drops();
        self.metrics.uncommitted += processed as u64;
        Ok(processed)
    }
}
