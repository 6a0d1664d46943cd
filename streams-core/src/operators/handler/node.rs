//! A handler within a task.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::attempt::{End, Failure, FailureKind, HandleAll, Mailbox, Running, start};
use super::budget::{InFlightBudget, Share};
use super::permits::{Answer, Applicant, Permit, Permits};
use super::retry::Again;
use super::retry_topics::{Parked, RetryTopic, Returned};
use super::schedule::Schedule;
use super::{GiveUp, HandlerMetrics, HandlerOptions, Job, JobId, Retry};
use crate::executor::SharedExecutor;
use crate::log::{Doorbell, LogErrorKind};
use crate::operators::failures::{GivenUp, Judged, Verdict};
use crate::operators::{
    BuildError, BuiltNode, Context, DropReason, Flush, Next, NodeBuilder, OperatorError, Outputs, Recipe, StoreId,
};
use crate::random::SharedRandom;
use crate::record::{Headers, Partition, Record, RecordPosition, Timestamp};
use crate::state::in_flight::{Accepted, InFlightRows};
use crate::state::rows::RowError;
use crate::state::{StoreError, StoreErrorKind};
use crate::topic::TopicRef;
use crate::wire::Field;

/// What the runtime gives to handlers.
#[derive(Clone)]
pub(crate) struct Handling {
    /// Runs them.
    pub(crate) executor: SharedExecutor,
    /// Rings when one has ended, or may start.
    pub(crate) doorbell: Doorbell,
    /// For the pauses between attempts.
    pub(crate) random: SharedRandom,
    /// Whether a record may be handled only after the commit that accepted it.
    pub(crate) waits_for_commits: bool,
    /// What the records of all handlers may take.
    pub(crate) budget: InFlightBudget,
}

/// A node that has handlers running, as the runtime drives it.
pub(crate) trait Attend {
    /// The node's name.
    fn name(&self) -> &Arc<str>;

    /// Does what there is to do for handlers that have ended, and, with `may_start`, starts others. `now` is the time of
    /// the monotonic clock. Returns how many records have changed, or none if there is nothing to do.
    ///
    /// # Errors
    /// As [`Next::process`].
    fn attend(&mut self, context: &mut Context, now: Duration, may_start: bool) -> Result<usize, OperatorError>;

    /// Whether no more records should be processed for now.
    fn is_full(&self) -> bool;

    /// Whether there is nothing to attend to.
    fn is_idle(&self) -> bool;

    /// How many calls of handlers have not ended.
    fn running(&self) -> usize;

    /// How long to wait before [`Attend::attend`] has something to do, unless the doorbell rings before.
    fn next_due(&self, now: Duration) -> Option<Duration>;

    /// Everything that was flushed is committed.
    fn committed(&mut self);

    /// Cancels all handlers that run, as if they had not begun.
    fn withdraw(&mut self);

    /// What was done so far.
    fn metrics(&self) -> HandlerMetrics;
}

/// How many ends of attempts are looked at before the task does something else: the producer may be behind.
const ENDS_PER_LOOK: usize = 256;

/// When to look again if it was somebody else's turn to start a handler.
const NEXT_VISIT: Duration = Duration::from_millis(1);

