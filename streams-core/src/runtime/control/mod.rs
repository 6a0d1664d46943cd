//! The control, of which each instance has one. It prepares topics, is the member of the group, distributes tasks
//! among the workers, and shuts everything down.
//!
//! `together.rs` connects the member and the workers; `status.rs` is what users' handles see.
//!
//! It is advanced by [`Control::step`] and, like a worker, never waits. It owns the state that users see.
//!
//! In a rebalance (classic protocol, KIP-447): the group revokes -> every worker commits and suspends -> the control
//! acknowledges the revocation -> the group assigns -> every worker gets its share, and keeps open the tasks it still
//! has. A worker that misses the deadline loses its tasks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::task::Poll;
use std::time::Duration;

use super::alignment::Alignment;
use super::directory::StateDirectory;
use super::failures::{ErrorPolicy, Uncaught};
use super::fellows::{Fellows, Identity};
use super::globals::GlobalTables;
use super::heard::Heard;
use super::home::Home;
use super::inputs::InputCheck;
use super::lifecycle::AppState;
use super::matching::TopicWatch;
use super::memory::MemoryPlan;
use super::plan::Plan;
use super::preparation::Preparation;
use super::queries::Floor;
use super::reach::Reach;
use super::store_report;
use super::voice::END;
use super::worker::{Common, WorkerSeed};
use super::{AppError, Guarantee, Settings};
use crate::clock::SharedClock;
use crate::config::StreamsConfig;
use crate::executor::SharedExecutor;
use crate::log::{Admin, Log, MemberOptions};
use crate::operators::handler::InFlightBudget;
use crate::random::SharedRandom;
use crate::state::{GlobalStore, StateBackend};
use crate::topology::Topology;

mod calling;
mod stalls;
mod status;
mod together;

pub(crate) use status::Status;

use calling::Calling;
use together::{Together, TogetherParts};

/// The longest wait without the doorbell ringing, because the member must be polled.
const WAIT_MAX: Duration = Duration::from_millis(50);

/// The parts that make up an instance.
pub(crate) struct InstanceParts {
    pub(crate) application_id: Arc<str>,
    pub(crate) topology: Arc<Topology>,
    pub(crate) settings: Arc<Settings>,
    /// What the program has asked for, before anything was decided.
    pub(crate) asked: Arc<StreamsConfig>,
    /// How much memory each part may use.
    pub(crate) memory: Arc<MemoryPlan>,
    /// What becomes of records that fail.
    pub(crate) policy: Arc<ErrorPolicy>,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) backend: Arc<dyn StateBackend>,
    pub(crate) clock: SharedClock,
    pub(crate) random: SharedRandom,
    /// Runs handlers.
    pub(crate) executor: SharedExecutor,
}

/// What the caller of [`Control::step`] should do.
pub(crate) enum ControlTurn {
    /// Call again at once.
    Busy,
    /// Call again when the doorbell rings, or after this long.
    Idle(Duration),
    /// Create and run workers from these, then call again.
    Spawn(Vec<WorkerSeed>),
    /// Everything has ended; the final state and error are in the [`Status`].
    Finished,
}

/// The control of one instance.
pub(crate) struct Control {
    parts: InstanceParts,
    directory: Arc<StateDirectory>,
    identity: Arc<Identity>,
    admin: Arc<dyn Admin>,
    status: Arc<Status>,
    phase: ControlPhase,
    span: tracing::Span,
}

enum ControlPhase {
    /// The global tables are kept if the instance begins again because other topics match its patterns.
    Preparing(Box<Preparation>, Option<Box<GlobalTables>>),
    ReadingGlobals(Plan, Box<GlobalTables>),
    Together(Box<Together>),
    /// It has ended, and calls all other instances to stop, too.
    Calling(Box<Calling>),
    Finished,
}

impl Control {
    /// Locks the state folder and starts looking topics up.
    pub(crate) fn new(parts: InstanceParts, status: Arc<Status>) -> Result<Self, AppError> {
        let home = Home::of(&*parts.backend, &parts.settings.state_dir, &parts.application_id)?;
        let directory = StateDirectory::new(home, &*parts.random)?;
        let admin = parts
            .log
            .admin(status.doorbell.clone())
            .map_err(|error| AppError::log("creating an admin client", error))?;
        let identity = identify(&parts, &directory)?;
        let preparation = preparation(&parts, &identity, &admin);
        status.become_state(AppState::Rebalancing);
        status.desk.open(Arc::clone(&parts.topology), Arc::clone(&parts.clock), Arc::clone(&parts.random));
        Ok(Self {
            span: tracing::info_span!("control", application = %parts.application_id),
            parts,
            directory: Arc::new(directory),
            identity,
            admin,
            status,
            phase: ControlPhase::Preparing(Box::new(preparation), None),
        })
    }

