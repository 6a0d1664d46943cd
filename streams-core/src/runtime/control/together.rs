//! Connects an instance's member and its workers: the group's decisions become commands, and the workers' reports go
//! back to the group.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::Status;
use super::stalls::Stalls;
use crate::config::OnStall;
use crate::log::{Admin, Doorbell, GroupMetadata, Member, MemberEvent, MemberOptions};
use crate::record::TaskId;
use crate::runtime::AppError;
use crate::runtime::assignment::share_out;
use crate::runtime::failures::Uncaught;
use crate::runtime::fellows::Fellows;
use crate::runtime::globals::GlobalTables;
use crate::runtime::heard::Heard;
use crate::runtime::inputs::InputCheck;
use crate::runtime::lifecycle::AppState;
use crate::runtime::long_wait::{Awaited, LongWait};
use crate::runtime::matching::TopicWatch;
use crate::runtime::open_transactions::OpenTransactions;
use crate::runtime::queries::Inbox;
use crate::runtime::reach::Reach;
use crate::runtime::restore_notices::RestoreNotices;
use crate::runtime::stall::{Stall, StallCause};
use crate::runtime::voice::{END, PEOPLE};
use crate::runtime::worker::{Command, Common, Report, WorkerSeed};

/// A worker whose commit was refused gets its tasks back at once the first time, then at most this often.
const REFUSED_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How long an instance that ends waits for the group to answer its leave request. Without one, the group considers
/// it dead when its session times out.
const LEAVE_PATIENCE: Duration = Duration::from_secs(10);

/// What exists when the instance joins its group.
pub(super) struct TogetherParts {
    pub(super) admin: Arc<dyn Admin>,
    pub(super) member: Box<dyn Member>,
    /// What it joined with.
    pub(super) options: MemberOptions,
    /// The error if another process takes the member's place.
    pub(super) replaced: AppError,
    /// When the member was last polled. The workers read this.
    pub(super) heard: Arc<Heard>,
    pub(super) inputs: InputCheck,
    pub(super) topics: TopicWatch,
    pub(super) fellows: Fellows,
    pub(super) reach: Reach,
    pub(super) globals: GlobalTables,
}

/// The instance with its member and workers.
pub(super) struct Together {
    member: Box<dyn Member>,
    /// What it joined with.
    options: MemberOptions,
    /// The error if another process takes the member's place.
    replaced: AppError,
    /// When the member was last polled. The workers read this.
    heard: Arc<Heard>,
    inputs: InputCheck,
    topics: TopicWatch,
    fellows: Fellows,
    reach: Reach,
    globals: GlobalTables,
    workers: Vec<WorkerLink>,
    reports: Receiver<Report>,
    owners: BTreeMap<TaskId, usize>,
    /// The group's assignment, held back until all members are known to run the same topology.
    held_back: Option<(BTreeSet<TaskId>, GroupMetadata)>,
    /// The membership in which tasks are assigned to us; `None` from a revocation to the next assignment.
    assigned: Option<GroupMetadata>,
    revoking: Option<Revoking>,
    stopping: bool,
    /// Whether the instance is to come back with a new plan.
    again: bool,
    /// The error with which all instances are to stop.
    call: Option<String>,
    leaving_since: Option<Duration>,
    leaving: bool,
    restoring: RestoreNotices,
    stalls: Stalls,
    long_wait: LongWait,
    open_transactions: OpenTransactions,
    common: Arc<Common>,
}

struct WorkerLink {
    commands: Sender<Command>,
    doorbell: Doorbell,
    /// The number of the last command that assigned or revoked tasks. Answers to any other command are outdated.
    epoch: u64,
    running: bool,
    stopped: bool,
    refused: Option<Refused>,
    /// How long it is waited for.
    staying: Staying,
}

/// Whether a worker that does not come back from a step is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Staying {
    /// Before the instance leaves its group.
    InGroup,
    /// The instance leaves its group without it, but comes back only together with it.
    OutOfGroup,
    /// No more.
    Abandoned,
}

/// A worker that has dropped its tasks because its commit was refused.
struct Refused {
    at: Duration,
    has_tasks_again: bool,
}

struct Revoking {
    waiting_for: BTreeSet<usize>,
    deadline: Duration,
}