fn later(time: Timestamp, by: Duration) -> Timestamp {
    Timestamp(time.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
}

/// Takes `Record<K, V>`, accepts it into the store, and forwards the value that the handler makes of it as `Record<K, R>`,
/// with the record's key, timestamp, headers and position. The sinks of its retry topics are its first children.
pub(crate) fn recipe<K, V, R>(
    (store, topics): (StoreId, Vec<(Duration, TopicRef)>),
    options: HandlerOptions,
    handler: HandleAll<K, V, R>,
) -> Recipe
where
    K: Field,
    V: Field,
    R: Clone + Send + 'static,
{
    let (permits, options) = (Permits::new(options.concurrency), Arc::new(options));
    Recipe::new(move |builder| {
        let node = HandlerNode::new(builder, (store, &topics), &options, &permits, Arc::clone(&handler))?;
        let node = Rc::new(RefCell::new(node));
        builder.flush_at_commit(Rc::clone(&node) as _);
        builder.attend(Rc::clone(&node) as _);
        Ok(BuiltNode::shared::<K, V, _>(&node))
    })
}

struct HandlerNode<K, V, R> {
    node: Arc<str>,
    store: Arc<str>,
    partition: i32,
    options: Arc<HandlerOptions>,
    handler: HandleAll<K, V, R>,
    handling: Handling,
    rows: Rc<RefCell<InFlightRows>>,
    /// What the rows take of the common budget.
    share: Share,
    schedule: Schedule,
    applicant: Applicant,
    mailbox: Mailbox<R>,
    attempts: BTreeMap<u64, Attempt>,
    next_attempt: u64,
    /// The number after the last record that is flushed.
    flushed_to: i64,
    /// Since when some record may start, if batches wait for more.
    ready_since: Option<Duration>,
    /// Why not all handlers were started that have something to do.
    obstacle: Option<Obstacle>,
    /// The input record in hand, and how many records came that were made of it.
    in_hand: (Option<RecordPosition>, u32),
    outputs: Outputs<K, R>,
    retry_topics: Vec<RetryTopic>,
    counts: HandlerMetrics,
}

/// A call of the handler that has not ended.
struct Attempt {
    records: Vec<i64>,
    /// When it has taken too long.
    deadline: Duration,
    _running: Running,
}

/// Why no handler may start.
#[derive(Debug, Clone, Copy)]
enum Obstacle {
    /// It is another task's turn.
    OthersTurn,
    /// As many run as may, and the doorbell rings when one has ended.
    AllTaken,
}

impl<K: Field, V: Field, R: Clone + Send + 'static> HandlerNode<K, V, R> {
    fn new(
        builder: &mut NodeBuilder<'_>,
        (store, topics): (StoreId, &[(Duration, TopicRef)]),
        options: &Arc<HandlerOptions>,
        permits: &Permits,
        handler: HandleAll<K, V, R>,
    ) -> Result<Self, BuildError> {
        let handling = builder.handling()?;
        let rows = builder.marked_store(store, InFlightRows::new)?;
        Ok(Self {
            node: Arc::clone(builder.name()),
            store: Arc::clone(builder.access(store)?.name()),
            partition: builder.task().partition.0,
            options: Arc::clone(options),
            handler,
            rows,
            share: handling.budget.share(),
            schedule: Schedule::new(options.order, handling.waits_for_commits),
            applicant: permits.applicant(handling.doorbell.clone()),
            mailbox: Mailbox::new(handling.doorbell.clone()),
            handling,
            attempts: BTreeMap::new(),
            next_attempt: 0,
            flushed_to: 0,
            ready_since: None,
            obstacle: None,
            in_hand: (None, 0),
            outputs: builder.outputs_behind(topics.len())?,
            retry_topics: RetryTopic::all(builder, topics)?,
            counts: HandlerMetrics::default(),
        })
    }

    /// Reads what was accepted before the task was opened, all of which is committed.
    fn load(&mut self, wall_clock: Timestamp, now: Duration) -> Result<(), OperatorError> {
        let mut rows = self.rows.borrow_mut();
        if !rows.load().map_err(|error| OperatorError::rows(&self.node, error))? {
            return Ok(());
        }
        self.schedule.committed(rows.next_number());
        // The clock may have been set since.
        let longest = self.options.retry.as_ref().map_or(Duration::MAX, Retry::longest);
        for (number, accepted) in rows.iter() {
            if !self.schedule.add(number, accepted.key.as_deref()) {
                continue;
            }
            match u64::try_from(accepted.due.0.saturating_sub(wall_clock.0)) {
                Ok(left) if left > 0 && accepted.due != Timestamp::UNKNOWN => {
                    self.schedule.delay(number, now.saturating_add(Duration::from_millis(left).min(longest)));
                }
                _ => self.schedule.offer(number),
            }
        }
        Ok(())
    }

    /// Encodes a record as it is kept.
    fn accepted(&mut self, context: &Context, record: Record<K, V>) -> Result<Accepted, OperatorError> {
        let is_back = |position: &RecordPosition| self.retry_topics.iter().any(|topic| topic.name == position.topic);
        if context.position.as_ref().is_some_and(is_back)
            && let Some(Returned { position, first, ordinal, attempts, headers }) = Returned::read(&record.headers)?
        {
            let accepted = self.encoded(Record { headers: Headers::new(), ..record })?;
            return Ok(Accepted { position, first, ordinal, attempts, headers, ..accepted });
        }
        let (position, accepted) = (context.position.clone(), self.encoded(record)?);
        let ordinal = if position.is_some() && position == self.in_hand.0 { self.in_hand.1 + 1 } else { 0 };
        self.in_hand = (position.clone(), ordinal);
        Ok(Accepted { position, ordinal, ..accepted })
    }

    fn encoded(&self, record: Record<K, V>) -> Result<Accepted, OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        let encoded = |field: Result<(bool, Vec<u8>), _>| match field {
            Ok((true, bytes)) => Ok(Some(bytes.into_boxed_slice())),
            Ok((false, _)) => Ok(None),
            Err(error) => Err(OperatorError::Encode { node: self.node.to_string(), error }),
        };
        let mut bytes = (Vec::new(), Vec::new());
        let key = encoded(key.write(&mut bytes.0).map(|is_there| (is_there, bytes.0)))?;
        let value = encoded(value.write(&mut bytes.1).map(|is_there| (is_there, bytes.1)))?;
        let due = Timestamp::UNKNOWN;
        Ok(Accepted { position: None, ordinal: 0, first: None, timestamp, headers, key, value, attempts: 0, due })
    }

    /// An accepted record as the handler gets it.
    fn job(&self, number: i64) -> Result<Job<K, V>, OperatorError> {
        let rows = self.rows.borrow();
        let accepted = rows.get(number).ok_or_else(|| self.unreadable("it has no record of that number"))?;
        let key = self.key(&rows, accepted)?;
        let value = V::read(accepted.value.as_deref()).map_err(|error| self.unreadable(&error.to_string()))?;
        Ok(Job {
            key,
            value,
            timestamp: accepted.timestamp,
            headers: accepted.headers.clone(),
            id: JobId::of(accepted, &self.store, self.partition, number),
            attempt: accepted.attempts.saturating_add(1),
            executor: Arc::clone(&self.handling.executor),
        })
    }

    fn key(&self, rows: &InFlightRows, accepted: &Accepted) -> Result<K, OperatorError> {
        let mut key = K::read(accepted.key.as_deref()).map_err(|error| self.unreadable(&error.to_string()))?;
        key.set_window_sizes(rows.windows().as_slice());
        Ok(key)
    }

    #[cold]
    fn unreadable(&self, reason: &str) -> OperatorError {
        let message = format!(
            "store {} holds a record that cannot be read: {reason}; if the type or its format has changed, give the handler \
             another name, or reset the application",
            self.store
        );
        OperatorError::rows(&self.node, RowError::Store(StoreError::new(StoreErrorKind::Decode, message)))
    }

    /// Starts handlers for as many records as may start.
    fn start_all(&mut self, now: Duration) -> Result<usize, OperatorError> {
        self.schedule.pass_time(now);
        self.obstacle = None;
        let mut started = 0;
        while self.has_batch(now) {
            match self.applicant.ask() {
                Answer::Granted(permit) => started += self.start(now, permit)?,
                Answer::NotYet => self.obstacle = Some(Obstacle::OthersTurn),
                Answer::AllTaken => self.obstacle = Some(Obstacle::AllTaken),
            }
            if self.obstacle.is_some() {
                return Ok(started);
            }
        }
        self.applicant.withdraw();
        Ok(started)
    }

    /// Whether a handler has something to start with.
    fn has_batch(&mut self, now: Duration) -> bool {
        let ready = self.schedule.ready();
        if ready == 0 {
            self.ready_since = None;
            return false;
        }
        let since = *self.ready_since.get_or_insert(now);
        ready >= self.options.batch || now >= since.saturating_add(self.options.linger)
    }

    fn start(&mut self, now: Duration, permit: Permit) -> Result<usize, OperatorError> {
        let records = self.schedule.take(self.options.batch);
        self.ready_since = None;
        let jobs = records.iter().map(|number| self.job(*number)).collect::<Result<Vec<_>, _>>()?;
        let (number, started) = (self.next_attempt, records.len());
        self.next_attempt += 1;
        let running = start(&*self.handling.executor, &self.handler, jobs, (number, &self.mailbox), permit);
        let deadline = now.saturating_add(self.options.timeout);
        self.attempts.insert(number, Attempt { records, deadline, _running: running });
        Ok(started)
    }

    /// Does what there is to do for an attempt that has ended. One that nobody waits for any more has no effect.
    fn ended(
        &mut self,
        context: &mut Context,
        now: Duration,
        (attempt, end): (u64, End<R>),
    ) -> Result<usize, OperatorError> {
        let Some(Attempt { records, .. }) = self.attempts.remove(&attempt) else { return Ok(0) };
        let count = records.len();
        let end = end.and_then(|results| match results.len() {
            results if results != count => {
                let reason = format!("it returned {results} results for {count} records");
                Err(Failure::new(FailureKind::Error, reason))
            }
            _ => Ok(results),
        });
        match end {
            Ok(results) => {
                for (number, result) in records.into_iter().zip(results) {
                    match result {
                        Ok(value) => self.succeeded(context, number, value)?,
                        Err(failure) => self.failed(context, now, number, &failure)?,
                    }
                }
            }
            Err(failure) => {
                records.into_iter().try_for_each(|number| self.failed(context, now, number, &failure))?;
            }
        }
        Ok(count)
    }

    /// Sends on what was made of a record.
    fn succeeded(&mut self, context: &mut Context, number: i64, value: R) -> Result<(), OperatorError> {
        let Some(accepted) = self.rows.borrow_mut().remove(number) else { return Ok(()) };
        self.schedule.done(number, accepted.key.as_deref());
        self.counts.succeeded += 1;
        let key = self.key(&self.rows.borrow(), &accepted)?;
        context.position.clone_from(&accepted.position);
        let record = Record { key, value, timestamp: accepted.timestamp, headers: accepted.headers.clone() };
        let outputs = &self.outputs;
        context.release_made_of(&accepted, |context| outputs.forward(context, record))
    }

    /// Lets a record wait for another attempt, or gives it up.
    fn failed(
        &mut self,
        context: &mut Context,
        now: Duration,
        number: i64,
        failure: &Failure,
    ) -> Result<(), OperatorError> {
        let Some(attempts) = self.rows.borrow_mut().failed(number) else { return Ok(()) };
        let Some(accepted) = self.rows.borrow().get(number).cloned() else { return Ok(()) };
        let job = JobId::of(&accepted, &self.store, self.partition, number).to_string().into();
        let (node, mut reason) = (self.node.to_string(), failure.reason.clone());
        context.position.clone_from(&accepted.position);
        let may_retry = failure.kind != FailureKind::Permanent;
        let retry = self.options.retry.as_ref().filter(|_| may_retry);
        let again = retry.and_then(|retry| retry.again(attempts, &*self.handling.random));
        if let Some(Again::InTopic(delay)) = again {
            match self.park(context, (number, &accepted), delay, &reason)? {
                None => return Ok(()),
                Some(refused) => reason = format!("{reason}; and it cannot wait in its retry topic: {refused}"),
            }
        }
        let error = OperatorError::GivenUp { node, job, attempts, reason: reason.into() };
        let verdict = match again {
            Some(Again::InPlace(pause)) => Verdict::Again(pause),
            Some(Again::InTopic(_)) | None => self.verdict(context, (&accepted, &error), may_retry),
        };
        match verdict {
            Verdict::Again(pause) => {
                tracing::debug!(task = %context.task, %error, ?pause, "a handler has failed and is called again");
                self.rows.borrow_mut().delay(number, later(context.wall_clock, pause));
                self.schedule.delay(number, now.saturating_add(pause));
                self.counts.retried += 1;
            }
            Verdict::Fail => return Err(error),
            verdict @ (Verdict::Skip | Verdict::DeadLetter) => {
                self.rows.borrow_mut().remove(number);
                self.schedule.done(number, accepted.key.as_deref());
                *self.counts.given_up.entry(failure.kind.label()).or_default() += 1;
                context.skip_record(DropReason::Failed, &error);
                if verdict == Verdict::DeadLetter {
                    context.give_up(GivenUp { error, accepted, reason: DropReason::Failed });
                }
            }
        }
        Ok(())
    }

    fn verdict(&self, context: &Context, (accepted, error): (&Accepted, &OperatorError), may_retry: bool) -> Verdict {
        match self.options.give_up {
            Some(GiveUp::DeadLetter) => Verdict::DeadLetter,
            Some(GiveUp::Skip) => Verdict::Skip,
            Some(GiveUp::Fail) => Verdict::Fail,
            // The settings know of retries, too.
            None => context.judge(&Judged { accepted, error, may_retry: self.options.retry.is_none() && may_retry }),
        }
    }

    /// Moves a record to the retry topic with that delay. Returns the error if the topic does not take it, as it may do
    /// because the record's headers have become more.
    fn park(
        &mut self,
        context: &mut Context,
        (number, accepted): (i64, &Accepted),
        delay: Duration,
        reason: &str,
    ) -> Result<Option<OperatorError>, OperatorError> {
        let Some(topic) = self.retry_topics.iter().find(|topic| topic.delay == delay) else { return Ok(None) };
        // It gets another number when it comes back.
        let own = (Partition(self.partition), number);
        let first = accepted.first.or_else(|| accepted.position.is_none().then_some(own));
        let due = later(context.wall_clock, delay);
        let parked = Parked { accepted: Accepted { first, ..accepted.clone() }, reason: reason.into(), due };
        if let Err(error) = topic.send(context, parked) {
            let OperatorError::Send { error: cause, .. } = &error else { return Err(error) };
            let is_the_records_fault = matches!(cause.kind, LogErrorKind::TooLarge | LogErrorKind::Timestamp(_));
            context.forget_unsent();
            return if is_the_records_fault { Ok(Some(error)) } else { Err(error) };
        }
        tracing::debug!(task = %context.task, topic = &*topic.name, number, reason, "a record waits in a retry topic");
        self.rows.borrow_mut().remove(number);
        self.schedule.done(number, accepted.key.as_deref());
        self.counts.retried += 1;
        self.counts.moved_to_topics += 1;
        Ok(None)
    }

    /// A handler with a limit of its own takes nothing of the common budget.
    fn count_bytes(&mut self) {
        if self.options.bytes_max.is_none() {
            self.share.set(self.rows.borrow().bytes());
        }
    }

    /// Takes handlers that have taken too long for failed ones.
    fn time_out(&mut self, context: &mut Context, now: Duration) -> Result<usize, OperatorError> {
        let is_late = |attempt: &Attempt| attempt.deadline <= now;
        let late: Vec<_> =
            self.attempts.iter().filter(|(_, attempt)| is_late(attempt)).map(|(number, _)| *number).collect();
        let mut changed = 0;
        for number in late {
            let reason = format!("it took longer than {:?}", self.options.timeout);
            changed += self.ended(context, now, (number, Err(Failure::new(FailureKind::Timeout, reason))))?;
        }
        Ok(changed)
    }
}

