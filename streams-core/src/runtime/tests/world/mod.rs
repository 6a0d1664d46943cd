//! A small simulated world: one to three instances on one embedded log, stepped in one thread, with a clock that
//! moves only when told to. A seed determines what happens: records arrive, instances start, stop, stand still and
//! die, and the log serves them badly for a while. Finally the faults end, everything is processed, and the output is
//! compared with the input.
//!
//! A failing run reports its seed. `MILLSTREAM_SEED=17 cargo test -p streams-core --lib world` repeats one seed,
//! prints its operations and looks for a shorter list that also fails. `MILLSTREAM_SEEDS=5000` sets the number of
//! seeds, and `MILLSTREAM_FIRST=500` the first one.
//!
//! `operations.rs` says what can happen and `moves.rs` draws it. `seat.rs` is a place for an instance, `followers.rs` follow
//! its rows, `ending.rs` ends a world, and `audit.rs` judges it. `suite.rs` runs the seeds, and demands that everything worth checking happens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::by_hand::Instance;
use super::faulty_log::faulty_log;
use super::tally::{Happening, Tally};
use crate::clock::{Clock as _, ManualClock};
use crate::config::OnError;
use crate::log::{Admin, Delivery, Doorbell, Embedded, Log as _};
use crate::random::{Seeded, SharedRandom};
use crate::record::{Offset, TaskId, Timestamp, TopicPartition};
use crate::runtime::{App, Guarantee};
use crate::testing::KeptState;

mod audit;
mod ending;
mod followers;
mod lateness;
mod moves;
mod operations;
mod seat;
mod suite;
mod workload;

use lateness::Lateness;
use operations::{Operation, SEATS, Script};
use seat::Seat;
use workload::{DEAD, EVENTS, Event, Flaw, SEEN};

const APPLICATION: &str = "world";

/// An instance that was not stepped for this long may have been removed from the group.
const SILENT_MAX: Duration = Duration::from_secs(30);

/// A fault that lasts longer may hold a worker up for so long that its tasks are given away.
const DELAY_MAX_MS: u64 = 10_000;

struct World {
    script: Script,
    log: Embedded,
    clock: ManualClock,
    chance: SharedRandom,
    lateness: Arc<Lateness>,
    admin: Arc<dyn Admin>,
    seats: Vec<Seat>,
    sent: Vec<Event>,
    /// The input and the repartition topic.
    inputs: Vec<TopicPartition>,
    /// The last committed positions.
    positions: BTreeMap<TopicPartition, Offset>,
    /// Where each task ran last.
    owners: BTreeMap<TaskId, usize>,
    /// Whether something happened after which at-least-once may repeat work.
    disturbed: bool,
    /// Where there was a zombie under at-least-once, which may write behind its successor (see DIFFERENCES.md).
    zombies: BTreeSet<usize>,
    /// What somebody who follows should not have heard.
    misheard: Option<String>,
    tally: Tally,
}

/// A place whose instances are static members. In half of the worlds, those of one place are dynamic.
fn seat(number: usize, seed: u64, clock: &ManualClock, tally: &Tally) -> Seat {
    let seat = Seat::new(number, clock, tally);
    // The lowest bits are those of the family.
    if (seed / 8) % 6 == number as u64 {
        seat.faults.make_dynamic();
    }
    seat
}

/// What went wrong.
type Outcome = Result<(), String>;

impl World {
    fn new(script: Script, tally: &Tally) -> Self {
        let clock = ManualClock::at(Timestamp(0));
        let chance = Arc::new(Seeded::new(script.seed));
        let lateness = Arc::new(Lateness::new(&clock, script.seed, tally));
        let log = Embedded::simulated(Arc::new(clock.clone()), &*chance, Arc::clone(&lateness) as Arc<dyn Delivery>);
        log.create_topic(EVENTS.name(), script.partitions).expect("a topic");
        log.create_topic(SEEN.name(), script.partitions).expect("a topic");
        log.create_topic(DEAD.name(), 1).expect("a topic");
        let admin = log.admin(Doorbell::new()).expect("an admin");
        let topology = script.workload.topology();
        let repartition = topology.internal_topics().iter().find(|topic| topic.name.ends_with("-repartition"));
        let repartition = format!("{APPLICATION}-{}", repartition.expect("a repartition topic").name);
        let inputs = (0..script.partitions.cast_signed())
            .flat_map(|partition| [EVENTS.name(), &repartition].map(|topic| TopicPartition::new(topic, partition)));
        Self {
            log,
            chance,
            lateness,
            admin,
            seats: (0..SEATS).map(|number| seat(number, script.seed, &clock, tally)).collect(),
            sent: Vec::new(),
            inputs: inputs.collect(),
            positions: BTreeMap::new(),
            owners: BTreeMap::new(),
            disturbed: false,
            zombies: BTreeSet::new(),
            misheard: None,
            tally: tally.clone(),
            script,
            clock,
        }
    }

