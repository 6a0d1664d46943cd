//! What was fetched, on its way into the tasks' buffers.

use std::collections::HashMap;
use std::task::Poll;

use super::slots::Slots;
use super::{RECORDS_PER_ROUND, Worker};
use crate::log::{FetchEvent, Isolation};
use crate::record::{Offset, TaskId, TopicPartition};
use crate::runtime::AppError;
use crate::runtime::settings::OffsetReset;
use crate::runtime::task::Input;

impl Worker {
    /// Moves what was fetched into the tasks' buffers; whether there was anything.
    pub(super) fn fetch(&mut self) -> Result<bool, AppError> {
        let mut events = std::mem::take(&mut self.events);
        self.consumer.fetch(RECORDS_PER_ROUND, &mut events);
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

    pub(super) fn fetched(&mut self, event: FetchEvent) -> Result<(), AppError> {
        let limit = self.seed.shared.settings.buffered_records;
        match event {
            FetchEvent::Records { partition, batch } => {
                if let Some(input) = input_of(&mut self.slots, &self.routes, &partition) {
                    input.push(batch);
                    if input.buffered() > limit && !input.paused {
                        input.paused = true;
                        self.consumer.pause(&partition);
                    }
                }
                Ok(())
            }
            FetchEvent::End { partition, position } => {
                if let Some(input) = input_of(&mut self.slots, &self.routes, &partition) {
                    input.reached_end(position);
                }
                Ok(())
            }
            FetchEvent::OutOfRange { partition, position } => self.out_of_range(&partition, position),
            FetchEvent::Error { error, .. } if error.is_transient() => Ok(()),
            FetchEvent::Error { partition, error } => {
                let of = partition.map_or_else(String::new, |partition| format!(" partition {partition}"));
                Err(AppError::log(format!("reading{of}"), error))
            }
        }
    }

    /// A position that was committed does not exist any more: that is an error unless the application
    /// said where to go on (rule F12: never a silent reset). In an internal topic it always is.
    pub(super) fn out_of_range(&mut self, partition: &TopicPartition, position: Offset) -> Result<(), AppError> {
        let (partition, one) = (partition.clone(), vec![partition.clone()]);
        if self.seed.shared.plan.is_repartition_topic(&partition.topic) {
            return Err(AppError::InternalOutOfRange { partition, position: position.0 });
        }
        let reply = match self.seed.shared.settings.out_of_range {
            OffsetReset::None => {
                return Err(AppError::InputOutOfRange { partition, position: position.0, detail: String::new() });
            }
            OffsetReset::Earliest => self.admin.start_offsets(one),
            OffsetReset::Latest => self.admin.end_offsets(one, Isolation::ReadUncommitted),
        };
        self.resets.push((partition, position, reply));
        Ok(())
    }

    /// Moves inputs to where `auto.offset.reset` says, once the log has said where that is.
    pub(super) fn reset_positions(&mut self) -> Result<(), AppError> {
        for (partition, position, mut reply) in std::mem::take(&mut self.resets) {
            match reply.poll() {
                Poll::Pending => self.resets.push((partition, position, reply)),
                Poll::Ready(Some(Ok(offsets))) => {
                    let target = offsets.first().copied().unwrap_or_default();
                    tracing::warn!(%partition, position = position.0, target = target.0,
                        "position does not exist; going on where `auto.offset.reset` says");
                    if let Some(input) = input_of(&mut self.slots, &self.routes, &partition) {
                        input.clear();
                        input.position = target;
                        self.consumer.add(&partition, target);
                    }
                }
                Poll::Ready(Some(Err(error))) if !error.is_transient() => {
                    return Err(AppError::log(format!("asking where {partition} begins and ends"), error));
                }
                Poll::Ready(_) => self.out_of_range(&partition, position)?,
            }
        }
        Ok(())
    }
}

fn input_of<'a>(
    slots: &'a mut Slots,
    routes: &HashMap<TopicPartition, (TaskId, usize)>,
    partition: &TopicPartition,
) -> Option<&'a mut Input> {
    let (task, index) = routes.get(partition)?;
    slots.running_task(*task)?.inputs.get_mut(*index)
}