impl<K: Field, V: Field, R: Clone + Send + 'static> Next<K, V> for HandlerNode<K, V, R> {
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        // The runtime has attended to it before. If not, what waits to be tried again does not wait any longer.
        self.load(context.wall_clock, Duration::ZERO)?;
        let accepted = self.accepted(context, record)?;
        let mut rows = self.rows.borrow_mut();
        let number = rows.next_number();
        let is_first = self.schedule.add(number, accepted.key.as_deref());
        rows.add(accepted);
        if is_first {
            self.schedule.offer(number);
        }
        drop(rows);
        self.count_bytes();
        self.counts.accepted += 1;
        Ok(())
    }
}

impl<K: Field, V: Field, R: Clone + Send + 'static> Flush for HandlerNode<K, V, R> {
    fn flush(&mut self, context: &mut Context, rows_max: usize) -> Result<bool, OperatorError> {
        let mut rows = self.rows.borrow_mut();
        let written = rows.write(rows_max, context.wall_clock);
        self.flushed_to = rows.next_number();
        written.map_err(|error| OperatorError::rows(&self.node, error))
    }

    /// What is kept is no copy of anything.
    fn make_room(&mut self, _context: &mut Context, _rows_max: usize) -> Result<bool, OperatorError> {
        Ok(true)
    }

    fn drop_clean(&mut self, _rows_max: usize) -> bool {
        true
    }
}