    fn is_exactly_once(&self) -> bool {
        self.script.settings.guarantee() == Guarantee::ExactlyOnce
    }

    fn run(&mut self) -> Outcome {
        for (number, operation) in self.script.operations.clone().into_iter().enumerate() {
            self.carry_out(operation).map_err(|what| format!("at {number}: {what}"))?;
            self.look_at_positions().map_err(|what| format!("at {number}: {what}"))?;
            self.misheard.take().map_or(Ok(()), |what| Err(format!("at {number}: {what}")))?;
        }
        self.finish()?;
        self.check_followers()?;
        self.audit()
    }

    fn carry_out(&mut self, operation: Operation) -> Outcome {
        let now = self.clock.monotonic();
        match operation {
            Operation::Send(event) => {
                event.send(&self.log).expect("sent");
                self.disturbed |= event.flaw.is_some_and(Flaw::repeats_work);
                self.sent.push(event);
            }
            Operation::Control { seat, steps } => {
                (0..steps).try_for_each(|_| self.step_control(seat))?;
            }
            Operation::Worker { seat, number, steps } => {
                for _ in 0..steps {
                    self.step_worker(seat, |instance| instance.step_one_worker(number));
                }
            }
            Operation::Settle { seat } => {
                for _ in 0..20 {
                    self.step_control(seat)?;
                    self.step_workers(seat);
                }
            }
            Operation::Pass { ms, worker_first } => {
                let longest = Duration::from_millis(if ms > 30_000 { 5_000 } else { 2_500 });
                let mut left = Duration::from_millis(ms);
                while !left.is_zero() {
                    let step = left.min(longest);
                    self.advance(step);
                    self.step_all(worker_first)?;
                    left = left.saturating_sub(step);
                }
            }
            Operation::Leap { ms } => self.advance(Duration::from_millis(ms)),
            Operation::Pause { seat, part, ms } => self.seats[seat].pause(part, now + Duration::from_millis(ms)),
            Operation::Start { seat, lost } => self.start(seat, lost),
            Operation::Stop { seat } => self.seats[seat].stop(),
            Operation::Kill { seat } => self.kill(seat),
            Operation::MarkersLate { ms, strictly } => {
                self.hinder_all();
                self.lateness.hold_markers(Duration::from_millis(ms), strictly);
            }
            Operation::ReplicasLate { ms } => {
                self.hinder_all();
                self.lateness.hold_replicas(Duration::from_millis(ms));
            }
            Operation::Retention => self.delete_what_is_done(),
            Operation::Fault { seat, kind, ms } => {
                if self.seats[seat].instance.is_some() {
                    self.disturbed |= !kind.only_delays() || ms > DELAY_MAX_MS;
                    self.seats[seat].hindered = true;
                    self.seats[seat].faults.begin(kind, Duration::from_millis(ms));
                }
            }
        }
        Ok(())
    }

    fn start(&mut self, seat: usize, lost: bool) {
        if self.seats[seat].instance.is_some() {
            return;
        }
        let Script { workload, ref settings, .. } = self.script;
        let app = App::new(APPLICATION, workload.topology()).settings(settings.clone()).dead_letters_to(DEAD.name());
        let app = app.on_undecodable(OnError::DeadLetter).on_processing_error(OnError::DeadLetter);
        let seat = &mut self.seats[seat];
        if lost {
            seat.state = KeptState::default();
        }
        let app = app.state_in(seat.state.clone()).random(Arc::clone(&self.chance));
        let log = faulty_log(&self.log, &seat.faults);
        seat.begin(Instance::start(app, log, &self.clock), self.clock.monotonic());
        seat.hindered |= self.lateness.any();
    }

    /// The log itself is late, for every instance.
    fn hinder_all(&mut self) {
        self.disturbed = true;
        self.seats.iter_mut().for_each(|seat| seat.hindered = true);
    }