    /// Does a bounded amount of whatever there is to do.
    pub(crate) fn step(&mut self) -> ControlTurn {
        let _span = self.span.clone().entered();
        let turn = self.advance().unwrap_or_else(|error| {
            self.fail(error);
            ControlTurn::Busy
        });
        self.status.desk.step(*self.status.state.borrow(), true);
        self.status.desk.tell_news();
        turn
    }

    fn advance(&mut self) -> Result<ControlTurn, AppError> {
        let now = self.parts.clock.monotonic();
        self.status.turns.control_turns(now);
        match &mut self.phase {
            ControlPhase::Preparing(preparation, globals) => {
                if self.status.stop.load(Ordering::SeqCst) {
                    return Ok(self.end());
                }
                match preparation.poll(now) {
                    Poll::Pending => {
                        self.status.become_state(match preparation.is_out_of_reach() {
                            true => AppState::Disconnected,
                            false if preparation.waits_for_topics() => AppState::Running,
                            false => AppState::Rebalancing,
                        });
                        let wait = preparation.retry_at().map_or(WAIT_MAX, |at| at.saturating_sub(now));
                        Ok(ControlTurn::Idle(wait.min(WAIT_MAX).max(Duration::from_millis(1))))
                    }
                    Poll::Ready(plan) => {
                        let plan = plan?;
                        self.status.become_state(AppState::Rebalancing);
                        let globals = match globals.take() {
                            Some(globals) => globals,
                            None => {
                                if self.parts.settings.guarantee() == Guarantee::ExactlyOnce {
                                    plan.replicas.tell(&self.parts.application_id);
                                }
                                Box::new(self.open_globals(&plan)?)
                            }
                        };
                        self.phase = ControlPhase::ReadingGlobals(plan, globals);
                        Ok(ControlTurn::Busy)
                    }
                }
            }
            ControlPhase::ReadingGlobals(_, globals) => {
                if self.status.stop.load(Ordering::SeqCst) {
                    return Ok(self.end());
                }
                let busy = globals.step(now)?;
                if !globals.is_complete() {
                    return Ok(if busy { ControlTurn::Busy } else { ControlTurn::Idle(Duration::from_millis(1)) });
                }
                self.join()
            }
            ControlPhase::Together(together) => {
                let busy = together.step(now, &self.status, self.parts.settings.workers)?;
                if together.is_over() {
                    if together.begins_again() && !self.status.stop.load(Ordering::SeqCst) {
                        self.begin_again();
                        return Ok(ControlTurn::Busy);
                    }
                    let Some((options, reason)) = together.call() else { return Ok(self.end()) };
                    self.phase = ControlPhase::Calling(Box::new(self.calling(options, &reason, now)));
                    return Ok(ControlTurn::Busy);
                }
                Ok(if busy { ControlTurn::Busy } else { ControlTurn::Idle(WAIT_MAX) })
            }
            ControlPhase::Calling(calling) => {
                if calling.step(now) {
                    return Ok(self.end());
                }
                Ok(ControlTurn::Idle(WAIT_MAX))
            }
            ControlPhase::Finished => Ok(ControlTurn::Finished),
        }
    }

    fn calling(&self, options: MemberOptions, reason: &str, now: Duration) -> Calling {
        let (admin, identity) = (Arc::clone(&self.admin), Arc::clone(&self.identity));
        let client = (admin, identity, self.status.doorbell.clone());
        Calling::new(Arc::clone(&self.parts.log), client, options, (self.client_id(), reason), now)
    }

    /// What the names of this instance's clients begin with.
    fn client_id(&self) -> &str {
        self.parts.settings.client_id.as_deref().unwrap_or(&self.parts.application_id)
    }

    /// Makes a new plan, because there are other topics or partitions to read than before.
    fn begin_again(&mut self) {
        let ControlPhase::Together(together) = std::mem::replace(&mut self.phase, ControlPhase::Finished) else {
            return;
        };
        let preparation = preparation(&self.parts, &self.identity, &self.admin);
        self.phase = ControlPhase::Preparing(Box::new(preparation), Some(Box::new(together.into_globals())));
    }

