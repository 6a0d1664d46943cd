//! The control: one per instance. It prepares topics, is the group's member, hands tasks to the workers
//! and brings everything to an end.
//!
//! Like a worker it is advanced by [`Control::step`] and never waits. It owns the state that users see.
//!
//! In a rebalance (classic protocol, KIP-447): the group revokes -> every worker commits and suspends ->
//! the revocation is acknowledged -> the group assigns -> every worker gets its share, keeping open what
//! it still has. A worker that does not finish by the deadline loses its tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;

use super::assignment::share_out;
use super::directory::StateDirectory;
use super::fellows::{Fellows, Identity};
use super::globals::GlobalTables;
use super::inputs::InputCheck;
use super::lifecycle::AppState;
use super::metrics::MetricsBoard;
use super::plan::{Plan, external_topics};
use super::preparation::Preparation;
use super::reach::Reach;
use super::worker::{Command, Common, Report, WorkerSeed};
use super::{AppError, Settings};
use crate::clock::SharedClock;
use crate::log::{Admin, Doorbell, GroupMetadata, Log, Member, MemberEvent, MemberOptions};
use crate::record::TaskId;
use crate::state::{GlobalStore, StateBackend};
use crate::topology::Topology;

/// A worker whose commit was refused gets its tasks again at once, and then not more often than this.
const REFUSED_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How long a group that does not answer may keep an instance from ending: without a farewell it takes the
/// instance for dead when its session times out.
const LEAVE_PATIENCE: Duration = Duration::from_secs(10);

/// How long the control waits at most when nobody rings: the member must be polled.
const WAIT_MAX: Duration = Duration::from_millis(50);

/// What an instance is made of.
pub(crate) struct Parts {
    pub(crate) application_id: Arc<str>,
    pub(crate) topology: Arc<Topology>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) backend: Arc<dyn StateBackend>,
    pub(crate) clock: SharedClock,
}

/// The state before, and the state after.
pub(crate) type Transition = (AppState, AppState);

/// What an instance and its handles share.
pub(crate) struct Status {
    pub(crate) state: watch::Sender<AppState>,
    /// For threads that wait for a state: what async code waits on does not work everywhere for them.
    state_changed: (Mutex<()>, Condvar),
    /// Where each change of the state is told, until the last.
    transitions: Mutex<Option<Sender<Transition>>>,
    pub(crate) error: Mutex<Option<AppError>>,
    pub(crate) metrics: MetricsBoard,
    pub(crate) owners: Mutex<BTreeMap<TaskId, usize>>,
    pub(crate) stop: AtomicBool,
    /// Set to end everything at once, as a crash would.
    pub(crate) killed: Arc<AtomicBool>,
    pub(crate) paused: Arc<AtomicBool>,
    pub(crate) doorbell: Doorbell,
}

impl Status {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: watch::Sender::new(AppState::Created),
            state_changed: (Mutex::default(), Condvar::new()),
            transitions: Mutex::default(),
            error: Mutex::new(None),
            metrics: MetricsBoard::default(),
            owners: Mutex::default(),
            stop: AtomicBool::new(false),
            killed: Arc::default(),
            paused: Arc::default(),
            doorbell: Doorbell::new(),
        })
    }

    pub(crate) fn error(&self) -> Option<AppError> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Blocks until the state is one that `wanted` names, or the last.
    pub(crate) fn wait_until(&self, wanted: impl Fn(AppState) -> bool) -> AppState {
        let (changing, changed) = &self.state_changed;
        let mut guard = changing.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let state = *self.state.borrow();
            if wanted(state) || state.is_final() {
                return state;
            }
            guard = changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Every change of the state from now on; ends behind the last.
    pub(crate) fn transitions(&self) -> Receiver<Transition> {
        let (sender, receiver) = channel();
        self.transitions.lock().unwrap_or_else(PoisonError::into_inner).replace(sender);
        receiver
    }

    fn become_state(&self, next: AppState) {
        let from = *self.state.borrow();
        if from.may_become(next) {
            tracing::info!(%from, to = %next, "state");
            let (changing, changed) = &self.state_changed;
            let guard = changing.lock().unwrap_or_else(PoisonError::into_inner);
            self.state.send_replace(next);
            drop(guard);
            changed.notify_all();
            let mut transitions = self.transitions.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(sender) = &*transitions {
                // Nobody listens any more when the listening thread is gone.
                let _ = sender.send((from, next));
            }
            if next.is_final() {
                *transitions = None;
            }
        }
    }
}

