//! Moves fetched records into the tasks' buffers.

use super::Worker;
use crate::log::{FetchEvent, LogErrorKind};
use crate::record::TopicPartition;
use crate::runtime::AppError;
use crate::runtime::task::Input;

impl Worker {
    /// Fetches once and fills the buffers. Returns whether there was anything.
    pub(super) fn fetch(&mut self) -> Result<bool, AppError> {
        let mut events = std::mem::take(&mut self.events);
        self.consumer.fetch(self.seed.common.settings.records_per_round, &mut events);
        let any = !events.is_empty();
        let mut outcome = Ok(());
        for event in events.drain(..) {
            if outcome.is_ok() {
                outcome = self.fetched(event);
            }
        }
        self.events = events;
        outcome.map(|()| any)
    }

    fn fetched(&mut self, event: FetchEvent) -> Result<(), AppError> {
        match event {
            FetchEvent::Records { partition, batch } => {
                let records_max = self.seed.common.settings.buffered_records;
                let (held, bytes_max) = (self.buffered.clone(), self.input_buffer_bytes());
                let wall_clock = self.seed.common.clock.now();
                if let Some(input) = self.input_of(&partition) {
                    input.push(batch);
                    // Not one that is empty, for which others may wait.
                    let is_too_much = input.buffered() > 0 && held.get() > bytes_max;
                    // Nor one that has to wait, perhaps for hours: what is behind it waits in the log.
                    if !input.paused && (input.buffered() > records_max || is_too_much || input.waits(wall_clock)) {
                        input.paused = true;
                        self.consumer.pause(&partition);
                    }
                }
                Ok(())
            }
            FetchEvent::End { partition, position } => {
                if let Some(input) = self.input_of(&partition) {
                    input.reached_end(position);
                }
                Ok(())
            }
            FetchEvent::OutOfRange { partition, position } => {
                self.position_is_lost(&partition, position);
                Ok(())
            }
            FetchEvent::Error { error, .. } if error.is_transient() => Ok(()),
            // A topic that was read because it matches a pattern was deleted: the control will notice.
            FetchEvent::Error { partition: Some(partition), error }
                if error.kind == LogErrorKind::UnknownTopic
                    && self.seed.common.plan.matched.contains(&partition.topic) =>
            {
                tracing::warn!(%partition, %error, "a topic that matched a pattern is gone");
                Ok(())
            }
            FetchEvent::Error { partition, error } => {
                let of = partition.map_or_else(String::new, |partition| format!(" partition {partition}"));
                Err(AppError::log(format!("reading{of}"), error))
            }
        }
    }

    /// How many bytes the input buffers of this worker may hold.
    pub(super) fn input_buffer_bytes(&self) -> usize {
        let settings = &self.seed.common.settings;
        settings.input_buffer_bytes / settings.workers.max(1)
    }

    /// The input that reads a partition.
    pub(super) fn input_of(&mut self, partition: &TopicPartition) -> Option<&mut Input> {
        let (task, index) = self.routes.get(partition)?;
        self.slots.running_task(*task)?.inputs.get_mut(*index)
    }
}
