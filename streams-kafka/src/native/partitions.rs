//! librdkafka's list of partitions, with offsets and metadata.

use std::ptr::NonNull;
use std::sync::Arc;

use rdkafka::bindings as sys;
use streams_core::log::LogError;
use streams_core::record::TopicPartition;

use super::{c_string, text_of};
use crate::errors::Code;

/// "No offset", as librdkafka writes it.
const OFFSET_INVALID: i64 = -1001;

/// A list of partitions that librdkafka can read and fill.
pub(crate) struct PartitionList(NonNull<sys::rd_kafka_topic_partition_list_t>);

// SAFETY: the list is plain memory, and only its owner changes it.
unsafe impl Send for PartitionList {}

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionEntry {
    pub(crate) partition: TopicPartition,
    /// `None` if there is none; negative if it is one of librdkafka's logical offsets.
    pub(crate) offset: Option<i64>,
    pub(crate) metadata: String,
    pub(crate) error: Option<Code>,
}

impl PartitionList {
    pub(crate) fn new() -> Self {
        // SAFETY: no preconditions; aborts instead of returning null.
        Self(unsafe { NonNull::new_unchecked(sys::rd_kafka_topic_partition_list_new(8)) })
    }

    /// A list of partitions without offsets.
    pub(crate) fn of<'a>(partitions: impl IntoIterator<Item = &'a TopicPartition>) -> Result<Self, LogError> {
        let mut list = Self::new();
        for partition in partitions {
            list.add(partition, OFFSET_INVALID)?;
        }
        Ok(list)
    }

    /// Adds a partition with an offset.
    pub(crate) fn add(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), LogError> {
        self.add_with_metadata(partition, offset, "")
    }

    /// Adds a partition with an offset and metadata.
    pub(crate) fn add_with_metadata(
        &mut self,
        partition: &TopicPartition,
        offset: i64,
        metadata: &str,
    ) -> Result<(), LogError> {
        let topic = c_string(&partition.topic)?;
        // SAFETY: a live list of ours and a terminated string, which is copied. The entry stays valid until
        // the list changes again. Its metadata is freed with the list by the allocator it comes from.
        unsafe {
            let entry = sys::rd_kafka_topic_partition_list_add(self.as_ptr(), topic.as_ptr(), partition.partition.0);
            (*entry).offset = offset;
            if !metadata.is_empty() {
                let copy = sys::rd_kafka_mem_malloc(std::ptr::null_mut(), metadata.len());
                std::ptr::copy_nonoverlapping(metadata.as_ptr(), copy.cast(), metadata.len());
                (*entry).metadata = copy;
                (*entry).metadata_size = metadata.len();
            }
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        // SAFETY: a live list.
        usize::try_from(unsafe { self.0.as_ref() }.cnt).unwrap_or(0)
    }

    /// The entries of the list, in order.
    pub(crate) fn entries(&self) -> Vec<PartitionEntry> {
        // SAFETY: a live list.
        unsafe { entries(self.as_ptr()) }
    }

    pub(super) const fn as_ptr(&self) -> *mut sys::rd_kafka_topic_partition_list_t {
        self.0.as_ptr()
    }
}

impl Drop for PartitionList {
    fn drop(&mut self) {
        // SAFETY: the list is ours.
        unsafe { sys::rd_kafka_topic_partition_list_destroy(self.as_ptr()) };
    }
}

/// The entries of a list of librdkafka's.
///
/// # Safety
/// `list` is null or a list that lives, unchanged, during the call.
pub(super) unsafe fn entries(list: *const sys::rd_kafka_topic_partition_list_t) -> Vec<PartitionEntry> {
    if list.is_null() {
        return Vec::new();
    }
    // SAFETY: the caller's promise; `elems` holds `cnt` entries.
    unsafe {
        let count = usize::try_from((*list).cnt).unwrap_or(0);
        (0..count).map(|index| entry((*list).elems.add(index))).collect()
    }
}

/// # Safety
/// `entry` is an entry of a list that lives, unchanged, during the call.
pub(super) unsafe fn entry(entry: *const sys::rd_kafka_topic_partition_t) -> PartitionEntry {
    // SAFETY: the caller's promise. The error is read as a number, because the broker may send one that the
    // enum does not have. Metadata is `metadata_size` bytes long.
    unsafe {
        let error = (&raw const (*entry).err).cast::<i32>().read();
        let metadata = if (*entry).metadata.is_null() {
            String::new()
        } else {
            let bytes = std::slice::from_raw_parts((*entry).metadata.cast::<u8>(), (*entry).metadata_size);
            String::from_utf8_lossy(bytes).into_owned()
        };
        PartitionEntry {
            partition: TopicPartition::new(Arc::from(text_of((*entry).topic)), (*entry).partition),
            offset: Some((*entry).offset).filter(|offset| *offset != OFFSET_INVALID),
            metadata,
            error: (error != 0).then_some(Code(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_gives_back_what_was_added() {
        let mut list = PartitionList::new();
        list.add_with_metadata(&TopicPartition::new("a", 1), 7, "text").unwrap();
        list.add(&TopicPartition::new("b", 0), OFFSET_INVALID).unwrap();
        let entry = |topic: &str, partition, offset, metadata: &str| PartitionEntry {
            partition: TopicPartition::new(topic, partition),
            offset,
            metadata: metadata.into(),
            error: None,
        };
        assert_eq!(list.entries(), [entry("a", 1, Some(7), "text"), entry("b", 0, None, "")]);
        assert!(list.add(&TopicPartition::new("zero\0byte", 0), 0).is_err());
    }
}