/// Creates the seeds of the workers, and the control's links to them.
fn link_workers(common: &Arc<Common>, control: &Doorbell) -> (Vec<WorkerLink>, Vec<WorkerSeed>, Receiver<Report>) {
    let (report, reports) = channel();
    let link = |number| {
        let (commands, receiver) = channel();
        let doorbell = Doorbell::new();
        let seed = WorkerSeed {
            pulse: Arc::default(),
            number,
            common: Arc::clone(common),
            commands: receiver,
            reports: report.clone(),
            doorbell: doorbell.clone(),
            control_doorbell: control.clone(),
            inbox: Inbox::new(doorbell.clone()),
        };
        let staying = Staying::InGroup;
        (WorkerLink { commands, doorbell, epoch: 0, running: false, stopped: false, refused: None, staying }, seed)
    };
    let (workers, seeds) = (0..common.settings.workers.max(1)).map(link).unzip();
    (workers, seeds, reports)
}

impl Together {
    /// Starts with nothing assigned. Also returns the seeds of the workers.
    pub(super) fn new(parts: TogetherParts, common: &Arc<Common>, control: &Doorbell) -> (Self, Vec<WorkerSeed>) {
        let TogetherParts { admin, member, options, replaced, heard, inputs, topics, fellows, reach, globals } = parts;
        let (workers, seeds, reports) = link_workers(common, control);
        let pulses = seeds.iter().map(|seed| Arc::clone(&seed.pulse)).collect();
        let stalls = Stalls::new(pulses, &common.settings);
        let together = Self {
            member,
            options,
            replaced,
            heard,
            inputs,
            topics,
            fellows,
            reach,
            globals,
            workers,
            reports,
            owners: BTreeMap::new(),
            held_back: None,
            assigned: None,
            revoking: None,
            stopping: false,
            again: false,
            call: None,
            leaving_since: None,
            leaving: false,
            restoring: RestoreNotices::default(),
            stalls,
            long_wait: LongWait::default(),
            open_transactions: OpenTransactions::new(admin, common),
            common: Arc::clone(common),
        };
        (together, seeds)
    }

    /// Whether it ends only to come back with a new plan.
    pub(super) const fn begins_again(&self) -> bool {
        self.again
    }

    /// All other instances are to be called to stop because of this error.
    pub(super) fn call_all(&mut self, error: &AppError) {
        self.call.get_or_insert_with(|| error.to_string());
    }

    /// Why all other instances are to be called to stop, if they are, and what the member joined with.
    pub(super) fn call(&mut self) -> Option<(MemberOptions, String)> {
        Some((self.options.clone(), self.call.take()?))
    }

    /// The global tables, for a new plan.
    pub(super) fn into_globals(self) -> GlobalTables {
        self.globals
    }

    /// Looks for topics that match a pattern as soon as possible.
    pub(super) fn look_for_topics(&mut self, now: Duration) {
        self.topics.look_now(now);
    }

    pub(super) const fn globals(&self) -> &GlobalTables {
        &self.globals
    }

    /// Whether the group has assigned tasks to this instance and has not revoked them.
    #[cfg(test)]
    pub(super) const fn is_assigned(&self) -> bool {
        self.assigned.is_some()
    }

    /// Whether the workers were asked to stop.
    pub(super) const fn is_stopping(&self) -> bool {
        self.stopping
    }

