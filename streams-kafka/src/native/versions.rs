//! Notes in which version a producer was registered, which tells how old the broker is.
//!
//! With a broker that is older than a feature, librdkafka leaves the feature out and says nothing: before Kafka 2.5, positions
//! are committed without the group's generation (2.12.1, `rd_kafka_txn_send_TxnOffsetCommitRequest`), so that a process that
//! has lost its tasks is not refused. No function says which versions a broker has, but interceptors see each request.

use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicI16, Ordering};

use rdkafka::bindings as sys;
use sys::rd_kafka_resp_err_t as Answer;

use super::{CallbackContext, Client};

/// `InitProducerId`, by which a transactional producer is registered.
const REGISTER: i16 = 22;

/// The version of the last such request; negative if there was none.
#[derive(Debug)]
pub(super) struct Registration(AtomicI16);

impl Default for Registration {
    fn default() -> Self {
        Self(AtomicI16::new(-1))
    }
}

impl Client {
    /// The version of the request by which the producer was registered, if it was.
    pub(crate) fn registration_version(&self) -> Option<i16> {
        let version = self.0.context.registration.0.load(Ordering::SeqCst);
        (version >= 0).then_some(version)
    }
}

/// Makes a client that is being created note it.
///
/// # Safety
/// `rk` is being created, and `context` is its `CallbackContext`, which outlives its threads.
pub(super) unsafe fn note(rk: *mut sys::rd_kafka_t, name: *const c_char, context: *mut c_void) -> Answer {
    // SAFETY: as this function's own.
    unsafe { sys::rd_kafka_interceptor_add_on_request_sent(rk, name, Some(on_request), context) }
}

/// Called on the connection's own thread.
unsafe extern "C" fn on_request(
    _: *mut sys::rd_kafka_t,
    _: c_int,
    _: *const c_char,
    _: i32,
    key: i16,
    version: i16,
    _: i32,
    _: usize,
    context: *mut c_void,
) -> Answer {
    if key == REGISTER {
        // SAFETY: the pointer that was given to `note`.
        let context = unsafe { &*context.cast::<CallbackContext>() };
        context.registration.0.store(version, Ordering::SeqCst);
    }
    Answer::RD_KAFKA_RESP_ERR_NO_ERROR
}