/// What the caller of [`Control::step`] should do.
pub(crate) enum ControlTurn {
    /// Call again at once.
    Busy,
    /// Call again when the doorbell rings, or after this long.
    Idle(Duration),
    /// Make workers from these and run them; then call again.
    Spawn(Vec<WorkerSeed>),
    /// It is over; the final state and error are in the [`Status`].
    Finished,
}

/// The control of one instance.
pub(crate) struct Control {
    parts: Parts,
    directory: Arc<StateDirectory>,
    identity: Arc<Identity>,
    admin: Arc<dyn Admin>,
    status: Arc<Status>,
    phase: Phase,
    span: tracing::Span,
}

enum Phase {
    Preparing(Box<Preparation>),
    ReadingGlobals(Plan, Box<GlobalTables>),
    Together(Box<Together>),
    Finished,
}

/// The instance with its member and workers.
struct Together {
    member: Box<dyn Member>,
    /// When the member was last polled, for the workers.
    heard_ms: Arc<AtomicU64>,
    inputs: InputCheck,
    fellows: Fellows,
    reach: Reach,
    globals: GlobalTables,
    workers: Vec<WorkerLink>,
    reports: Receiver<Report>,
    owners: BTreeMap<TaskId, usize>,
    /// What the group has assigned, until it is clear that the fellows run the same program.
    held_back: Option<(BTreeSet<TaskId>, GroupMetadata)>,
    /// The generation in which the tasks are ours, from the assignment to the revocation.
    assigned: Option<GroupMetadata>,
    revoking: Option<Revoking>,
    stopping: bool,
    leaving_since: Option<Duration>,
    leaving: bool,
}

struct WorkerLink {
    commands: Sender<Command>,
    doorbell: Doorbell,
    /// The number of the last command that gave it tasks or took some away: an answer to another one is about the past.
    epoch: u64,
    running: bool,
    stopped: bool,
    refused: Option<Refused>,
}

/// A worker has dropped its tasks because its commit was refused.
struct Refused {
    at: Duration,
    has_tasks_again: bool,
}

struct Revoking {
    waiting_for: BTreeSet<usize>,
    deadline: Duration,
}

impl Control {
    /// Takes hold of the state folder and begins to look topics up.
    pub(crate) fn new(parts: Parts, status: Arc<Status>) -> Result<Self, AppError> {
        let directory = if parts.backend.is_persistent() {
            StateDirectory::open(&parts.settings.state_dir, &parts.application_id)?
        } else {
            StateDirectory::in_memory()
        };
        let admin = parts
            .log
            .admin(status.doorbell.clone())
            .map_err(|error| AppError::log("creating an admin client", error))?;
        let identity = identify(&parts, &directory)?;
        let preparation = Preparation::new(
            Arc::clone(&parts.application_id),
            Arc::clone(&identity),
            Arc::clone(&parts.topology),
            Arc::clone(&parts.settings),
            Arc::clone(&admin),
            parts.log.creates_output_topics(),
        );
        status.become_state(AppState::Rebalancing);
        Ok(Self {
            span: tracing::info_span!("control", application = %parts.application_id),
            parts,
            directory: Arc::new(directory),
            identity,
            admin,
            status,
            phase: Phase::Preparing(Box::new(preparation)),
        })
    }

    /// Does a bounded piece of everything there is to do.
    pub(crate) fn step(&mut self) -> ControlTurn {
        let _span = self.span.clone().entered();
        match self.advance() {
            Ok(step) => step,
            Err(error) => {
                self.fail(error);
                ControlTurn::Busy
            }
        }
    }