    /// Looks for new topics that match a pattern, without waiting until that is due.
    pub(crate) fn look_for_topics(&mut self) {
        match &mut self.phase {
            ControlPhase::Preparing(preparation, _) => preparation.look_now(),
            ControlPhase::Together(together) => together.look_for_topics(self.parts.clock.monotonic()),
            ControlPhase::ReadingGlobals(..) | ControlPhase::Calling(..) | ControlPhase::Finished => {}
        }
    }

    /// The global tables' stores, once they are complete.
    pub(crate) fn global_stores(&self) -> Vec<Arc<GlobalStore>> {
        match &self.phase {
            ControlPhase::Together(together) => together.globals().stores().into_values().collect(),
            ControlPhase::Preparing(..)
            | ControlPhase::ReadingGlobals(..)
            | ControlPhase::Calling(..)
            | ControlPhase::Finished => Vec::new(),
        }
    }

    fn open_globals(&self, plan: &Plan) -> Result<GlobalTables, AppError> {
        GlobalTables::open(plan, &self.parts, Arc::clone(&self.admin), &self.directory, &self.status)
    }

    /// Joins the group and creates the workers.
    fn join(&mut self) -> Result<ControlTurn, AppError> {
        let ControlPhase::ReadingGlobals(plan, globals) = std::mem::replace(&mut self.phase, ControlPhase::Finished)
        else {
            return Ok(ControlTurn::Busy);
        };
        let settings = &self.parts.settings;
        let instance_id = self.directory.lasts().then(|| self.identity.instance_id(&plan.group));
        let replaced = AppError::Replaced {
            application_id: self.parts.application_id.to_string(),
            instance_id: instance_id.clone().unwrap_or_default(),
            state: self.directory.describe(),
        };
        let endpoint = self.status.whereabouts.endpoint();
        let options = MemberOptions {
            group: self.parts.application_id.to_string(),
            client_id: self.identity.client_id(self.client_id(), plan.seen(), endpoint.as_deref()),
            instance_id,
            plan: plan.group.clone(),
            session_timeout: settings.session_timeout,
            rebalance_timeout: settings.rebalance_timeout,
        };
        let member = self
            .parts
            .log
            .member(options.clone(), self.status.doorbell.clone())
            .map_err(|error| AppError::log("joining the group", error))?;
        let interval = settings.topic_interval(&*self.parts.log);
        let inputs = InputCheck::new(Arc::clone(&self.admin), &plan, interval);
        let topics = TopicWatch::new(
            Arc::clone(&self.admin),
            Arc::clone(&self.parts.topology),
            Arc::clone(&self.parts.application_id),
            plan.matched.clone(),
            interval,
        );
        let heard = Arc::new(Heard::new(self.parts.clock.monotonic(), settings.session_timeout));
        let (admin, identity) = (Arc::clone(&self.admin), Arc::clone(&self.identity));
        let (directory, whereabouts) = (Arc::clone(&self.directory), Arc::clone(&self.status.whereabouts));
        let fellows = Fellows::new(admin, identity, directory, whereabouts, plan.seen());
        let alignment = Alignment::of(settings, &plan)?;
        let common = Arc::new(Common {
            settings: Arc::clone(settings),
            memory: Arc::clone(&self.parts.memory),
            policy: Arc::clone(&self.parts.policy),
            plan,
            log: Arc::clone(&self.parts.log),
            backend: Arc::clone(&self.parts.backend),
            directory: Arc::clone(&self.directory),
            clock: Arc::clone(&self.parts.clock),
            random: Arc::clone(&self.parts.random),
            executor: Arc::clone(&self.parts.executor),
            in_flight: InFlightBudget::of(self.parts.memory.in_flight_bytes),
            committer: member.committer(),
            globals: globals.stores(),
            metrics: self.status.metrics.clone(),
            drops: self.status.drops.clone(),
            totals: self.status.totals.clone(),
            desk: Arc::clone(&self.status.desk),
            paused: Arc::clone(&self.status.paused),
            killed: Arc::clone(&self.status.killed),
            alignment,
            heard: Arc::clone(&heard),
            out_of_reach: AtomicBool::new(false),
        });
        let read = common.plan.group.topics().into_iter().map(|topic| topic.to_string());
        let reach = Reach::new(Arc::clone(&self.admin), self.parts.log.describe(), read);
        let parts = TogetherParts {
            admin: Arc::clone(&self.admin),
            member,
            options,
            replaced,
            heard,
            inputs,
            topics,
            fellows,
            reach,
            globals: *globals,
        };
        let (together, seeds) = Together::new(parts, &common, &self.status.doorbell);
        self.status.desk.furnish(Floor {
            plan: common.plan.group.clone(),
            partitions: common.plan.group.subtopologies.iter().map(|sub| (sub.id, sub.partitions())).collect(),
            globals: common.globals.clone(),
            inboxes: seeds.iter().map(|seed| seed.inbox.clone()).collect(),
        });
        self.status.turns.workers_are(seeds.iter().map(|seed| Arc::clone(&seed.pulse)));
        self.phase = ControlPhase::Together(Box::new(together));
        Ok(ControlTurn::Spawn(seeds))
    }

