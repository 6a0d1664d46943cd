//! Answering: lets questions from outside look into the stores of the worker's tasks.
//!
//! That takes a millisecond of a round at most, unless a single look takes longer, so records do not wait for those who ask.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::slots::Phase;
use super::standing::Standing;
use super::{Worker, panic_message};
use crate::record::TopicPartition;
use crate::runtime::queries::{Freshness, Look, Position, QueryError, Question};
use crate::runtime::task::{Input, Task};
use crate::state::{FreshRows, StoreError, StoreErrorKind};

/// How long answers may take in a round.
const ANSWERS_MAX: Duration = Duration::from_millis(1);

/// What becomes of a question for now.
enum Verdict {
    /// It may look at the store, which is here.
    Look(Position),
    /// The worker keeps it, until its patience ends: what stands in the way passes here.
    Wait(QueryError),
    /// The task is somewhere else, or will be.
    Return,
    Refuse(QueryError),
}

impl Worker {
    /// Answers questions. Returns whether there are more.
    pub(super) fn answer_questions(&mut self) -> bool {
        if self.unanswered.is_empty() && !self.seed.inbox.has_some() {
            return false;
        }
        let clock = Arc::clone(&self.seed.common.clock);
        let began = clock.monotonic();
        for question in std::mem::take(&mut self.unanswered) {
            self.answer(question, began);
        }
        while let Some(question) = self.seed.inbox.next() {
            self.answer(question, began);
            if clock.monotonic().saturating_sub(began) >= ANSWERS_MAX {
                return true;
            }
        }
        false
    }

    /// The same between two turns. Returns whether there is a reason for one.
    pub(super) fn answer_at_rest(&mut self) -> bool {
        let _span = self.span.clone().entered();
        self.seed.pulse.begin(self.seed.common.clock.monotonic());
        self.notice_followers();
        let has_more = self.answer_questions();
        self.seed.pulse.rest();
        has_more || self.has_unanswered() || self.is_killed()
    }

    /// Whether somebody waits for an answer that may be possible soon.
    pub(super) fn has_unanswered(&self) -> bool {
        !self.unanswered.is_empty()
    }

    fn answer(&mut self, question: Question, now: Duration) {
        match self.judge(&question, now) {
            Verdict::Look(position) => self.let_look(question, position),
            Verdict::Wait(error) if now >= question.patient_until => question.refuse(error),
            Verdict::Wait(_) => self.unanswered.push(question),
            Verdict::Return => self.seed.common.desk.keep(question),
            Verdict::Refuse(error) => question.refuse(error),
        }
    }

    /// Tells those who read beside the worker whether what is committed is the latest. Before any question is answered, so
    /// that nobody hears of an older row afterwards.
    pub(super) fn tell_readers(&self) {
        let may_speak = self.may_speak(self.seed.common.clock.monotonic()) && self.commit.is_none();
        self.slots.running().for_each(|task| task.tell_readers(may_speak));
    }

    /// Whether its tasks are still its own, as far as it knows.
    fn may_speak(&self, now: Duration) -> bool {
        matches!(self.standing, Standing::Assigned { .. }) && self.seed.common.heard.is_recent(now)
    }

    fn judge(&self, question: &Question, now: Duration) -> Verdict {
        let wish = &question.wish;
        let may_speak = self.may_speak(now);
        let Some(slot) = self.slots.get(wish.task).filter(|slot| may_speak && !slot.is_suspended()) else {
            return Verdict::Return;
        };
        let task = match &slot.phase {
            Phase::Open(task) => task,
            Phase::Opening(opening) => {
                let remaining = opening.metrics.restore_remaining;
                return Verdict::Wait(QueryError::Restoring { store: question.store(), task: wish.task, remaining });
            }
        };
        let reached = position(task, wish.freshness);
        for (partition, wanted) in wish.at_least.iter() {
            match reached.get(partition) {
                Some(own) if own >= wanted => {}
                Some(_) => {
                    let (store, wanted) = (question.store(), Position::clone(&wish.at_least));
                    return Verdict::Wait(QueryError::Behind { store, wanted, reached });
                }
                None if is_read_by_its_fellows(&reached, partition) => {}
                None => {
                    let (store, partition) = (question.store(), partition.clone());
                    return Verdict::Refuse(QueryError::NotAnInput { store, partition, inputs: reached });
                }
            }
        }
        Verdict::Look(reached)
    }

    fn let_look(&mut self, question: Question, position: Position) {
        let Some(task) = self.slots.running_task(question.wish.task) else { return };
        let store = question.store();
        let freshness = question.wish.freshness;
        let found = task.stores.iter().find(|other| other.name == question.wish.store);
        let Some((index, kind)) = found.map(|found| (found.index, Arc::clone(&found.kind))) else {
            let error = StoreError::new(StoreErrorKind::Other, format!("task {} does not have it", task.id));
            return question.refuse(QueryError::Store { store, error });
        };
        let estimate = match question.wish.counts.then(|| task.entries(index, &*kind)) {
            Some(Err(error)) => return question.refuse(QueryError::Store { store, error }),
            Some(Ok(entries)) => entries,
            None => None,
        };
        let view = task.view(&store);
        let newest = view.as_ref().and_then(|view| view.borrow().newest());
        // A row in a cache is encoded for it, by code of the application's.
        let looked = catch_unwind(AssertUnwindSafe(|| match (freshness, view) {
            (Freshness::Latest, Some(view)) => {
                let mut view = view.borrow_mut();
                question.look(Look { rows: view.fresh_rows(), kind: &*kind, newest, position, estimate });
            }
            (Freshness::Latest, None) | (Freshness::Committed, _) => {
                let mut rows = task.committed_rows(&question.wish.store, index);
                let rows: &mut dyn FreshRows = &mut rows;
                question.look(Look { rows, kind: &*kind, newest, position, estimate });
            }
        }));
        if let Err(panic) = looked {
            // Whoever has asked hears that there is no answer.
            tracing::error!(%store, panic = panic_message(&*panic), "a row that was asked for cannot be encoded");
        }
    }
}

/// How far a task is in its inputs.
fn position(task: &Task, freshness: Freshness) -> Position {
    let offset = |input: &Input| match freshness {
        Freshness::Latest => input.position_to_commit(),
        Freshness::Committed => input.committed,
    };
    task.inputs.iter().map(|input| (input.partition.clone(), offset(input))).collect::<Position>()
}

/// Whether another task of the same sub-topology reads a partition.
fn is_read_by_its_fellows(inputs: &Position, partition: &TopicPartition) -> bool {
    inputs.iter().any(|(own, _)| own.topic == partition.topic)
}