    pub(super) fn step(&mut self, now: Duration, status: &Status, workers: usize) -> Result<bool, AppError> {
        let mut busy = self.globals.step(now)?;
        if status.stop.load(Ordering::SeqCst) && (!self.stopping || self.again) {
            status.become_state(AppState::PendingShutdown);
            self.again = false;
            self.stop();
        }
        while let Ok(report) = self.reports.try_recv() {
            busy = true;
            self.take(report, now, status);
        }
        if let Some(stall) = self.stalls.step(now) {
            self.take_stall(&stall, status);
        }
        self.abandon_stuck(now, status);
        if self.workers.iter().all(|worker| worker.stopped || worker.staying != Staying::InGroup) {
            let since = *self.leaving_since.get_or_insert(now);
            self.leaving |= self.member.leave().is_ready() || now.saturating_sub(since) > LEAVE_PATIENCE;
            return Ok(busy);
        }
        if let Some(event) = self.member.poll() {
            busy = true;
            self.obey(event, now, status)?;
        }
        // Do this last, when everything that the poll returned has been sent to the workers.
        self.heard.polled(now);
        if !self.stopping {
            if let Some(grown) = self.inputs.step(now)? {
                tracing::info!(target: PEOPLE, "{grown}; the tasks are divided anew");
                self.begin_again(status);
                return Ok(true);
            }
            self.fellows.step(now)?;
            if self.fellows.take_others_see_other_topics() {
                self.topics.look_now(now);
                self.inputs.begin(now);
            }
            if self.fellows.take_must_return() {
                tracing::info!(
                    "leaving the group and coming back, so that others learn where this instance can be reached"
                );
                self.begin_again(status);
                return Ok(true);
            }
            busy |= self.hand_out(status, workers);
        }
        if !self.stopping && self.topics.step(now)? {
            tracing::info!(target: PEOPLE, "other topics match the topology's patterns now; the tasks are divided anew");
            self.begin_again(status);
            busy = true;
        }
        self.reach.step(now);
        if !self.is_running() || self.restoring.have_begun() {
            self.restoring.step(now, &status.metrics);
        }
        self.common.out_of_reach.store(self.reach.is_lost(), Ordering::Relaxed);
        self.open_transactions.step(now, self.owners.keys());
        let awaited = self.awaits();
        self.long_wait.note(now, "the application", awaited, self.reach.is_lost());
        if self.reach.is_lost() {
            status.become_state(AppState::Disconnected);
        } else if *status.state.borrow() == AppState::Disconnected && !self.is_running() {
            status.become_state(AppState::Rebalancing);
        }
        self.end_revocation(now);
        self.give_tasks_again(now);
        if self.is_running() && !self.reach.is_lost() {
            status.become_state(AppState::Running);
        }
        Ok(busy)
    }

    /// What the instance waits for the group to do.
    fn awaits(&self) -> Option<Awaited> {
        if self.stopping || self.revoking.is_some() || self.assigned.is_some() {
            return None;
        }
        // Why an assignment is held back, `fellows.rs` says.
        self.held_back.is_none().then(|| {
            Awaited::of(
                "its group to assign tasks, which it does when all members have given theirs up, or their time for that is up \
                 (`max.poll.interval.ms`)",
            )
        })
    }

    /// Whether every task is processing records.
    fn is_running(&self) -> bool {
        self.assigned.is_some()
            && !self.stopping
            && self.revoking.is_none()
            && self.workers.iter().all(|worker| worker.running)
    }

    pub(super) fn is_over(&self) -> bool {
        self.leaving && self.workers.iter().all(|worker| worker.stopped || worker.staying == Staying::Abandoned)
    }

    /// Asks all workers to commit and close.
    pub(super) fn stop(&mut self) {
        if !std::mem::replace(&mut self.stopping, true) {
            self.workers.iter().for_each(|worker| worker.tell(Command::Stop));
        }
    }

    /// Says what does not get on, and does what the settings say.
    fn take_stall(&mut self, stall: &Stall, status: &Status) {
        if self.reach.is_lost() {
            // Nothing can get on, and that has been said.
            return;
        }
        tracing::warn!(target: PEOPLE, worker = stall.worker, "{stall}");
        let is_busy = matches!(stall.cause, StallCause::Busy(_));
        match self.stalls.answer() {
            OnStall::Leave if is_busy && !self.stopping => {
                tracing::warn!(
                    target: PEOPLE,
                    "so this instance leaves its group, and others take over; it comes back when its worker does \
                     (`task.stall.handler` is `leave`)"
                );
                self.let_go(stall.worker, Staying::OutOfGroup);
                self.begin_again(status);
            }
            OnStall::Fail if !self.stopping || self.again => {
                self.fail(AppError::Stalled { stall: stall.to_string() }, status)
            }
            OnStall::Warn | OnStall::Leave | OnStall::Fail => {}
        }
    }