    fn advance(&mut self) -> Result<ControlTurn, AppError> {
        let now = self.parts.clock.monotonic();
        match &mut self.phase {
            Phase::Preparing(preparation) => {
                if self.status.stop.load(Ordering::SeqCst) {
                    return Ok(self.end());
                }
                match preparation.poll(now) {
                    Poll::Pending => {
                        self.status.become_state(match preparation.is_out_of_reach() {
                            true => AppState::Disconnected,
                            false => AppState::Rebalancing,
                        });
                        let wait = preparation.retry_at().map_or(WAIT_MAX, |at| at.saturating_sub(now));
                        Ok(ControlTurn::Idle(wait.min(WAIT_MAX).max(Duration::from_millis(1))))
                    }
                    Poll::Ready(plan) => {
                        let plan = plan?;
                        self.status.become_state(AppState::Rebalancing);
                        let globals = self.open_globals(&plan)?;
                        self.phase = Phase::ReadingGlobals(plan, Box::new(globals));
                        Ok(ControlTurn::Busy)
                    }
                }
            }
            Phase::ReadingGlobals(_, globals) => {
                if self.status.stop.load(Ordering::SeqCst) {
                    return Ok(self.end());
                }
                let busy = globals.step(now)?;
                if !globals.is_complete() {
                    return Ok(if busy { ControlTurn::Busy } else { ControlTurn::Idle(Duration::from_millis(1)) });
                }
                self.join()
            }
            Phase::Together(together) => {
                let busy = together.step(now, &self.status, self.parts.settings.workers)?;
                if together.is_over() {
                    return Ok(self.end());
                }
                Ok(if busy { ControlTurn::Busy } else { ControlTurn::Idle(WAIT_MAX) })
            }
            Phase::Finished => Ok(ControlTurn::Finished),
        }
    }

    /// The global tables' stores, once they are complete.
    pub(crate) fn global_stores(&self) -> Vec<Arc<GlobalStore>> {
        match &self.phase {
            Phase::Together(together) => together.globals.stores().into_values().collect(),
            Phase::Preparing(_) | Phase::ReadingGlobals(..) | Phase::Finished => Vec::new(),
        }
    }

    fn open_globals(&self, plan: &Plan) -> Result<GlobalTables, AppError> {
        GlobalTables::open(plan, &self.parts, Arc::clone(&self.admin), &self.directory, &self.status)
    }

    /// Joins the group and makes the workers.
    fn join(&mut self) -> Result<ControlTurn, AppError> {
        let Phase::ReadingGlobals(plan, globals) = std::mem::replace(&mut self.phase, Phase::Finished) else {
            return Ok(ControlTurn::Busy);
        };
        let settings = &self.parts.settings;
        let options = MemberOptions {
            group: self.parts.application_id.to_string(),
            client_id: self.identity.client_id(settings.client_id.as_deref().unwrap_or(&self.parts.application_id)),
            plan: plan.group.clone(),
            session_timeout: settings.session_timeout,
            rebalance_timeout: settings.rebalance_timeout,
        };
        let member = self
            .parts
            .log
            .member(options, self.status.doorbell.clone())
            .map_err(|error| AppError::log("joining the group", error))?;
        let inputs = InputCheck::new(Arc::clone(&self.admin), &plan.group);
        let heard_ms = Arc::new(AtomicU64::new(millis(self.parts.clock.monotonic())));
        let fellows = Fellows::new(Arc::clone(&self.admin), Arc::clone(&self.identity), Arc::clone(&self.directory));
        let shared = Arc::new(Common {
            settings: Arc::clone(settings),
            plan,
            log: Arc::clone(&self.parts.log),
            backend: Arc::clone(&self.parts.backend),
            directory: Arc::clone(&self.directory),
            clock: Arc::clone(&self.parts.clock),
            committer: member.committer(),
            globals: globals.stores(),
            metrics: self.status.metrics.clone(),
            paused: Arc::clone(&self.status.paused),
            killed: Arc::clone(&self.status.killed),
            heard_ms: Arc::clone(&heard_ms),
        });
        let topics = external_topics(&shared.plan.topology).sources.into_iter().map(|topic| topic.to_string());
        let reach = Reach::new(Arc::clone(&self.admin), topics);
        let (workers, seeds, reports) = link_workers(&shared, &self.status.doorbell);
        self.phase = Phase::Together(Box::new(Together {
            member,
            heard_ms,
            inputs,
            fellows,
            reach,
            globals: *globals,
            workers,
            reports,
            owners: BTreeMap::new(),
            held_back: None,
            assigned: None,
            revoking: None,
            stopping: false,
            leaving_since: None,
            leaving: false,
        }));
        Ok(ControlTurn::Spawn(seeds))
    }

