//! A consumer's assignment, and the calls about its group.

use std::ptr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::bindings as sys;
use streams_core::log::GroupMetadata;

use super::{Client, PartitionList, c_string, take_error, text_of};
use crate::errors::Code;

/// The group may be in the middle of a rebalance, and others slow.
const LEAVE_PATIENCE: Duration = Duration::from_secs(5);

/// How long a client that closes may wait for its group's coordinator.
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

/// Converts librdkafka's error codes, one of which means "no error", to a `Result`.
fn result(code: sys::rd_kafka_resp_err_t) -> Result<(), Code> {
    match code as i32 {
        0 => Ok(()),
        code => Err(Code(code)),
    }
}

impl Client {
    /// Starts reading these partitions at their offsets, in addition to those already being read.
    pub(crate) fn assign_more(&self, partitions: &PartitionList) -> Result<(), Code> {
        // SAFETY: a live consumer and a live list, which is copied.
        let error = unsafe { take_error(sys::rd_kafka_incremental_assign(self.rk(), partitions.as_ptr())) };
        error.map_or(Ok(()), |(code, _)| Err(code))
    }

    /// Stops reading these partitions. Records that have been fetched are not delivered any more.
    pub(crate) fn assign_less(&self, partitions: &PartitionList) -> Result<(), Code> {
        // SAFETY: a live consumer and a live list, which is copied.
        let error = unsafe { take_error(sys::rd_kafka_incremental_unassign(self.rk(), partitions.as_ptr())) };
        error.map_or(Ok(()), |(code, _)| Err(code))
    }

    /// Joins the group and subscribes to these topics.
    pub(crate) fn subscribe(&self, topics: &PartitionList) -> Result<(), Code> {
        // SAFETY: a live consumer and a live list, which is copied.
        result(unsafe { sys::rd_kafka_subscribe(self.rk(), topics.as_ptr()) })
    }

    /// Accepts an assignment without reading any of it.
    pub(crate) fn assign_nothing(&self) -> Result<(), Code> {
        let nothing = PartitionList::new();
        // SAFETY: a live consumer and a live list, which is copied.
        result(unsafe { sys::rd_kafka_assign(self.rk(), nothing.as_ptr()) })
    }

    /// Gives the assignment back, so that the rebalance can continue.
    pub(crate) fn unassign(&self) -> Result<(), Code> {
        // SAFETY: a live consumer; null is "no assignment".
        result(unsafe { sys::rd_kafka_assign(self.rk(), ptr::null()) })
    }

    /// Whether the assignment may already belong to others.
    pub(crate) fn is_assignment_lost(&self) -> bool {
        // SAFETY: a live consumer.
        unsafe { sys::rd_kafka_assignment_lost(self.rk()) != 0 }
    }

    /// The member's current generation and id; the generation is -1 if it is not a member.
    pub(crate) fn group_metadata(&self) -> Option<GroupMetadata> {
        // SAFETY: a live consumer; the metadata is ours until it is destroyed, its texts live with it.
        unsafe {
            let metadata = sys::rd_kafka_consumer_group_metadata(self.rk());
            if metadata.is_null() {
                return None;
            }
            let copy = GroupMetadata {
                group: text_of(sys::rd_kafka_consumer_group_metadata_group_id(metadata)),
                generation: sys::rd_kafka_consumer_group_metadata_generation_id(metadata),
                member_id: text_of(sys::rd_kafka_consumer_group_metadata_member_id(metadata)),
            };
            sys::rd_kafka_consumer_group_metadata_destroy(metadata);
            Some(copy)
        }
    }

    /// Commits these offsets. Waits for the answer.
    pub(crate) fn commit(&self, offsets: &PartitionList) -> Result<(), Code> {
        // SAFETY: a live consumer and a live list, which is copied.
        result(unsafe { sys::rd_kafka_commit(self.rk(), offsets.as_ptr(), 0) })
    }

    /// Fills in the committed offsets. Waits for open transactions, at most for `timeout_ms`.
    pub(crate) fn committed(&self, partitions: &mut PartitionList, timeout_ms: i32) -> Result<(), Code> {
        // SAFETY: a live consumer and a live list of ours, which is filled in.
        result(unsafe { sys::rd_kafka_committed(self.rk(), partitions.as_ptr(), timeout_ms) })
    }

