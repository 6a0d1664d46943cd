//! The transactional calls. All except `begin` wait, at most for the given time.

use rdkafka::bindings as sys;
use streams_core::log::GroupMetadata;

use super::group::NativeGroupMetadata;
use super::{Client, PartitionList, text_of};
use crate::errors::{Code, TransactionError};

type Result = std::result::Result<(), TransactionError>;

impl Client {
    /// Registers the transactional id. It may be called again after a timeout, and then continues.
    pub(crate) fn init_transactions(&self, timeout_ms: i32) -> Result {
        // SAFETY: a live producer; the error is taken over.
        unsafe { take(sys::rd_kafka_init_transactions(self.rk(), timeout_ms)) }
    }

    /// Opens a transaction.
    pub(crate) fn begin_transaction(&self) -> Result {
        // SAFETY: as above.
        unsafe { take(sys::rd_kafka_begin_transaction(self.rk())) }
    }

    /// Adds offsets to the transaction. Waits up to the transaction's own timeout, because a shorter one would make it fail
    /// permanently.
    pub(crate) fn send_offsets(&self, offsets: &PartitionList, group: &GroupMetadata) -> Result {
        let metadata = NativeGroupMetadata::of(group).map_err(|error| TransactionError {
            code: Code(-186),
            is_fatal: false,
            is_retriable: false,
            requires_abort: true,
            reason: error.message,
        })?;
        // SAFETY: as above; list and metadata live and are copied.
        unsafe { take(sys::rd_kafka_send_offsets_to_transaction(self.rk(), offsets.as_ptr(), metadata.0, -1)) }
    }

    /// Commits the transaction. It may be called again after a timeout, and then continues.
    pub(crate) fn commit_transaction(&self, timeout_ms: i32) -> Result {
        // SAFETY: as above.
        unsafe { take(sys::rd_kafka_commit_transaction(self.rk(), timeout_ms)) }
    }

    /// Aborts the transaction, including queued records. It may be called again after a timeout, and then continues.
    pub(crate) fn abort_transaction(&self, timeout_ms: i32) -> Result {
        // SAFETY: as above.
        unsafe { take(sys::rd_kafka_abort_transaction(self.rk(), timeout_ms)) }
    }
}

/// # Safety
/// `error` is null or owned by the caller, who does not use it afterwards.
unsafe fn take(error: *mut sys::rd_kafka_error_t) -> Result {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: the caller's promise.
    unsafe {
        let taken = TransactionError {
            code: Code(sys::rd_kafka_error_code(error) as i32),
            is_fatal: sys::rd_kafka_error_is_fatal(error) != 0,
            is_retriable: sys::rd_kafka_error_is_retriable(error) != 0,
            requires_abort: sys::rd_kafka_error_txn_requires_abort(error) != 0,
            reason: text_of(sys::rd_kafka_error_string(error)),
        };
        sys::rd_kafka_error_destroy(error);
        Err(taken)
    }
}
