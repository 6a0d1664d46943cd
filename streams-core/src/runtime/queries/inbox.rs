//! The questions for one worker.
//!
//! They do not ring its doorbell, they knock: a worker that has nothing else to do answers, and goes on waiting.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Question;
use crate::log::Doorbell;

/// The questions for one worker, who hears a knock for each. A clone is the same inbox.
#[derive(Clone)]
pub(crate) struct Inbox(Arc<Inside>);

struct Inside {
    questions: Mutex<VecDeque<Question>>,
    /// Read once in a while by a worker that is busy with records.
    has_some: AtomicBool,
    doorbell: Doorbell,
}

impl Inbox {
    pub(crate) fn new(doorbell: Doorbell) -> Self {
        Self(Arc::new(Inside { questions: Mutex::default(), has_some: AtomicBool::new(false), doorbell }))
    }

    /// Leaves a question, and wakes the worker.
    pub(crate) fn post(&self, question: Question) {
        let mut questions = self.lock();
        questions.push_back(question);
        self.0.has_some.store(true, Ordering::Relaxed);
        drop(questions);
        self.0.doorbell.knock();
    }

    /// Whether there may be a question.
    pub(crate) fn has_some(&self) -> bool {
        self.0.has_some.load(Ordering::Relaxed)
    }

    /// Takes the question that has waited for longest.
    pub(crate) fn next(&self) -> Option<Question> {
        if !self.has_some() {
            return None;
        }
        let mut questions = self.lock();
        let next = questions.pop_front();
        self.0.has_some.store(!questions.is_empty(), Ordering::Relaxed);
        next
    }

    /// Takes the questions out that should have been answered by now.
    pub(super) fn take_overdue(&self, now: Duration) -> Vec<Question> {
        if !self.has_some() {
            return Vec::new();
        }
        let mut questions = self.lock();
        let (overdue, left): (Vec<_>, Vec<_>) = questions.drain(..).partition(|question| question.answer_by <= now);
        *questions = left.into();
        overdue
    }

    /// Takes all questions out.
    pub(super) fn take_all(&self) -> Vec<Question> {
        self.lock().drain(..).collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Question>> {
        self.0.questions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