impl<K: Field, V: Field, R: Clone + Send + 'static> Attend for HandlerNode<K, V, R> {
    fn name(&self) -> &Arc<str> {
        &self.node
    }

    fn attend(&mut self, context: &mut Context, now: Duration, may_start: bool) -> Result<usize, OperatorError> {
        self.load(context.wall_clock, now)?;
        let mut changed = 0;
        for _ in 0..ENDS_PER_LOOK {
            let Some(end) = self.mailbox.take() else { break };
            changed += self.ended(context, now, end)?;
        }
        changed += self.time_out(context, now)?;
        self.count_bytes();
        if may_start {
            changed += self.start_all(now)?;
        }
        Ok(changed)
    }

    fn is_full(&self) -> bool {
        let rows = self.rows.borrow();
        let is_over = |max| rows.bytes() >= max;
        rows.len() >= self.options.records_max
            || self.options.bytes_max.map_or_else(|| self.share.is_used_up(), is_over)
    }

    fn is_idle(&self) -> bool {
        self.rows.borrow().is_empty() && self.attempts.is_empty() && self.mailbox.is_empty()
    }

    fn running(&self) -> usize {
        self.attempts.len()
    }

    fn next_due(&self, now: Duration) -> Option<Duration> {
        if !self.mailbox.is_empty() {
            return Some(Duration::ZERO);
        }
        let left = |time: Duration| time.saturating_sub(now);
        let deadline = self.attempts.values().map(|attempt| left(attempt.deadline)).min();
        let start = match (self.schedule.ready(), self.obstacle) {
            (0, _) | (_, Some(Obstacle::AllTaken)) => None,
            (_, Some(Obstacle::OthersTurn)) => Some(NEXT_VISIT),
            (ready, None) if ready < self.options.batch => {
                Some(self.ready_since.map_or(Duration::ZERO, |since| left(since.saturating_add(self.options.linger))))
            }
            (_, None) => Some(Duration::ZERO),
        };
        deadline.into_iter().chain(start).chain(self.schedule.next_due().map(left)).min()
    }

    fn committed(&mut self) {
        self.schedule.committed(self.flushed_to);
    }

    fn withdraw(&mut self) {
        for (_, Attempt { records, .. }) in std::mem::take(&mut self.attempts) {
            records.into_iter().for_each(|number| self.schedule.offer(number));
        }
        self.applicant.withdraw();
        (self.ready_since, self.obstacle) = (None, None);
    }

    fn metrics(&self) -> HandlerMetrics {
        let running = self.attempts.values().map(|attempt| attempt.records.len() as u64).sum();
        let waiting = (self.rows.borrow().len() as u64).saturating_sub(running);
        HandlerMetrics { running, waiting, ..self.counts.clone() }
    }
}
