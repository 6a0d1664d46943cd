//! The end of a world: the faults end, everything is processed, and the output is compared with the input.

use std::time::Duration;

use super::audit::{self, SeenByKey};
use super::{Outcome, SEATS, World};
use crate::clock::Clock as _;
use crate::log::{ConsumerOptions, Doorbell, FetchEvent, Isolation, Log as _};
use crate::record::Offset;
use crate::runtime::AppState;
use crate::runtime::task::Task;
use crate::runtime::tests::by_hand::Instance;
use crate::runtime::tests::tally::Happening;

/// How long after the last fault the group has removed dead members.
const DEAD_AFTER: Duration = Duration::from_secs(60);
/// How long after that everything has to be processed.
const LIVENESS: Duration = Duration::from_secs(400);

impl World {
    /// Ends all faults, makes sure that an instance is running, and lets the survivors finish the work.
    pub(super) fn finish(&mut self) -> Outcome {
        for seat in &mut self.seats {
            seat.faults.end_all();
            seat.wake();
        }
        self.lateness.end();
        if self.seats.iter().all(super::Seat::is_stopping) {
            let free = self.seats.iter().position(|seat| seat.instance.is_none()).unwrap_or(0);
            self.start(free, false);
        }
        let (begin, mut round) = (self.clock.monotonic(), 0);
        while self.clock.monotonic() < begin + LIVENESS {
            round += 1;
            self.advance(Duration::from_millis(if round < 20 { 50 } else { 2_500 }));
            self.step_all(false)?;
            self.look_at_positions()?;
            if self.seats.iter().all(|seat| seat.instance.is_none()) {
                self.start(0, false);
            }
            if self.clock.monotonic() > begin + DEAD_AFTER && self.is_done()? {
                return Ok(());
            }
        }
        let states = self.seats.iter().filter_map(|seat| {
            let instance = seat.instance.as_ref()?;
            Some(format!("{}: {:?}, {} tasks run", seat.number, instance.state(), instance.running_tasks()))
        });
        Err(format!(
            "it does not come to rest: {}; {} records left",
            states.collect::<Vec<_>>().join("; "),
            self.left()?
        ))
    }

    fn is_done(&self) -> Result<bool, String> {
        for instance in self.seats.iter().filter_map(|seat| seat.instance.as_ref()) {
            let at_work = instance
                .workers()
                .any(|worker| !worker.is_settled() || worker.slots().running().any(Task::needs_commit));
            if instance.state() != AppState::Running || at_work {
                return Ok(false);
            }
        }
        Ok(self.left()? == 0)
    }

    /// How many records of the input and the repartition topic are not committed yet.
    fn left(&self) -> Result<usize, String> {
        let mut left = 0;
        for partition in &self.inputs {
            let options = ConsumerOptions { isolation: Isolation::ReadCommitted, ..ConsumerOptions::default() };
            let mut consumer = self.log.consumer(options, Doorbell::new()).expect("a consumer");
            consumer.add(partition, self.positions.get(partition).copied().unwrap_or(Offset(0)));
            let mut events = Vec::new();
            consumer.fetch(10_000, &mut events);
            for event in events {
                match event {
                    FetchEvent::Records { batch, .. } => left += batch.len(),
                    FetchEvent::OutOfRange { partition, position } => {
                        return Err(format!("{partition} has lost {position}, which is not processed"));
                    }
                    // Nobody may have come as far as creating it.
                    FetchEvent::End { .. } | FetchEvent::Error { .. } => {}
                }
            }
        }
        Ok(left)
    }

    /// Compares the output with the input, and the state with the output.
    pub(super) fn audit(&mut self) -> Outcome {
        let outputs = audit::outputs(&self.log);
        let last = audit::last_of(&outputs);
        let is_overtaken = !self.zombies.is_empty();
        if !is_overtaken {
            let once = self.is_exactly_once() || !self.disturbed;
            audit::check_outputs(&self.script, &self.sent, &outputs, once)?;
            let dead = audit::dead_letters(&self.log)?;
            audit::check_dead_letters(&self.sent, &dead, once)?;
            if !dead.is_empty() {
                self.tally.note(Happening::DeadLetter);
            }
            let mut rows = SeenByKey::new();
            for worker in self.seats.iter().filter_map(|seat| seat.instance.as_ref()).flat_map(Instance::workers) {
                rows.extend(self.script.workload.rows(worker));
            }
            audit::check_rows("what the tasks have", &rows, &last)?;
        }
        self.stop_all()?;
        // With no state of its own, and then with its own again.
        let kept = std::mem::take(&mut self.seats[0].state);
        let restored = self.rows_of(0)?;
        self.seats[0].state = kept;
        if !is_overtaken {
            audit::check_rows("what is restored from the changelog", &restored, &last)?;
        }
        // A zombie's successor may miss what the zombie wrote; the zombie itself reads everything.
        let zombies = self.zombies.clone();
        for seat in (0..SEATS).filter(|seat| zombies.iter().all(|zombie| zombie == seat)) {
            let rows = self.rows_of(seat)?;
            audit::check_rows(&format!("what instance {seat} has kept"), &rows, &restored)?;
        }
        Ok(())
    }

    /// Shuts all instances down cleanly.
    fn stop_all(&mut self) -> Outcome {
        self.seats.iter().for_each(super::Seat::stop);
        for _ in 0..200 {
            self.step_all(false)?;
            if self.seats.iter().all(|seat| seat.instance.is_none()) {
                return Ok(());
            }
        }
        Err("not everybody stops".to_owned())
    }

    /// The rows of an instance that starts alone with a seat's state.
    fn rows_of(&mut self, seat: usize) -> Result<SeenByKey, String> {
        self.start(seat, false);
        for _ in 0..2_000 {
            self.step_control(seat)?;
            self.step_workers(seat);
            if self.seats[seat].instance.as_ref().is_some_and(|instance| instance.state() == AppState::Running) {
                break;
            }
        }
        let workers = self.seats[seat].instance.iter().flat_map(Instance::workers);
        let rows = workers.flat_map(|worker| self.script.workload.rows(worker)).collect();
        self.stop_all()?;
        Ok(rows)
    }
}