    /// For how long the group waits for an instance that is silent.
    pub(crate) fn session_timeout(&self) -> Duration {
        self.parts.settings.session_timeout
    }

    /// Whether the group has said which tasks are this instance's, and has not taken it back.
    #[cfg(test)]
    pub(crate) fn is_assigned(&self) -> bool {
        matches!(&self.phase, Phase::Together(together) if together.assigned.is_some())
    }

    /// Ends at once, leaving everything as a crash would.
    pub(crate) fn die(&mut self) {
        self.phase = Phase::Finished;
        self.status.become_state(AppState::PendingError);
        self.status.become_state(AppState::Error);
    }

    /// Remembers the first error and brings everything to an end.
    pub(crate) fn fail(&mut self, error: AppError) {
        tracing::error!(%error, "the application cannot go on");
        self.status.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.status.become_state(AppState::PendingError);
        match &mut self.phase {
            Phase::Together(together) => together.stop(),
            // A phase that fails on its way to the next leaves `Finished` behind.
            Phase::Preparing(_) | Phase::ReadingGlobals(..) | Phase::Finished => {
                self.end();
            }
        }
    }

    /// As [`Control::fail`], when the control itself is broken: if it breaks again while it brings everything to an
    /// end, it lets go of everything. Workers that hear nothing more from it commit and stop.
    pub(crate) fn break_off(&mut self, error: AppError) {
        let was_stopping = matches!(&self.phase, Phase::Together(together) if together.stopping);
        self.fail(error);
        if was_stopping {
            self.end();
        }
    }