    /// How long an instance that stops waits for handlers.
    pub(crate) fn patience_with_handlers(&self) -> Duration {
        self.parts.settings.handler_stop_timeout
    }

    /// How long the group waits for a silent instance.
    pub(crate) fn session_timeout(&self) -> Duration {
        self.parts.settings.session_timeout
    }

    /// Whether the group has assigned tasks to this instance and has not revoked them.
    #[cfg(test)]
    pub(crate) fn is_assigned(&self) -> bool {
        matches!(&self.phase, ControlPhase::Together(together) if together.is_assigned())
    }

    /// Ends at once and leaves everything as a crash would.
    pub(crate) fn die(&mut self) {
        self.phase = ControlPhase::Finished;
        self.status.become_state(AppState::PendingError);
        self.status.become_state(AppState::Error);
        self.status.desk.close(AppState::Error);
    }

    /// Keeps the first error and shuts everything down.
    pub(crate) fn fail(&mut self, error: AppError) {
        tracing::error!(target: END, %error, "the application stops: {error}");
        if let ControlPhase::Together(together) = &mut self.phase
            && error.may_concern_all()
            && self.parts.policy.uncaught(&error) == Uncaught::StopApplication
        {
            together.call_all(&error);
        }
        self.status.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.status.become_state(AppState::PendingError);
        match &mut self.phase {
            ControlPhase::Together(together) => together.stop(),
            // If a phase fails while it is being replaced, `Finished` is left in its place.
            ControlPhase::Preparing(..)
            | ControlPhase::ReadingGlobals(..)
            | ControlPhase::Calling(..)
            | ControlPhase::Finished => {
                self.end();
            }
        }
    }

    /// As [`Control::fail`], for when the control itself has panicked. If it panics again during the shutdown, it
    /// drops everything; workers that no longer hear from it commit and stop.
    pub(crate) fn break_off(&mut self, error: AppError) {
        let was_stopping = matches!(&self.phase, ControlPhase::Together(together) if together.is_stopping());
        self.fail(error);
        if was_stopping {
            self.end();
        }
    }

    fn end(&mut self) -> ControlTurn {
        self.phase = ControlPhase::Finished;
        self.status.drops.tell_the_rest(self.parts.clock.now());
        if self.status.error().is_some() {
            self.status.become_state(AppState::PendingError);
            self.status.become_state(AppState::Error);
        } else {
            self.status.become_state(AppState::PendingShutdown);
            self.status.become_state(AppState::NotRunning);
        }
        self.status.desk.close(*self.status.state.borrow());
        ControlTurn::Finished
    }
}

fn preparation(parts: &InstanceParts, identity: &Arc<Identity>, admin: &Arc<dyn Admin>) -> Preparation {
    Preparation::new(
        Arc::clone(&parts.application_id),
        Arc::clone(identity),
        Arc::clone(&parts.topology),
        Arc::clone(&parts.settings),
        Arc::clone(admin),
        &*parts.log,
    )
}

/// Determines this program's identity in its group, and logs what has changed since the state on disk was last used.
fn identify(parts: &InstanceParts, directory: &StateDirectory) -> Result<Arc<Identity>, AppError> {
    let noted = directory.noted_topology()?;
    let id = &parts.application_id;
    let identity = Identity::new(id, directory.process_id(), parts.topology.fingerprint(), noted);
    if let Some(changes) = identity.changes() {
        tracing::warn!(application = %id, changes, "the topology is not the one that the state on disk was made by");
    }
    if let Some(stores) = identity.stores() {
        store_report::tell(id, &stores, &directory.describe())?;
    }
    Ok(Arc::new(identity))
}
