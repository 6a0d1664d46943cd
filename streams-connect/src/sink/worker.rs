//! A sink's loop, on a thread of its own: hears of its partitions, fetches, writes, and notes how far it is.
//!
//! A zombie, a process that was stopped for so long that others have its partitions, finds out before it writes: a target that
//! keeps positions refuses it ([`TargetError::Fenced`]), and it takes the partition again only after the group has confirmed
//! that it is a member still.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use streams_core::client::{Client, DeadLetters};
use streams_core::log::{
    Admin, CommitOutcome, Committer, Consumer, ConsumerOptions, FetchEvent, GroupMetadata, GroupPlan, Isolation, Log,
    LogError, LogErrorKind, Member, MemberEvent, MemberOptions, OffsetToCommit, PlannedSubtopology, Reply,
};
use streams_core::record::{Offset, TaskId, TopicPartition};

use super::patience::Patience;
use super::progress::Progress;
use super::share::{Flow, Share};
use super::{OnRefused, Sink, SinkError, TargetError};

/// The longest wait for news.
const IDLE: Duration = Duration::from_millis(200);

/// How often the group hears how far the sink is, and how long such a request may take.
const NOTE_EVERY: Duration = Duration::from_secs(1);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How long leaving the group may take.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);

/// How many records are fetched between two looks at everything else.
const FETCH: usize = 5_000;

/// How long a member may take to give its partitions up. It does so at once, unless the target takes long to write.
const REBALANCE_TIMEOUT: Duration = Duration::from_secs(60);

/// Distinguishes the members of one process.
static MEMBERS: AtomicU64 = AtomicU64::new(0);

pub(super) struct Worker {
    sink: Sink,
    progress: Arc<Progress>,
    log: Arc<dyn Log>,
    admin: Arc<dyn Admin>,
    consumer: Box<dyn Consumer>,
    /// `None` until the topic is there.
    group: Option<Group>,
    /// Partitions that are this member's and that the target has not taken over yet.
    wanted: BTreeSet<TopicPartition>,
    /// Partitions that somebody has taken, says the target, and of which the group has not said yet whose they are; and how far
    /// they were.
    doubted: BTreeMap<TopicPartition, Offset>,
    shares: BTreeMap<TopicPartition, Share>,
    patience: Patience,
    /// Where refused records go, once there was one.
    letters: Option<DeadLetters>,
    noted_at: Instant,
    looked_at: Instant,
    events: Vec<FetchEvent>,
}

/// A membership.
struct Group {
    member: Box<dyn Member>,
    committer: Arc<dyn Committer>,
    partitions: u32,
    /// While partitions are assigned.
    metadata: Option<GroupMetadata>,
}

impl Worker {
    pub(super) fn new(sink: Sink, log: Arc<dyn Log>, progress: Arc<Progress>) -> Result<Self, SinkError> {
        let failed = |error: LogError| SinkError::Log { sink: sink.name.clone(), error };
        let admin = log.admin(progress.doorbell.clone()).map_err(failed)?;
        let options = ConsumerOptions {
            client_id: sink.name.clone(),
            isolation: Isolation::ReadCommitted,
            ..ConsumerOptions::default()
        };
        let consumer = log.consumer(options, progress.doorbell.clone()).map_err(failed)?;
        let now = Instant::now();
        Ok(Self {
            sink,
            progress,
            log,
            admin,
            consumer,
            group: None,
            wanted: BTreeSet::new(),
            doubted: BTreeMap::new(),
            shares: BTreeMap::new(),
            patience: Patience::new(),
            letters: None,
            noted_at: now,
            looked_at: now,
            events: Vec::new(),
        })
    }

    /// Carries records until it is stopped, or cannot go on. What it says is printed if nobody listens to what is logged.
    pub(super) fn run(self) {
        streams_core::aloud(|| self.run_aloud());
    }