    fn end(&mut self) -> ControlTurn {
        self.phase = Phase::Finished;
        if self.status.error().is_some() {
            self.status.become_state(AppState::PendingError);
            self.status.become_state(AppState::Error);
        } else {
            self.status.become_state(AppState::PendingShutdown);
            self.status.become_state(AppState::NotRunning);
        }
        ControlTurn::Finished
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Who this program is in its group, and what has changed since the state on disk was last used.
fn identify(parts: &Parts, directory: &StateDirectory) -> Result<Arc<Identity>, AppError> {
    let noted = directory.noted_topology()?;
    let id = &parts.application_id;
    let identity = Identity::new(id, directory.process_id(), parts.topology.fingerprint(), noted);
    if let Some(changes) = identity.changes() {
        tracing::warn!(application = %id, changes, "the topology is not the one that the state on disk was made by");
    }
    Ok(Arc::new(identity))
}

/// What is needed to make the workers, and what the control keeps of them.
fn link_workers(shared: &Arc<Common>, control: &Doorbell) -> (Vec<WorkerLink>, Vec<WorkerSeed>, Receiver<Report>) {
    let (report, reports) = channel();
    let link = |number| {
        let (commands, receiver) = channel();
        let doorbell = Doorbell::new();
        let seed = WorkerSeed {
            number,
            shared: Arc::clone(shared),
            commands: receiver,
            reports: report.clone(),
            doorbell: doorbell.clone(),
            control_doorbell: control.clone(),
        };
        (WorkerLink { commands, doorbell, epoch: 0, running: false, stopped: false, refused: None }, seed)
    };
    let (workers, seeds) = (0..shared.settings.workers.max(1)).map(link).unzip();
    (workers, seeds, reports)
}

impl Together {
    fn step(&mut self, now: Duration, status: &Status, workers: usize) -> Result<bool, AppError> {
        let mut busy = self.globals.step(now)?;
        if status.stop.load(Ordering::SeqCst) && !self.stopping {
            status.become_state(AppState::PendingShutdown);
            self.stop();
        }
        while let Ok(report) = self.reports.try_recv() {
            busy = true;
            self.take(report, now, status);
        }
        if self.workers.iter().all(|worker| worker.stopped) {
            let since = *self.leaving_since.get_or_insert(now);
            self.leaving |= self.member.leave().is_ready() || now.saturating_sub(since) > LEAVE_PATIENCE;
            return Ok(busy);
        }
        if let Some(event) = self.member.poll() {
            busy = true;
            self.obey(event, now, status)?;
        }
        // Only now: what the poll has told is on its way to the workers.
        self.heard_ms.store(millis(now), Ordering::SeqCst);
        if !self.stopping {
            self.inputs.step(now)?;
            self.fellows.step(now)?;
            busy |= self.hand_out(status, workers);
        }
        self.reach.step(now);
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

    /// Whether every task processes records.
    fn is_running(&self) -> bool {
        self.assigned.is_some()
            && !self.stopping
            && self.revoking.is_none()
            && self.workers.iter().all(|worker| worker.running)
    }

    fn is_over(&self) -> bool {
        self.leaving
    }

    /// Asks all workers to commit and close.
    fn stop(&mut self) {
        if !std::mem::replace(&mut self.stopping, true) {
            self.workers.iter().for_each(|worker| worker.tell(Command::Stop));
        }
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
                // What was never handed out is not there to be suspended.
                let tasks = if self.held_back.take().is_some() { BTreeSet::new() } else { tasks };
                self.assigned = None;
                status.become_state(AppState::Rebalancing);
                self.revoking = Some(Revoking {
                    waiting_for: (0..self.workers.len())
                        .filter(|number| self.workers.get(*number).is_some_and(|worker| !worker.stopped))
                        .collect(),
                    // A little earlier than the group's own deadline: the acknowledgement must get there.
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
                status.become_state(AppState::Rebalancing);
                self.revoking = None;
                self.held_back = None;
                self.assigned = None;
                self.workers.iter_mut().for_each(WorkerLink::lose);
                Ok(())
            }
            MemberEvent::Failed(error) if error.is_transient() => {
                tracing::debug!(%error, "the group cannot be reached; trying again");
                self.reach.doubt(now);
                Ok(())
            }
            MemberEvent::Failed(error) => Err(AppError::log("being a member of the group", error)),
        }
    }

    /// Gives the workers what the group has assigned, once it is clear that the fellows run the same program;
    /// whether it did.
    fn hand_out(&mut self, status: &Status, workers: usize) -> bool {
        let Some((tasks, metadata)) = self.held_back.take_if(|_| self.fellows.is_settled()) else { return false };
        let shares = share_out(&tasks, &self.owners, workers);
        self.owners = shares
            .iter()
            .enumerate()
            .flat_map(|(worker, tasks)| tasks.iter().map(move |task| (*task, worker)))
            .collect();
        status.owners.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&self.owners);
        self.assigned = Some(metadata.clone());
        for (worker, tasks) in self.workers.iter_mut().zip(shares) {
            worker.assign(tasks, metadata.clone());
        }
        true
    }

    /// Acknowledges a revocation when every worker has committed, or is too late.
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

    /// A refused commit has two causes. The group has moved on: then it says so, and assigns anew. Or the
    /// transaction was open for too long: then nobody else says anything, and the tasks are still ours.
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

    /// The worker that answers, if it is its last command that it answers.
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
            Report::Failed { worker, error } => {
                tracing::error!(worker, %error, "the application stops because a worker failed");
                status.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                status.become_state(AppState::PendingError);
                self.stop();
            }
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
        // A worker whose thread is gone has reported why.
        let _ = self.commands.send(command);
        self.doorbell.ring();
    }
}