    /// Leaves the group. Waits until that is done, but not for ever.
    ///
    /// Closing the client is not enough for a static member, which stays in the group to come back (2.12.1,
    /// `rd_kafka_cgrp_leave_maybe`). But one that has nothing to read leaves, whether it is static or not.
    pub(crate) fn leave_group(&self) -> Result<(), Code> {
        self.0.context.is_leaving.store(true, Ordering::SeqCst);
        // SAFETY: a live consumer.
        let unsubscribed = result(unsafe { sys::rd_kafka_unsubscribe(self.rk()) });
        // Otherwise, a rebalance that waits for its acknowledgement would wait for ever.
        let _ = self.unassign();
        if unsubscribed.is_ok() {
            let has_left = self.wait_until_left();
            // The call that revoked the assignment may still be in the queue. librdkafka drops what is asked in it, and
            // would never answer, if that arrives just when the client ends (2.12.1, `rd_kafka_cgrp_terminated`).
            self.0.context.has_left.store(has_left, Ordering::SeqCst);
            if !has_left {
                tracing::warn!(
                    "the group is waiting for another member and does not answer, so it hears of the stop only when \
                     `session.timeout.ms` has passed; others take over after that"
                );
            }
        }
        self.close_consumer()
    }

    /// Waits for the answer to the request to leave. `rd_kafka_consumer_close` would wait for ever if it does not come.
    fn close_consumer(&self) -> Result<(), Code> {
        // SAFETY: a live client; the queue is ours until it is destroyed below.
        let queue = unsafe { sys::rd_kafka_queue_new(self.rk()) };
        // SAFETY: a live consumer and a live queue, which the client keeps for as long as it sends to it.
        let refused = unsafe { take_error(sys::rd_kafka_consumer_close_queue(self.rk(), queue)) };
        let since = Instant::now();
        let is_closed = || {
            // SAFETY: a live consumer.
            unsafe { sys::rd_kafka_consumer_closed(self.rk()) != 0 }
        };
        while refused.is_none() && !is_closed() && since.elapsed() < CLOSE_PATIENCE {
            // SAFETY: a live queue that gets no records, because a member reads none. Serves the callback about the
            // rebalance, and waits at most for so many milliseconds.
            unsafe { sys::rd_kafka_queue_poll_callback(queue, 10) };
        }
        // SAFETY: the queue is ours and not used again. What the client still sends to it is dropped.
        unsafe { sys::rd_kafka_queue_destroy(queue) };
        match refused {
            Some((code, _)) => Err(code),
            None if is_closed() => Ok(()),
            None => Err(Code::TIMED_OUT),
        }
    }

    /// Waits until the client has sent its request to leave, upon which it forgets its member id; `false` if that takes
    /// too long. librdkafka puts it off while the group rebalances, which it does for long if it waits for a member that
    /// was killed.
    fn wait_until_left(&self) -> bool {
        let since = Instant::now();
        while self.group_metadata().is_some_and(|metadata| !metadata.member_id.is_empty()) {
            if since.elapsed() >= LEAVE_PATIENCE {
                return false;
            }
            // Serves the callback about the rebalance. Anything else does not matter any more.
            while self.poll_member().is_some() {}
            std::thread::sleep(Duration::from_millis(2));
        }
        true
    }
}

/// A member's metadata in librdkafka's memory.
pub(super) struct NativeGroupMetadata(pub(super) *mut sys::rd_kafka_consumer_group_metadata_t);

impl NativeGroupMetadata {
    pub(super) fn of(metadata: &GroupMetadata) -> Result<Self, streams_core::log::LogError> {
        let (group, member) = (c_string(&metadata.group)?, c_string(&metadata.member_id)?);
        // SAFETY: terminated strings, which are copied; null is "no instance id".
        Ok(Self(unsafe {
            sys::rd_kafka_consumer_group_metadata_new_with_genid(
                group.as_ptr(),
                metadata.generation,
                member.as_ptr(),
                ptr::null(),
            )
        }))
    }
}

impl Drop for NativeGroupMetadata {
    fn drop(&mut self) {
        // SAFETY: the metadata is ours.
        unsafe { sys::rd_kafka_consumer_group_metadata_destroy(self.0) };
    }
}
