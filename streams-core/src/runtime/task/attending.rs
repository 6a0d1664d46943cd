//! What a task does for the handlers that work on its records: it hears of their ends, and starts others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Task;
use crate::operators::handler::HandlerMetrics;
use crate::operators::{Address, OperatorError, blaming};
use crate::record::TopicPartition;
use crate::runtime::AppError;

impl Task {
    /// Attends to the task's handlers, and starts others if `may_start`. Returns how many records have changed.
    pub(crate) fn attend(&mut self, now: Duration, may_start: bool) -> Result<usize, AppError> {
        if self.parts.attended.is_empty() {
            return Ok(0);
        }
        let _span = self.span.clone().entered();
        let position = self.context.position.take();
        let (attended, context) = (&self.parts.attended, &mut self.context);
        let attended = attended.iter().try_fold(0, |changed, node| {
            let attend = || node.borrow_mut().attend(context, now, may_start);
            Ok(changed + blaming(Address::of(node), attend)?)
        });
        let changed = attended.map_err(|error| self.not_handled(error))?;
        self.context.position = position;
        self.metrics.uncommitted += changed as u64;
        self.write_lost()?;
        self.note_drops();
        Ok(changed)
    }

    /// The error for a record that is given up by ending the application, which names it, or for anything else.
    #[cold]
    fn not_handled(&self, error: OperatorError) -> AppError {
        match (&error, &self.context.position) {
            (OperatorError::GivenUp { .. }, Some(position)) => AppError::Record {
                task: self.id,
                partition: TopicPartition { topic: Arc::clone(&position.topic), partition: position.partition },
                offset: position.offset.0,
                error,
            },
            _ => AppError::Operator { task: self.id, error },
        }
    }

    /// Whether there are handlers at all.
    pub(crate) fn has_handlers(&self) -> bool {
        !self.parts.attended.is_empty()
    }

    /// Whether handlers have to end before the task takes more records.
    pub(crate) fn is_full(&self) -> bool {
        self.parts.attended.iter().any(|node| node.borrow().is_full())
    }

    /// Whether no handler has anything to do.
    pub(super) fn has_nothing_in_flight(&self) -> bool {
        self.parts.attended.iter().all(|node| node.borrow().is_idle())
    }

    /// How many handlers are running.
    pub(crate) fn handlers_running(&self) -> usize {
        self.parts.attended.iter().map(|node| node.borrow().running()).sum()
    }

    /// How often handlers have come to an end with a record.
    pub(crate) fn handlers_ended(&self) -> u64 {
        let ended =
            |metrics: HandlerMetrics| metrics.succeeded + metrics.retried + metrics.given_up.values().sum::<u64>();
        self.parts.attended.iter().map(|node| ended(node.borrow().metrics())).sum()
    }

    /// How long to wait before there is something to attend to, unless the doorbell rings before.
    pub(crate) fn next_attendance(&self, now: Duration) -> Option<Duration> {
        self.parts.attended.iter().filter_map(|node| node.borrow().next_due(now)).min()
    }

    /// Cancels the handlers that are running; they begin again when the task goes on.
    pub(crate) fn withdraw(&mut self) {
        self.parts.attended.iter().for_each(|node| node.borrow_mut().withdraw());
    }

    /// What handlers have done, with what they had done before the task was opened.
    pub(super) fn handler_metrics(&self) -> BTreeMap<Arc<str>, HandlerMetrics> {
        let mut metrics = self.handled_before.clone();
        for node in &self.parts.attended {
            let node = node.borrow();
            let before = self.handled_before.get(node.name()).cloned().unwrap_or_default();
            metrics.insert(Arc::clone(node.name()), node.metrics().after(&before));
        }
        metrics
    }
}
