//! What a consumer reads, and what it says to its group.

use std::ptr;
use std::sync::atomic::Ordering;

use rdkafka::bindings as sys;
use streams_core::log::GroupMetadata;

use super::{Client, PartitionList, c_string, take_error, text_of};
use crate::errors::Code;

/// Turns librdkafka's way to say "no error" into Rust's.
fn result(code: sys::rd_kafka_resp_err_t) -> Result<(), Code> {
    match code as i32 {
        0 => Ok(()),
        code => Err(Code(code)),
    }
}

impl Client {
    /// Starts reading these partitions at their offsets, beside those that are read already.
    pub(crate) fn assign_more(&self, partitions: &PartitionList) -> Result<(), Code> {
        // SAFETY: a live consumer and a live list, which is copied.
        let error = unsafe { take_error(sys::rd_kafka_incremental_assign(self.rk(), partitions.as_ptr())) };
        error.map_or(Ok(()), |(code, _)| Err(code))
    }

    /// Stops reading these partitions. What was fetched of them is not handed out any more.
    pub(crate) fn assign_less(&self, partitions: &PartitionList) -> Result<(), Code> {
        // SAFETY: a live consumer and a live list, which is copied.
        let error = unsafe { take_error(sys::rd_kafka_incremental_unassign(self.rk(), partitions.as_ptr())) };
        error.map_or(Ok(()), |(code, _)| Err(code))
    }

    /// Joins the group for these topics.
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

    /// Gives the assignment back; the rebalance goes on.
    pub(crate) fn unassign(&self) -> Result<(), Code> {
        // SAFETY: a live consumer; null is "no assignment".
        result(unsafe { sys::rd_kafka_assign(self.rk(), ptr::null()) })
    }

    /// Whether the assignment belongs to others already.
    pub(crate) fn is_assignment_lost(&self) -> bool {
        // SAFETY: a live consumer.
        unsafe { sys::rd_kafka_assignment_lost(self.rk()) != 0 }
    }

    /// The member's generation and id as they are now; generation -1 when it is no member.
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

    /// Fills in the offsets that are committed, waiting for open transactions, at most `timeout_ms`.
    pub(crate) fn committed(&self, partitions: &mut PartitionList, timeout_ms: i32) -> Result<(), Code> {
        // SAFETY: a live consumer and a live list of ours, which is filled in.
        result(unsafe { sys::rd_kafka_committed(self.rk(), partitions.as_ptr(), timeout_ms) })
    }

    /// Leaves the group. Waits until that is done.
    pub(crate) fn leave_group(&self) -> Result<(), Code> {
        self.0.context.is_leaving.store(true, Ordering::SeqCst);
        // A rebalance that waits for its acknowledgement would wait for ever.
        let _ = self.unassign();
        // SAFETY: a live consumer.
        result(unsafe { sys::rd_kafka_consumer_close(self.rk()) })
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