    fn run_aloud(mut self) {
        // A target may have closures of the user's. Whoever waits for the sink must hear of its end, whatever that is.
        let carried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.carry()));
        let outcome = carried.unwrap_or_else(|_| {
            let reason = "its target has panicked; see what was printed".to_owned();
            Err(SinkError::Thread { sink: self.sink.name.clone(), reason })
        });
        if let Err(error) = &outcome {
            tracing::error!(target: "millstream", %error, "{error}");
        }
        self.leave();
        self.progress.has_ended(outcome);
    }

    fn carry(&mut self) -> Result<(), SinkError> {
        while !self.progress.is_stopping() {
            self.attend_group()?;
            let mut is_busy = self.fetch()?;
            if self.patience.left().is_none() {
                self.ask_for_doubted();
                self.take_wanted()?;
                is_busy |= self.write()?;
            }
            if self.noted_at.elapsed() >= NOTE_EVERY {
                self.note_positions();
            }
            if !is_busy {
                let idle = self.patience.left().map_or(IDLE, |left| left.min(IDLE));
                self.progress.doorbell.wait(idle);
            }
        }
        Ok(())
    }

    // The group.

    fn attend_group(&mut self) -> Result<(), SinkError> {
        if self.group.is_none() && !self.join()? {
            return Ok(());
        }
        if self.looked_at.elapsed() >= self.log.topic_interval() {
            self.look_for_partitions()?;
        }
        while let Some(event) = self.group.as_mut().and_then(|group| group.member.poll()) {
            match event {
                MemberEvent::Assigned { tasks, metadata } => self.assigned(&tasks, metadata),
                MemberEvent::Revoked { .. } => {
                    self.note_positions();
                    self.give_up_all();
                    if let Some(group) = &mut self.group {
                        group.metadata = None;
                        group.member.acknowledge_revoked();
                    }
                }
                MemberEvent::Lost => {
                    self.give_up_all();
                    if let Some(group) = &mut self.group {
                        group.metadata = None;
                    }
                }
                MemberEvent::Failed(error) if error.is_transient() => self.wait_out(error.message),
                MemberEvent::Failed(error) => return Err(self.log_error(error)),
                MemberEvent::Replaced => {
                    // Only static members are replaced, and this is none.
                    self.give_up_all();
                    self.group = None;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Joins the group, if the topic is there.
    fn join(&mut self) -> Result<bool, SinkError> {
        if self.patience.left().is_some() {
            return Ok(false);
        }
        let Some(partitions) = self.partitions()? else { return Ok(false) };
        let name = &self.sink.name;
        let number = MEMBERS.fetch_add(1, Ordering::Relaxed);
        let plan = PlannedSubtopology { id: 0, topics: [(Arc::clone(&self.sink.topic), partitions)].into() };
        let options = MemberOptions {
            group: name.clone(),
            client_id: format!("{name}-{}-{number}", std::process::id()),
            instance_id: None,
            plan: GroupPlan { subtopologies: vec![plan] },
            session_timeout: self.sink.session_timeout,
            rebalance_timeout: REBALANCE_TIMEOUT,
        };
        let member = self.log.member(options, self.progress.doorbell.clone()).map_err(|error| self.log_error(error))?;
        let committer = member.committer();
        self.group = Some(Group { member, committer, partitions, metadata: None });
        self.looked_at = Instant::now();
        Ok(true)
    }

    /// How many partitions the topic has; `None` if that is not known now.
    fn partitions(&mut self) -> Result<Option<u32>, SinkError> {
        let topic = self.sink.topic.to_string();
        match answer(self.admin.topics(Some(vec![topic.clone()]))) {
            Ok(topics) => match topics.first() {
                Some(topic) => Ok(Some(topic.partitions)),
                None => {
                    self.wait_out(format!("there is no topic `{topic}`; it is waited for"));
                    Ok(None)
                }
            },
            Err(error) if error.is_transient() => {
                self.wait_out(error.message);
                Ok(None)
            }
            Err(error) => Err(self.log_error(error)),
        }
    }

    /// A topic may have got more partitions, which nobody would be assigned under the old plan.
    fn look_for_partitions(&mut self) -> Result<(), SinkError> {
        self.looked_at = Instant::now();
        let Some(now) = self.partitions()? else { return Ok(()) };
        if self.group.as_ref().is_some_and(|group| group.partitions != now) {
            tracing::info!(target: "millstream", "sink `{}`: topic `{}` has {now} partitions now", self.sink.name, self.sink.topic);
            self.leave();
        }
        Ok(())
    }

    fn assigned(&mut self, tasks: &BTreeSet<TaskId>, metadata: GroupMetadata) {
        let partition = |task: &TaskId| TopicPartition::new(Arc::clone(&self.sink.topic), task.partition.0);
        let assigned: BTreeSet<TopicPartition> = tasks.iter().map(partition).collect();
        let gone: Vec<TopicPartition> = self.shares.keys().filter(|share| !assigned.contains(share)).cloned().collect();
        gone.iter().for_each(|partition| self.give_up(partition));
        self.doubted.clear();
        self.wanted = assigned.into_iter().filter(|partition| !self.shares.contains_key(partition)).collect();
        if let Some(group) = &mut self.group {
            group.metadata = Some(metadata);
        }
    }

    fn give_up_all(&mut self) {
        self.wanted.clear();
        self.doubted.clear();
        let shares: Vec<TopicPartition> = self.shares.keys().cloned().collect();
        shares.iter().for_each(|partition| self.give_up(partition));
    }

    fn give_up(&mut self, partition: &TopicPartition) {
        self.consumer.remove(partition);
        self.sink.target.release(partition);
        self.shares.remove(partition);
        self.progress.has_released(partition);
    }

    fn leave(&mut self) {
        self.note_positions();
        self.give_up_all();
        let Some(mut group) = self.group.take() else { return };
        let began = Instant::now();
        while group.member.leave().is_pending() && began.elapsed() < LEAVE_WITHIN {
            self.progress.doorbell.wait(Duration::from_millis(10));
        }
    }

    // Positions.

    /// Takes over what was assigned. The target says where to go on.
    fn take_wanted(&mut self) -> Result<(), SinkError> {
        while let Some(partition) = self.wanted.first().cloned() {
            let begin = match self.begin(&partition) {
                Ok(begin) => begin,
                Err(error) if error.is_transient() => {
                    self.wait_out(error.message);
                    return Ok(());
                }
                Err(error) => return Err(self.log_error(error)),
            };
            match self.sink.target.take(&partition, begin) {
                Ok(from) => {
                    self.all_is_well();
                    self.consumer.add(&partition, from);
                    self.progress.has_reached(&partition, from);
                    self.wanted.remove(&partition);
                    self.shares.insert(partition, Share::new(from));
                }
                Err(TargetError::Unavailable(reason)) => {
                    self.wait_out(reason);
                    return Ok(());
                }
                Err(error) => return Err(self.target_error(error)),
            }
        }
        Ok(())
    }

    /// The group's position, or else the first offset.
    fn begin(&self, partition: &TopicPartition) -> Result<Offset, LogError> {
        let unknown = || LogError::new(LogErrorKind::Unavailable, format!("{partition}: there is no group"));
        let committer = self.group.as_ref().map(|group| &group.committer).ok_or_else(unknown)?;
        let committed = answer(committer.committed(vec![partition.clone()]))?;
        if let Some(committed) = committed.into_iter().next().flatten() {
            return Ok(committed.offset);
        }
        let start = answer(self.admin.start_offsets(vec![partition.clone()]))?;
        start.into_iter().next().ok_or_else(unknown)
    }

    /// Tells the group how far it is, so that lag can be seen; targets without positions of their own rely on it.
    fn note_positions(&mut self) {
        self.noted_at = Instant::now();
        let offsets: Vec<OffsetToCommit> = self
            .shares
            .iter()
            .filter_map(|(partition, share)| {
                let offset = share.uncommitted()?;
                Some(OffsetToCommit { partition: partition.clone(), offset, metadata: String::new() })
            })
            .collect();
        if offsets.is_empty() {
            return;
        }
        // Whatever has failed is tried again with the next note, and does no harm: what is written again is written once.
        if self.commit(offsets.clone()) == Some(CommitOutcome::Done) {
            for OffsetToCommit { partition, offset, .. } in offsets {
                if let Some(share) = self.shares.get_mut(&partition) {
                    share.has_committed(offset);
                }
            }
        }
    }

    /// `None` if there is no membership, or no answer.
    fn commit(&self, offsets: Vec<OffsetToCommit>) -> Option<CommitOutcome> {
        let group = self.group.as_ref()?;
        let metadata = group.metadata.as_ref()?;
        let mut reply = group.committer.commit(metadata, offsets);
        match reply.wait_at_most(ANSWER_WITHIN) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => None,
        }
    }

    // Records.

    fn fetch(&mut self) -> Result<bool, SinkError> {
        let mut events = std::mem::take(&mut self.events);
        self.consumer.fetch(FETCH, &mut events);
        let is_busy = !events.is_empty();
        for event in events.drain(..) {
            match event {
                FetchEvent::Records { partition, batch } => {
                    if let Some(share) = self.shares.get_mut(&partition) {
                        share.add(batch);
                        if share.flow() == Some(Flow::Pause) {
                            self.consumer.pause(&partition);
                        }
                    }
                }
                FetchEvent::End { .. } => {}
                FetchEvent::OutOfRange { partition, position } => {
                    return Err(SinkError::PositionLost { sink: self.sink.name.clone(), partition, position });
                }
                FetchEvent::Error { error, .. } if error.is_transient() => {
                    tracing::warn!(%error, "sink `{}`: {error}", self.sink.name);
                }
                FetchEvent::Error { error, .. } => return Err(self.log_error(error)),
            }
        }
        self.events = events;
        Ok(is_busy)
    }

    /// Writes a batch of each partition. Returns whether there was anything to write.
    fn write(&mut self) -> Result<bool, SinkError> {
        let partitions: Vec<TopicPartition> = self.shares.keys().cloned().collect();
        let mut is_busy = false;
        for partition in partitions {
            is_busy |= self.write_some(&partition)?;
            if self.patience.left().is_some() {
                return Ok(false);
            }
        }
        Ok(is_busy)
    }

    fn write_some(&mut self, partition: &TopicPartition) -> Result<bool, SinkError> {
        let Some(share) = self.shares.get_mut(partition) else { return Ok(false) };
        let Some((records, next)) = share.next(self.sink.batch) else { return Ok(false) };
        let count = records.len();
        match self.sink.target.write(partition, share.from(), &records, next) {
            Ok(()) => {
                share.advance(next);
                if share.flow() == Some(Flow::Resume) {
                    self.consumer.resume(partition);
                }
                self.progress.written.fetch_add(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
                self.progress.has_reached(partition, next);
                self.all_is_well();
            }
            Err(TargetError::Unavailable(reason)) => self.wait_out(reason),
            Err(TargetError::Refused { offset, reason }) => self.refused(partition, offset, reason)?,
            Err(TargetError::Fenced(reason)) => self.fenced(partition, &reason),
            Err(error) => return Err(self.target_error(error)),
        }
        Ok(true)
    }

    /// Leaves out a record that the target will never accept, if that is wished.
    fn refused(&mut self, partition: &TopicPartition, offset: Offset, reason: String) -> Result<(), SinkError> {
        let name = self.sink.name.clone();
        let Some(share) = self.shares.get_mut(partition) else { return Ok(()) };
        let record = share.record(offset);
        match (&self.sink.on_refused, record) {
            (OnRefused::Skip, _) => {}
            (OnRefused::DeadLetter(topic), Some(record)) => {
                let letters = match self.letters.take() {
                    Some(letters) => Ok(letters),
                    None => Client::new(Arc::clone(&self.log)).and_then(|client| client.dead_letters(topic)),
                };
                let added = letters.and_then(|letters| {
                    letters.add(&record, partition, &name, &reason)?;
                    Ok(letters)
                });
                self.letters = Some(added.map_err(|error| SinkError::DeadLetter {
                    sink: name.clone(),
                    partition: partition.clone(),
                    offset,
                    error: Box::new(error),
                })?);
            }
            // A record that was never handed over cannot be refused.
            (OnRefused::Fail, _) | (OnRefused::DeadLetter(_), None) => {
                let (partition, target) = (partition.clone(), self.sink.target.describe());
                return Err(SinkError::Refused { sink: name, target, partition, offset, reason });
            }
        }
        if !share.leave_out(offset) {
            let (partition, target) = (partition.clone(), self.sink.target.describe());
            return Err(SinkError::Refused { sink: name, target, partition, offset, reason });
        }
        self.progress.refused.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(target: "millstream", "sink `{name}` leaves out the record at offset {offset} of {partition}: {reason}");
        Ok(())
    }

    /// Somebody has taken the partition, so it is not written any more before the group has said whose it is.
    fn fenced(&mut self, partition: &TopicPartition, reason: &str) {
        tracing::warn!(
            target: "millstream",
            "sink `{}`: {partition} was taken by somebody else: {reason}",
            self.sink.name
        );
        let position = self.shares.get(partition).map_or(Offset(0), Share::from);
        self.give_up(partition);
        self.doubted.insert(partition.clone(), position);
    }

    /// Finds out whether this is a member still, by committing what it knows. If it is, what was taken is taken back; if it is not,
    /// the group will say what it has. As long as there is no answer, it is asked again.
    fn ask_for_doubted(&mut self) {
        if self.doubted.is_empty() {
            return;
        }
        let offsets = self.doubted.iter().map(|(partition, offset)| OffsetToCommit {
            partition: partition.clone(),
            offset: *offset,
            metadata: String::new(),
        });
        match self.commit(offsets.collect()) {
            Some(CommitOutcome::Done) => self.wanted.extend(std::mem::take(&mut self.doubted).into_keys()),
            Some(CommitOutcome::Fenced(_)) => self.doubted.clear(),
            _ => self.wait_out("the group does not say whose the partitions are".to_owned()),
        }
    }

    // Trouble.

    /// Tries again later.
    fn wait_out(&mut self, reason: String) {
        let pause = self.patience.lost();
        let attempts = self.progress.has_trouble(reason.clone());
        // At first, and then more and more rarely.
        if attempts.is_power_of_two() {
            tracing::warn!(
                target: "millstream",
                "sink `{}` waits ({attempts} attempts, the next one in {:.1} s): {reason}",
                self.sink.name,
                pause.as_secs_f32()
            );
        }
    }

    fn all_is_well(&mut self) {
        self.patience.regained();
        if let Some(trouble) = self.progress.is_well() {
            let attempts = trouble.attempts;
            tracing::info!(target: "millstream", "sink `{}` goes on after {attempts} failed attempts", self.sink.name);
        }
    }

    fn log_error(&self, error: LogError) -> SinkError {
        SinkError::Log { sink: self.sink.name.clone(), error }
    }

    fn target_error(&self, error: TargetError) -> SinkError {
        SinkError::Target { sink: self.sink.name.clone(), target: self.sink.target.describe(), error }
    }
}

/// The answer of the log.
fn answer<T>(mut reply: Reply<Result<T, LogError>>) -> Result<T, LogError> {
    let late =
        || LogError::new(LogErrorKind::Timeout, format!("the log has not answered for {} s", ANSWER_WITHIN.as_secs()));
    match reply.wait_at_most(ANSWER_WITHIN) {
        Poll::Ready(Some(answer)) => answer,
        Poll::Ready(None) | Poll::Pending => Err(late()),
    }
}