    /// An instance that ends does not wait for ever for a worker that does not come back.
    fn abandon_stuck(&mut self, now: Duration, status: &Status) {
        if !self.stopping || self.again {
            return;
        }
        for number in 0..self.workers.len() {
            let waits =
                self.workers.get(number).is_some_and(|worker| !worker.stopped && worker.staying != Staying::Abandoned);
            if let Some(stall) = self.stalls.stuck(number, now).filter(|_| waits) {
                self.let_go(number, Staying::Abandoned);
                self.fail(AppError::Stalled { stall: stall.to_string() }, status);
            }
        }
    }

    /// Goes on without a worker that does not come back.
    fn let_go(&mut self, number: usize, staying: Staying) {
        self.stalls.give_up(number);
        if let Some(worker) = self.workers.get_mut(number) {
            worker.staying = staying;
            worker.lose();
        }
    }

    /// Ends with an error.
    fn fail(&mut self, error: AppError, status: &Status) {
        self.again = false;
        tracing::error!(target: END, %error, "the application stops: {error}");
        status.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        status.become_state(AppState::PendingError);
        self.stop();
    }

    /// Commits and leaves the group, to come back with a new plan.
    fn begin_again(&mut self, status: &Status) {
        status.become_state(AppState::Rebalancing);
        status.desk.set_owners(&BTreeMap::new());
        self.again = true;
        self.stop();
    }

    /// Carries out what the group decided.
    fn obey(&mut self, event: MemberEvent, now: Duration, status: &Status) -> Result<(), AppError> {
        match event {
            MemberEvent::Assigned { tasks, metadata } => {
                tracing::info!(tasks = tasks.len(), generation = metadata.generation, "tasks assigned");
                self.inputs.begin(now);
                self.fellows.begin(now, &metadata.member_id);
                self.held_back = Some((tasks, metadata));
                Ok(())
            }
            MemberEvent::Revoked { tasks, metadata, deadline } => {
                tracing::info!(tasks = tasks.len(), generation = metadata.generation, "tasks revoked");
                self.fellows.listen(now);
                // Tasks that were held back never reached a worker, so there is nothing to suspend.
                let tasks = if self.held_back.take().is_some() { BTreeSet::new() } else { tasks };
                self.assigned = None;
                status.become_state(AppState::Rebalancing);
                self.revoking = Some(Revoking {
                    waiting_for: (0..self.workers.len())
                        .filter(|number| self.workers.get(*number).is_some_and(|worker| !worker.stopped))
                        .collect(),
                    // A little before the group's own deadline, so that the acknowledgement arrives in time.
                    deadline: now + deadline.mul_f32(0.9),
                });
                if !self.stopping {
                    for (number, worker) in self.workers.iter_mut().enumerate() {
                        let is_its_own = |task: &&TaskId| self.owners.get(task) == Some(&number);
                        worker.revoke(tasks.iter().filter(is_its_own).copied().collect(), metadata.clone());
                    }
                }
                Ok(())
            }
            MemberEvent::Lost => {
                tracing::warn!("tasks lost: they belong to other members already");
                self.lose(status);
                Ok(())
            }
            MemberEvent::Replaced => {
                // What the workers still write would only be in the successor's way.
                self.lose(status);
                Err(self.replaced.clone())
            }
            MemberEvent::Failed(error) if error.is_transient() => {
                tracing::debug!(%error, "the group cannot be reached; trying again");
                self.reach.doubt(now);
                Ok(())
            }
            MemberEvent::Failed(error) => Err(AppError::log("being a member of the group", error)),
        }
    }

    fn lose(&mut self, status: &Status) {
        status.become_state(AppState::Rebalancing);
        self.revoking = None;
        self.held_back = None;
        self.assigned = None;
        self.workers.iter_mut().for_each(WorkerLink::lose);
    }

    /// Gives the workers their assignment, once all members are known to run the same topology. Returns whether it
    /// did.
    fn hand_out(&mut self, status: &Status, workers: usize) -> bool {
        let Some((tasks, metadata)) = self.held_back.take_if(|_| self.fellows.is_settled()) else { return false };
        let shares = share_out(&tasks, &self.owners, workers);
        self.owners = shares
            .iter()
            .enumerate()
            .flat_map(|(worker, tasks)| tasks.iter().map(move |task| (*task, worker)))
            .collect();
        status.desk.set_owners(&self.owners);
        self.assigned = Some(metadata.clone());
        for (worker, tasks) in self.workers.iter_mut().zip(shares) {
            worker.assign(tasks, metadata.clone());
        }
        true
    }

