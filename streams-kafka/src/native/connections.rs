//! Counts broken connections at the moment when they break.
//!
//! librdkafka reports errors late, in a queue, and most broken connections not at all: to it, a broker that closes a
//! connection or a request that times out is no error. But it calls interceptors at each change, before it does anything
//! about the requests in flight. So when a repeated request is answered, the connection on which it was first sent has
//! already been counted.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::atomic::{AtomicU64, Ordering};

use rdkafka::bindings as sys;
use sys::rd_kafka_resp_err_t as Answer;

use super::{CallbackContext, Client, Conf, versions};

/// The number of connections of a client that have broken.
#[derive(Debug, Default)]
pub(super) struct Broken(AtomicU64);

const NAME: &CStr = c"millstream";

thread_local! {
    /// Whether this thread's connection is up. librdkafka has one thread per connection.
    static STANDS: Cell<bool> = const { Cell::new(false) };
}

impl Client {
    /// The number of its connections that have broken so far; attempts to connect do not count.
    pub(crate) fn broken_connections(&self) -> u64 {
        self.0.context.broken.0.load(Ordering::SeqCst)
    }
}

/// Makes a client that is created from `conf` count.
pub(super) fn count(conf: &Conf, context: *mut c_void) {
    // SAFETY: a live configuration, a static name, and the `CallbackContext` that outlives the client's threads. It
    // fails only where the same was added before.
    unsafe { sys::rd_kafka_conf_interceptor_add_on_new(conf.0, NAME.as_ptr(), Some(on_new), context) };
}

unsafe extern "C" fn on_new(
    rk: *mut sys::rd_kafka_t,
    _: *const sys::rd_kafka_conf_t,
    context: *mut c_void,
    _: *mut c_char,
    _: usize,
) -> Answer {
    // SAFETY: the client that is being created, for which only such calls are allowed, and its context.
    unsafe {
        versions::note(rk, NAME.as_ptr(), context);
        sys::rd_kafka_interceptor_add_on_broker_state_change(rk, NAME.as_ptr(), Some(on_change), context)
    }
}

/// Called on the connection's own thread, under its lock, so it only counts.
unsafe extern "C" fn on_change(
    _: *mut sys::rd_kafka_t,
    _: i32,
    _: *const c_char,
    _: *const c_char,
    _: c_int,
    state: *const c_char,
    context: *mut c_void,
) -> Answer {
    // SAFETY: the pointer that was given to `count`, and a static string.
    let (context, state) = unsafe { (&*context.cast::<CallbackContext>(), CStr::from_ptr(state)) };
    match state.to_bytes() {
        b"UP" => STANDS.set(true),
        b"DOWN" if STANDS.replace(false) => drop(context.broken.0.fetch_add(1, Ordering::SeqCst)),
        _ => {}
    }
    Answer::RD_KAFKA_RESP_ERR_NO_ERROR
}