    fn kill(&mut self, seat: usize) {
        self.seats[seat].followers.end();
        if let Some(instance) = self.seats[seat].instance.take() {
            self.disturbed = true;
            if instance.running_tasks() > 0 {
                self.tally.note(Happening::Killed);
            }
        }
    }

    /// Deletes the input that is processed and committed, as retention does.
    fn delete_what_is_done(&self) {
        let is_input = |partition: &TopicPartition| &*partition.topic == EVENTS.name();
        let done = self.positions.iter().filter(|(partition, _)| is_input(partition));
        let done = done.map(|(partition, offset)| (partition.clone(), *offset)).collect::<Vec<_>>();
        if !done.is_empty() {
            self.admin.delete_records(done).wait().expect("an answer").expect("deleted");
        }
    }

    fn advance(&mut self, by: Duration) {
        self.clock.advance(by);
        self.seats.iter().for_each(|seat| seat.faults.tell_late());
    }

    fn step_control(&mut self, seat: usize) -> Outcome {
        let now = self.clock.monotonic();
        let seat = &mut self.seats[seat];
        let Some(instance) = &mut seat.instance else { return Ok(()) };
        let Some(silent) = seat.control.step(now) else { return Ok(()) };
        if silent > self.script.settings.session_timeout {
            self.tally.note(Happening::StoodStill);
        }
        self.disturbed |= silent > SILENT_MAX;
        instance.step_control();
        self.disturbed |= seat.faults.has_missed_deadline();
        self.disturbed |= seat.bury()?;
        seat.check_state()
    }

    fn step_worker(&mut self, number: usize, step: impl FnOnce(&mut Instance)) {
        let (now, session) = (self.clock.monotonic(), self.script.settings.session_timeout);
        let is_exactly_once = self.is_exactly_once();
        let seat = &mut self.seats[number];
        let Some(instance) = &mut seat.instance else { return };
        let Some(silent) = seat.worker.step(now) else { return };
        let believes_to_be_heard = now - seat.control.stepped_at < session;
        if silent > session && believes_to_be_heard {
            self.tally.note(Happening::WorkerStoodStill);
        }
        if believes_to_be_heard && seat.faults.heard().is_some_and(|heard| now - heard >= session) {
            self.tally.note(Happening::Zombie);
            if self.script.settings.guarantee() == Guarantee::AtLeastOnce {
                self.zombies.insert(number);
            }
        }
        self.disturbed |= silent > SILENT_MAX;
        let before = seat.faults.written();
        step(instance);
        if let Err(what) = seat.followers.hear(self.script.workload, is_exactly_once) {
            self.misheard.get_or_insert(what);
        }
        let after = seat.faults.written();
        if before.0 < after.0 && before.1 == after.1 && self.script.settings.cache_bytes > 0 {
            self.tally.note(Happening::CacheMadeRoom);
        }
        for task in seat.look_at_tasks() {
            if self.owners.insert(task, number).is_some_and(|before| before != number) {
                self.tally.note(Happening::TaskMoved);
            }
        }
    }

    fn step_workers(&mut self, seat: usize) {
        self.step_worker(seat, |instance| _ = instance.step_worker());
    }

    fn step_all(&mut self, worker_first: bool) -> Outcome {
        for seat in 0..SEATS {
            if worker_first {
                self.step_workers(seat);
            }
            for _ in 0..3 {
                self.step_control(seat)?;
                self.step_workers(seat);
            }
        }
        Ok(())
    }

    /// Checks that no committed position goes backwards, and that what is not committed is not deleted.
    fn look_at_positions(&mut self) -> Outcome {
        let committed = self.admin.committed(APPLICATION, self.inputs.clone()).poll();
        let Poll::Ready(Some(Ok(committed))) = committed else { return Ok(()) };
        // The repartition topic may not exist.
        let starts = self.admin.start_offsets(self.inputs.clone()).wait().expect("an answer").unwrap_or_default();
        let mut starts = starts.into_iter();
        for (partition, committed) in self.inputs.iter().zip(committed) {
            let committed = committed.map(|committed| committed.offset);
            if let Some(start) = starts.next().filter(|start| start.0 > 0) {
                self.tally.note(Happening::Purged);
                if committed.is_none_or(|committed| committed < start) {
                    return Err(format!("{partition} begins at {start}, but only {committed:?} is committed"));
                }
            }
            let Some(committed) = committed else { continue };
            let before = self.positions.insert(partition.clone(), committed).unwrap_or(committed);
            audit::check_position(partition, before, committed)?;
        }
        Ok(())
    }
}