    /// Acknowledges a revocation when every worker has committed or missed the deadline.
    fn end_revocation(&mut self, now: Duration) {
        let Some(revoking) = &self.revoking else { return };
        if revoking.waiting_for.is_empty() {
            self.revoking = None;
            self.member.acknowledge_revoked();
        } else if now >= revoking.deadline {
            tracing::warn!(workers = ?revoking.waiting_for, "tasks could not be committed before the rebalance's deadline; they are given up");
            let late = revoking.waiting_for.clone();
            self.revoking = None;
            for number in late {
                if let Some(worker) = self.workers.get_mut(number) {
                    worker.lose();
                }
            }
            self.member.acknowledge_revoked();
        }
    }

    /// A refused commit has two possible causes. If the group has moved on, it says so and makes a new assignment. If
    /// the transaction was open for too long, nothing more will come, and the tasks are still ours.
    fn give_tasks_again(&mut self, now: Duration) {
        let (Some(metadata), false) = (&self.assigned, self.stopping) else { return };
        for (number, worker) in self.workers.iter_mut().enumerate() {
            if worker.refused.as_ref().is_some_and(|refused| !refused.has_tasks_again && now >= refused.at) {
                let owners = self.owners.iter().filter(|(_, owner)| **owner == number);
                worker.assign(owners.map(|(task, _)| *task).collect(), metadata.clone());
                worker.refused = Some(Refused { at: now, has_tasks_again: true });
            }
        }
    }

    /// The worker that sent an answer, if the answer is to its last command.
    fn answering(&mut self, worker: usize, epoch: u64) -> Option<&mut WorkerLink> {
        self.workers.get_mut(worker).filter(|worker| worker.epoch == epoch)
    }

    fn take(&mut self, report: Report, now: Duration, status: &Status) {
        match report {
            Report::Running { worker, epoch } => {
                if let Some(worker) = self.answering(worker, epoch) {
                    worker.running = true;
                }
            }
            Report::Opening { worker, epoch } => {
                if let Some(worker) = self.answering(worker, epoch) {
                    worker.running = false;
                    status.become_state(AppState::Rebalancing);
                }
            }
            Report::Revoked { worker, epoch } => {
                if self.answering(worker, epoch).is_some()
                    && let Some(revoking) = &mut self.revoking
                {
                    revoking.waiting_for.remove(&worker);
                }
            }
            Report::Fenced { worker, epoch } => {
                if let Some(worker) = self.answering(worker, epoch) {
                    worker.running = false;
                    let at = worker.refused.take().map_or(now, |last| last.at + REFUSED_AGAIN_AFTER);
                    worker.refused = Some(Refused { at, has_tasks_again: false });
                    status.become_state(AppState::Rebalancing);
                }
            }
            Report::Failed { worker, error, verdict } => {
                if verdict == Uncaught::StopApplication {
                    self.call_all(&error);
                }
                tracing::debug!(worker, "a worker has failed");
                status.turns.worker_fails();
                self.fail(error, status);
            }
            Report::Stalled(stall) => self.take_stall(&stall, status),
            Report::Stopped { worker } => {
                if let Some(revoking) = &mut self.revoking {
                    revoking.waiting_for.remove(&worker);
                }
                if let Some(worker) = self.workers.get_mut(worker) {
                    worker.stopped = true;
                }
            }
        }
    }
}

impl WorkerLink {
    fn assign(&mut self, tasks: BTreeSet<TaskId>, metadata: GroupMetadata) {
        let epoch = self.next_epoch();
        self.tell(Command::Assign { tasks, metadata, epoch });
    }

    fn revoke(&mut self, tasks: BTreeSet<TaskId>, metadata: GroupMetadata) {
        let epoch = self.next_epoch();
        self.tell(Command::Revoke { tasks, metadata, epoch });
    }

    fn lose(&mut self) {
        self.next_epoch();
        self.tell(Command::Lose);
    }

    fn next_epoch(&mut self) -> u64 {
        self.running = false;
        self.epoch += 1;
        self.epoch
    }

    fn tell(&self, command: Command) {
        // A worker whose thread has ended has already reported why.
        let _ = self.commands.send(command);
        self.doorbell.ring();
    }
}
